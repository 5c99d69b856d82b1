"""The X-GRAAD defense, free of TorchServe: `Defense.load(folder)`, then `defense(texts)`.

A public name is imported when it is first asked for, so that whoever needs a word of this package needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Not when asked for: the module has the function's name, and would hide it as soon as anything imports it.
from handler.xgraad.fingerprint import fingerprint

if TYPE_CHECKING:
    from handler.xgraad.calibration import Calibration
    from handler.xgraad.calibrator import Calibrator
    from handler.xgraad.classifier import Classifier
    from handler.xgraad.defense import Defense
    from handler.xgraad.options import DEFAULT_RULE, NEUTRALIZERS, RULES, VerifiedOptions
    from handler.xgraad.registry import NoRegistry
    from handler.xgraad.scorer import score_encodings
    from handler.xgraad.sqlite_registry import SqliteRegistry
    from handler.xgraad.verdict import Action, Suspect, Verdict
else:
    _MODULE_OF = {
        "DEFAULT_RULE": "options",
        "NEUTRALIZERS": "options",
        "RULES": "options",
        "Action": "verdict",
        "Calibration": "calibration",
        "Calibrator": "calibrator",
        "Classifier": "classifier",
        "Defense": "defense",
        "NoRegistry": "registry",
        "SqliteRegistry": "sqlite_registry",
        "Suspect": "verdict",
        "Verdict": "verdict",
        "VerifiedOptions": "options",
        "score_encodings": "scorer",
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
    "NoRegistry",
    "SqliteRegistry",
    "Suspect",
    "Verdict",
    "VerifiedOptions",
    "fingerprint",
    "score_encodings",
]
