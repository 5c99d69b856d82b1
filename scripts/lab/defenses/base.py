"""What every defense fills in: a repair makes another checkpoint, a judge says what label each text deserves."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

from handler.xgraad import Action, Classifier, Suspect, Verdict
from handler.xgraad.files.precision import DEFAULT_PRECISION, Precision
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.words.text import text_key
from scripts.console.errors import LabError
from scripts.lab.defenses.kept import Kept
from scripts.lab.evaluation.evaluation import Judge
from scripts.texts.corpora import Example, read_examples, read_texts
from scripts.texts.model_classes import model_classes
from scripts.texts.reading import AS_FOUND, ReadingOptions

Calibrate = Callable[[Path, Path], None]
"""Calibrates a checkpoint, the first, and writes that to a file, the second."""

LEAST_TUNED = 100
"""Clean texts that a judge is tuned on at the least: its budget is one in a hundred."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a defender has: nothing of it is the attacker's, and none of it a test text."""

    checkpoint: Path
    """Model folder."""
    calibration: Path
    """Of the checkpoint; may not exist yet, see `calibrated`."""
    calibrate: Calibrate
    """Makes the calibration of a checkpoint."""
    work: Path
    """Folder of this checkpoint's own, for what is made once and found again; may not exist yet."""
    max_length: int
    """Tokens of the window that models are trained and served with."""
    clean: Path | None = None
    """Clean texts with labels, held out from training: what a judge is tuned on and a repair learns from."""
    reading: ReadingOptions = AS_FOUND
    """How `clean` is read."""
    n_clean: int | None = None
    """The first so many of them; None for all."""
    held_out: frozenset[str] = frozenset()
    """Texts by their `text_key` that nothing may learn from: what is made is measured on them."""
    more: Path | None = None
    """Further texts of the task, whatever their labels: read without them."""
    trusted_base: str | None = None
    """Folder of an encoder whose publisher is trusted."""
    language_model: str | None = None
    """Folder of a causal one for defenses that read with one; None for a small one that is learned from the clean
    texts."""
    device: str = "cpu"
    precision: str = "float32"
    """Of sweeps and trainings."""
    learning_rate: float | None = None
    """The highest of repairs that train; None for what each has for pretrained encoders."""
    served_precision: Precision = DEFAULT_PRECISION
    """Of models that judge."""
    takes_pairs: bool = False
    """Whether the checkpoint judges pairs of texts: then all texts here are pairs."""
    seed: int = 0
    """Of trainings, and of whatever a defense draws."""
    neutralizer: str | None = None
    """What happens to suspects; None for what is usual."""
    is_forgetful: bool = False
    """Whether defenses that remember must not."""
    windows: str = "off"
    """How the project's rules look at long texts, see `in_windows`."""
    windows_label: str | None = None
    """The label of the windows "any"."""
    kept: Kept = field(default_factory=Kept)
    """Makes what is found again; the same for all parts of a defense."""

    def clean_examples(self) -> list[Example]:
        """The clean texts with their labels, without what is held out.

        Raises:
            LabError: there are none.
        """
        if self.clean is None:
            raise LabError("--data must name clean texts with labels for this defense, is missing")
        examples = read_examples(self.clean, self.reading, classes=model_classes(self.checkpoint))[: self.n_clean]
        return [example for example in examples if text_key(example.text) not in self.held_out]

    def tuning_examples(self) -> list[Example]:
        """The clean texts, where there are enough to tune a judge on.

        Raises:
            LabError: there are none, or too few to tell a point of accuracy.
        """
        examples = self.clean_examples()
        if len(examples) < LEAST_TUNED:
            rule = f"--data must hold at least {LEAST_TUNED} clean texts with labels to tune this defense on"
            raise LabError(f"{rule}, holds {len(examples)}; add some")
        return examples

    def more_texts(self) -> list[str]:
        """The further texts, without what is held out.

        Raises:
            LabError: there are none.
        """
        if self.more is None:
            raise LabError("--texts must name further texts of the task for this defense, is missing")
        return [text for text in read_texts(self.more, self.reading) if text_key(text) not in self.held_out]

    def base(self) -> str:
        """The trusted base.

        Raises:
            LabError: there is none.
        """
        if self.trusted_base is None:
            raise LabError("--trusted-base must name an encoder whose publisher you trust for this defense, is missing")
        return self.trusted_base

    def calibrated(self) -> Path:
        """The calibration of the checkpoint, which is made where it is not there yet."""
        return self.kept.at(self.calibration, partial(self.calibrate, self.checkpoint))

    def classifier(self) -> Classifier:
        """The checkpoint as a server loads it."""
        return Classifier.load(
            self.checkpoint,
            device=self.device,
            max_length=self.max_length,
            precision=self.served_precision,
            takes_pairs=self.takes_pairs,
        )


