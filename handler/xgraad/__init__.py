"""The X-GRAAD defense, free of TorchServe: `Defense.load(folder)`, then `defense(texts)`."""

from handler.xgraad.calibration import Calibration
from handler.xgraad.calibrator import Calibrator
from handler.xgraad.classifier import Classifier
from handler.xgraad.defense import DEFAULT_RULE, NEUTRALIZERS, RULES, Defense
from handler.xgraad.fingerprint import fingerprint
from handler.xgraad.registry import NoRegistry
from handler.xgraad.scorer import score_encodings
from handler.xgraad.sqlite_registry import SqliteRegistry
from handler.xgraad.verdict import Action, Suspect, Verdict
from handler.xgraad.verified_rule import VerifiedOptions

__all__ = [
    "DEFAULT_RULE",
    "NEUTRALIZERS",
    "RULES",
    "Action",
    "Calibration",
    "Calibrator",
    "Classifier",
    "Defense",
    "NoRegistry",
    "SqliteRegistry",
    "Suspect",
    "Verdict",
    "VerifiedOptions",
    "fingerprint",
    "score_encodings",
]
