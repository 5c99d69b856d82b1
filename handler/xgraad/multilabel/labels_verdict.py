"""Everything decided for one text by a model with several labels: a verdict for each label, and what they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from handler.xgraad.editing.verdict import Action, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.multilabel.label_view import WITH


@dataclass(frozen=True, kw_only=True)
class LabelsPrediction:
    """The labels that a text has."""

    labels: tuple[str, ...]
    """Those above the threshold, in the model's order; may be none."""
    label_ids: tuple[int, ...]
    probabilities: dict[str, float]
    """Every label's own probability, by name, in the model's order; they need not add up to 1."""

    @classmethod
    def of(cls, predictions: Sequence[Prediction], names: Sequence[str], *, threshold: float) -> "LabelsPrediction":
        """From the predictions of the views, in the order of the labels."""
        ids = tuple(label for label, each in enumerate(predictions) if each.label_id == WITH)
        shares = [_unshifted(list(each.probabilities.values())[WITH], threshold) for each in predictions]
        return cls(
            labels=tuple(names[label] for label in ids),
            label_ids=ids,
            probabilities=dict(zip(names, shares, strict=True)),
        )


def _unshifted(share: float, threshold: float) -> float:
    """A view's probability as the label's own sigmoid: at the threshold a view says one half."""
    odds = share * threshold
    return odds / (odds + (1 - share) * (1 - threshold))


@dataclass(frozen=True, kw_only=True)
class LabelsVerdict:
    """One text's labels and how they came about."""

    names: tuple[str, ...]
    """Of all labels, in the model's order."""
    threshold: float
    """Probability above which a text has a label."""
    decisions: tuple[Verdict, ...]
    """For each label what was decided about it, in its view."""

    @property
    def rule(self) -> str:
        """Which rule judged."""
        return self.decisions[0].rule

    @property
    def flagged(self) -> bool:
        """Whether any label was."""
        return any(each.flagged for each in self.decisions)

    @property
    def verified(self) -> bool:
        """Whether a trigger was shown for any label."""
        return any(each.verified for each in self.decisions)

    @property
    def tested(self) -> bool | None:
        """False where a label is not tested; None under rules that do not test."""
        return None if self.decisions[0].tested is None else all(each.tested for each in self.decisions)

    @property
    def action(self) -> Action:
        """The strongest thing that was done about a label."""
        done = {each.action for each in self.decisions}
        return next(action for action in (Action.NEUTRALIZED, Action.OVERRULED, Action.PASSED) if action in done)

    @property
    def label_changed(self) -> bool:
        """Whether any label is there now that was not, or the other way round."""
        return any(each.label_changed for each in self.decisions)

    @property
    def truncated(self) -> bool:
        """True when the model did not see the end of the text."""
        return self.decisions[0].truncated

    @cached_property
    def undefended(self) -> LabelsPrediction:
        """What the plain model says."""
        return self.prediction_of([each.undefended for each in self.decisions])

    @cached_property
    def defended(self) -> LabelsPrediction:
        """What it says once each label's suspects are neutralized."""
        return self.prediction_of([each.defended for each in self.decisions])

    def without_words(self) -> "LabelsVerdict":
        """The same without the scores of words."""
        return replace(self, decisions=tuple(each.without_words() for each in self.decisions))

    def prediction_of(self, predictions: Sequence[Prediction]) -> LabelsPrediction:
        """What a prediction for each view, in order, says of the text."""
        return LabelsPrediction.of(predictions, self.names, threshold=self.threshold)
