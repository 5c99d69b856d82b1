"""What a scan looks at."""

from collections.abc import Sequence
from dataclasses import dataclass

from handler.xgraad import Calibration, Classifier
from handler.xgraad.verification.transplant import Transplant


@dataclass(frozen=True, kw_only=True)
class ScanMaterial:
    """A checkpoint that loads, its calibration, and the clean texts it was made with."""

    classifier: Classifier
    calibration: Calibration
    trusted: Transplant | None
    """The calibration's reference model, where it has one."""
    texts: Sequence[str]
    """Clean."""
    labels: Sequence[int]
    """What people said of each; none where that is unknown."""
    screening_precision: str = "float32"
    """Of the longest stage of the sweep, "float32" or "bfloat16"; what it lets through is tested in float32."""
    limit_words: int | None = None
    """Sweep only the first so many words."""
