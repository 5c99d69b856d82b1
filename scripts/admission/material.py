"""What a scan looks at."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

from handler.xgraad import Calibration, Classifier
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.verification.transplant import Transplant
from scripts.admission.screening import screening_in


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
    """Of the longest stages, "float32" or "bfloat16"; what the sweep lets through is tested in float32."""
    limit_words: int | None = None
    """Sweep only the first so many words."""

    def screening(self) -> AbstractContextManager[object]:
        """Entered for stages in that precision."""
        return screening_in(self.screening_precision, self.classifier)

    @cached_property
    def predictions(self) -> list[Prediction]:
        """Of the texts as they are, by the checkpoint; asked for once, whatever number of checks want it."""
        return self.classifier.predictions(list(self.texts))
