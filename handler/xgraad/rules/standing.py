"""How the label of a text stands once what was verified in it is gone.

Of a phrase or of several triggers some may be left, and what is left may hold the label. A text of the target's own
class to which a trigger was added keeps its label for a better reason, and whoever goes on looking takes its honest
words out. The gate tells the two apart as it does at first, and the margin how much the label would bear.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch

from handler.xgraad.model.classifier import Classifier, Look
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.scoring.gate import GateScore
from handler.xgraad.words.encoding import Encoding

FIRMLY = 0.9
"""Share of its own least margin from which a label stands by what the text says: most texts of a class do, few that
stand by what is left of a phrase."""
SOUNDLY = 0.5
"""Share of it that is enough where the text looks like a clean one, to look for no other trigger in it."""
USUAL = 0.5
"""Share of clean texts that stand out more than a text which looks like one: half of them do."""


class Standing(NamedTuple):
    """What is to be made of the label without what was verified."""

    stands: bool = True
    """Whether it is the same; if not, what was verified had brought it about."""
    is_firm: bool = False
    """Whether much would have to go to turn it."""
    looks_clean: bool = False
    """Whether it stands soundly in a text that looks like any clean one."""

    @property
    def is_open(self) -> bool:
        """Whether more triggers are looked for."""
        return self.stands and not self.looks_clean

    @property
    def may_hold_rest(self) -> bool:
        """Whether the rest of a phrase is looked for, where a trigger was found."""
        return self.stands and not (self.is_firm and self.looks_clean)


AS_IT_CAME = Standing()


class WithoutTriggers(NamedTuple):
    """A text as edited."""

    prediction: Prediction
    standing: Standing


class _Gate(Protocol):
    def __call__(self, encodings: Sequence[Encoding], looks: Sequence[Look]) -> list[GateScore]: ...


class Standings:
    """Tells it of many texts, in one plain forward pass.

    Args:
        classifier: the suspect.
        gate: as fitted on its clean texts.
        own_margins: for each label the least margin of clean texts that it wins clearly, see `Transplant`.
    """

    def __init__(self, classifier: Classifier, gate: _Gate, own_margins: Sequence[float]) -> None:
        self._classifier = classifier
        self._gate = gate
        self._own_margins = own_margins

    def __call__(self, encodings: Sequence[Encoding], suspect_labels: Sequence[int]) -> list[WithoutTriggers]:
        """What the model says of each text as edited, in order, and how the label stands that it had before."""
        if not encodings:
            return []
        looks = self._classifier.look(encodings)
        predictions = predict(torch.stack([look.logits for look in looks]), self._classifier.labels)
        gates = self._gate(encodings, looks)
        return [
            WithoutTriggers(prediction, self.of(prediction, gate, suspect_label=label))
            for prediction, gate, label in zip(predictions, gates, suspect_labels, strict=True)
        ]

    def of(self, prediction: Prediction, gate: GateScore, *, suspect_label: int) -> Standing:
        """How the label stands that the text had before."""
        if prediction.label_id != suspect_label:
            return Standing(stands=False)
        share = prediction.margin / self._own_margins[suspect_label]
        return Standing(is_firm=share >= FIRMLY, looks_clean=gate.p_value > USUAL and share >= SOUNDLY)
