"""The label of a long text, of what the model says of each of its windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum

from handler.xgraad.errors import SettingsError, shown
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.options import WINDOW_LABELS, check_name


@dataclass(frozen=True)
class WindowLabel:
    """How the windows make the label.

    `mean`: each label's probability is its mean over the windows. `max`: it is its highest one, all divided by their
    sum. `any`: the text has a label that was named wherever one window has it, with the probabilities of the window
    that is surest of it; else `mean`.
    """

    way: str
    """One of `WINDOW_LABELS`."""
    named: str | None = None
    """The label of `any`."""

    def require(self, labels: Sequence[str]) -> None:
        """Refuse a way that is none, and a named label that is missing, of no use or none of the model's.

        Raises:
            SettingsError: says which.
        """
        check_name("windows", self.way, WINDOW_LABELS)
        if self.way != "any" and self.named is not None:
            raise SettingsError(f"windows_label is for windows: any, got {shown(self.named)} with {self.way}")
        if self.way == "any" and self.named not in labels:
            rule = f"must be one of {', '.join(map(shown, labels))} for windows: any"
            raise SettingsError(f"windows_label {rule}, got {shown(self.named) if self.named else 'none'}")

    def __call__(self, predictions: Sequence[Prediction]) -> Prediction:
        """What is said of the text; `predictions` are its windows', one at least."""
        if self.way == "any":
            having = [each for each in predictions if each.label == self.named]
            return max(having, key=lambda each: each.score) if having else _of(predictions, fsum)
        return _of(predictions, fsum if self.way == "mean" else max)


def _of(predictions: Sequence[Prediction], pool: Callable[[list[float]], float]) -> Prediction:
    """Each label's probabilities pooled, and divided by the sum of all."""
    labels = list(predictions[0].probabilities)
    pooled = [pool([each.probabilities[label] for each in predictions]) for label in labels]
    total = fsum(pooled)
    return Prediction.of([value / total for value in pooled], labels)
