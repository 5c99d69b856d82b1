"""Everything the package raises on purpose.

    XGraadError
    ├── CheckpointError       the model folder is unsafe, incomplete or of an unsupported kind
    │   └── SelfTestError     it loads, but gives other logits than the plain model, no attentions or no gradients
    ├── CalibrationError      the calibration file is unreadable or breaks its schema
    │   ├── FingerprintError  it was made for another checkpoint, tokenizer, length or version
    │   └── TooFewTextsError  too few clean texts for the wanted false-positive rate or the transplant test
    ├── AuditError            the record of the vocabulary sweep breaks its schema or is of another checkpoint
    ├── RepairRecordError     the record of a repair breaks its schema or is of another checkpoint
    ├── SettingsError         model-config.yaml holds an unknown or ill-typed setting
    ├── RegistryError         the file of remembered triggers cannot be used
    └── TextError             a text the tokenizer cannot take

Messages name the field, the rule and the value, and what to do next. They never contain a user's text.
"""

LONGEST_REASON = 300
"""Characters of a library's message that are worth repeating."""
LONGEST_VALUE = 120
"""Characters of a value that are."""


class XGraadError(Exception):
    """Base of all errors above."""


class CheckpointError(XGraadError):
    """A checkpoint that must not or cannot be loaded."""


class SelfTestError(CheckpointError):
    """A checkpoint whose logits are not the plain model's, or whose attentions or gradients carry no defense."""


class CalibrationError(XGraadError):
    """A calibration that cannot be read or made."""


class FingerprintError(CalibrationError):
    """A calibration made for something else; the message names what differs."""


class TooFewTextsError(CalibrationError):
    """Fewer clean texts than the wanted false-positive rate, or the transplant test of some label, needs."""


class AuditError(XGraadError):
    """A record of the vocabulary sweep that cannot be read, or that belongs to something else."""


class RepairRecordError(XGraadError):
    """A record of a repair that cannot be read, or that belongs to something else."""


class SettingsError(XGraadError):
    """A setting that is unknown, of the wrong type or out of range."""


class RegistryError(XGraadError):
    """A file of remembered triggers that cannot be read or written, is damaged, or is something else."""


class TextError(XGraadError):
    """A text that no tokenizer can take, such as one with lone surrogates."""


def reason(error: BaseException) -> str:
    """What a library says of a file, in one line that any terminal can show."""
    text = " ".join(str(error).split()) or type(error).__name__
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= LONGEST_REASON else f"{shown[:LONGEST_REASON]}..."


def shown(value: object) -> str:
    """A value out of a file, short enough for one line of a message, in characters that any terminal has."""
    text = ascii(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