class Memory(NamedTuple):
    """What a defense remembers."""

    remembered: int = 0
    """Words of triggers."""
    remembered_tied: int = 0
    """Those of them that labels or the reference tie to the label they are remembered for: no triggers, likely."""


class TextJudge(ABC):
    """Says what label each text deserves.

    Args:
        material: what to make it of; whatever has to be tuned is tuned on its clean texts.
    """

    TAKES_PAIRS: ClassVar[bool] = False
    """Whether it can judge pairs of texts. Most methods take texts apart, or put words into them, as single ones."""

    def __init__(self, material: Material) -> None:
        self.material = material

    @abstractmethod
    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict per text, in order, as served."""

    def cold(self) -> Judge:
        """The same without any memory: each text is judged alone. Here: a judge that never has any."""
        return self

    def memory(self) -> Memory:
        """What it remembers at this time. Here: nothing."""
        return Memory()

    def notes(self) -> dict[str, str]:
        """What rows say of how it was made, beside figures. Here: nothing."""
        return {}

    def seconds_aside(self) -> float:
        """What it has spent so far on questions that are asked for comparison, not for its answers. Here: none."""
        return 0.0


class Repair(ABC):
    """Makes another checkpoint of the suspect one.

    Args:
        material: what to make it of.
    """

    NEEDS_BASE: ClassVar[bool] = False
    """Whether it takes a trusted base."""
    NEEDS_MORE: ClassVar[bool] = False
    """Whether it takes further texts."""
    LIMITS: ClassVar[str]
    """What the method cannot promise, in a line that operators read."""

    def __init__(self, material: Material) -> None:
        self.material = material

    @abstractmethod
    def write(self, out: Path) -> None:
        """Write the repaired checkpoint to a folder that does not exist yet: an ordinary one, like the suspect's."""


def plain_verdict(
    rule: str,
    *,
    undefended: Prediction,
    defended: Prediction,
    flagged: bool = False,
    p_value: float = 1.0,
    threshold: float = 0.0,
    suspects: Sequence[Suspect] = (),
    neutralized_text: str | None = None,
) -> Verdict:
    """What a judge that knows neither gate nor attribution says of a text.

    Args:
        rule: its name in the table of defenses.
        undefended: what the plain model says.
        defended: the answer.
        flagged: whether the text counts as attacked.
        p_value: share of clean texts at least as suspicious, in (0, 1].
        threshold: of the judge's own measure.
        suspects: words that were changed, and
        neutralized_text: the text without them; None where none were.
    """
    return Verdict(
        rule=rule,
        flagged=flagged,
        verified=False,
        tested=None,
        action=Action.PASSED if neutralized_text is None else Action.NEUTRALIZED,
        anomaly_score=None,
        gate_score=None,
        threshold=threshold,
        p_value=p_value,
        undefended=undefended,
        defended=defended,
        suspects=tuple(suspects),
        neutralized_text=neutralized_text,
        truncated=False,
        words=(),
    )
