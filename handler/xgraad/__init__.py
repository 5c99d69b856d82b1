"""The X-GRAAD defense, free of TorchServe: `Defense.load(folder)`, then `defense(texts)`.

A public name is imported when it is first asked for, so that whoever needs a word of this package needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handler.xgraad.defense import Defense
    from handler.xgraad.editing.verdict import Action, Suspect, Verdict
    from handler.xgraad.files.fingerprint import fingerprint
    from handler.xgraad.labels_defense import LabelsDefense
    from handler.xgraad.learned.calibration import Calibration
    from handler.xgraad.learned.calibrator import Calibrator
    from handler.xgraad.memory.registry import NoRegistry
    from handler.xgraad.memory.sqlite_registry import SqliteRegistry
    from handler.xgraad.model.classifier import Classifier
    from handler.xgraad.multilabel.labels_calibration import LabelsCalibration, read_calibration
    from handler.xgraad.options import DEFAULT_RULE, NEUTRALIZERS, RULES, VerifiedOptions
    from handler.xgraad.scoring.scorer import score_encodings
    from handler.xgraad.windowed_defense import WindowedDefense, in_windows
else:
    _MODULE_OF = {
        "DEFAULT_RULE": "options",
        "NEUTRALIZERS": "options",
        "RULES": "options",
        "Action": "editing.verdict",
        "Calibration": "learned.calibration",
        "Calibrator": "learned.calibrator",
        "Classifier": "model.classifier",
        "Defense": "defense",
        "LabelsCalibration": "multilabel.labels_calibration",
        "LabelsDefense": "labels_defense",
        "NoRegistry": "memory.registry",
        "SqliteRegistry": "memory.sqlite_registry",
        "Suspect": "editing.verdict",
        "Verdict": "editing.verdict",
        "VerifiedOptions": "options",
        "WindowedDefense": "windowed_defense",
        "fingerprint": "files.fingerprint",
        "in_windows": "windowed_defense",
        "read_calibration": "multilabel.labels_calibration",
        "score_encodings": "scoring.scorer",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value


__all__ = [
    "DEFAULT_RULE",
    "NEUTRALIZERS",
    "RULES",
    "Action",
    "Calibration",
    "Calibrator",
    "Classifier",
    "Defense",
    "LabelsCalibration",
    "LabelsDefense",
    "NoRegistry",
    "SqliteRegistry",
    "Suspect",
    "Verdict",
    "VerifiedOptions",
    "WindowedDefense",
    "fingerprint",
    "in_windows",
    "read_calibration",
    "score_encodings",
]
