"""Everything decided for one text. The names are those of the JSON reply."""

from dataclasses import dataclass, replace
from enum import StrEnum

from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import WordScore


class Action(StrEnum):
    """What was done to a text."""

    PASSED = "passed"
    """Nothing: the answer is the plain model's."""
    NEUTRALIZED = "neutralized"
    """Suspect words were changed and the model asked again."""
    OVERRULED = "overruled"
    """No trigger was found, and the gate and the reference both object to the plain model's label."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A word that was changed, as a span of the original text."""

    word: str
    start: int
    end: int
    attribution: float
    replacement: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One text's answer and how it came about."""

    rule: str
    flagged: bool
    """True when the rule's measure exceeds `threshold`, or a trigger was verified."""
    verified: bool
    """True when a suspect passed the transplant test; always False under rules that do not test."""
    tested: bool | None
    """False when the calibration cannot carry the transplant test for the predicted label, or for the defended one, as
    the operator said: no trigger found means nothing then. None under rules that do not test."""
    action: Action
    anomaly_score: float | None
    """Eq. 8; higher = more suspicious. None where the rule saw no need to score the text."""
    gate_score: float | None
    """How far the text stands out in the plain forward pass; higher = more suspicious. None without a gate."""
    threshold: float
    """Of the rule's measure, for this text: the gate score where the rule has a gate, else the anomaly score."""
    p_value: float
    """Share of clean texts at least as suspicious, in (0, 1]."""
    undefended: Prediction
    """What the plain model says."""
    defended: Prediction
    """What it says once suspects are neutralized, or what the reference says of an overruled text; the same as
    `undefended` otherwise."""
    suspects: tuple[Suspect, ...]
    neutralized_text: str | None
    """The text with replacements made; None where none were."""
    truncated: bool
    """True when the model did not see the end of the text."""
    words: tuple[WordScore, ...]
    """Every word's scores, in text order: the explanation. Empty where the text was not scored."""

    def without_words(self) -> "Verdict":
        """The same without the scores of words."""
        return replace(self, words=())

    @property
    def label(self) -> str:
        """The answer."""
        return self.defended.label

    @property
    def label_id(self) -> int:
        """The answer, as the model numbers it."""
        return self.defended.label_id

    @property
    def score(self) -> float:
        """Probability of the answer."""
        return self.defended.score

    @property
    def probabilities(self) -> dict[str, float]:
        """Probability of every label, by the prediction that gave the answer."""
        return self.defended.probabilities

    @property
    def label_changed(self) -> bool:
        """True when the defense changed the answer."""
        return self.defended.label_id != self.undefended.label_id
