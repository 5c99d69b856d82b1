"""One label of a model with several, as a classifier of two classes: without the label, and with it.

The label's logit z becomes the two logits -d/2 and d/2 with d = z - logit(threshold). Their softmax gives the second
class the label's own sigmoid, shifted so that one half stands where the operator's threshold is; at 0.5 it is the
sigmoid. So whatever holds of classifiers with several classes holds of a view: gate, attribution, transplant test and
edits need not know of it, and gradients go through it by the chain rule.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from handler.xgraad.model.classifier import Classifier, Look
from handler.xgraad.options import DEFAULT_THRESHOLD
from handler.xgraad.words.encoding import Batch, Encoding

N_SIDES = 2
WITHOUT, WITH = range(N_SIDES)
"""The two classes of a view: its label is no part of the answer, or it is."""


def side_names(label: str) -> tuple[str, str]:
    """What the two classes of a label's view are called."""
    return f"not {label}", label


def two_sided(logits: Tensor, label: int, *, threshold: float) -> Tensor:
    """Logits of all labels, `[..., labels]`, to those of one label's view, `[..., 2]`."""
    distance = logits[..., label] - math.log(threshold / (1 - threshold))
    return torch.stack([-distance / 2, distance / 2], dim=-1)


class OnePass:
    """One plain forward pass for all labels: what it showed of a batch of texts is kept until the next batch.

    Args:
        classifier: the model with all its labels.
    """

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self._encodings: Sequence[Encoding] = ()
        self._looks: list[Look] = []

    def look(self, encodings: Sequence[Encoding]) -> list[Look]:
        """See `Classifier.look`; the logits are those of all labels."""
        same = len(encodings) == len(self._encodings)
        if not same or any(new is not old for new, old in zip(encodings, self._encodings, strict=True)):
            self._looks = self.classifier.look(encodings)
            self._encodings = tuple(encodings)
        return self._looks


class LabelView(Classifier):
    """Two classes over the model of all labels.

    Args:
        one_pass: shared by the views of a model.
        label: which of its labels, by number.
        threshold: probability above which a text has the label, in (0, 1).
    """

    def __init__(self, one_pass: OnePass, label: int, *, threshold: float = DEFAULT_THRESHOLD) -> None:
        whole = one_pass.classifier
        vars(self).update(vars(whole))  # the same model, window and device; it is frozen, so that sharing is safe
        self.labels = side_names(whole.labels[label])
        self.label = label
        self.threshold = threshold
        self._one_pass = one_pass

    def look(self, encodings: Sequence[Encoding]) -> list[Look]:
        """See `Classifier`; the pass is that of all views."""
        looks = self._one_pass.look(encodings)
        return [look._replace(logits=self.two_sided(look.logits)) for look in looks]

    def _forward(self, batch: Batch, **arguments: Any) -> Any:
        output = super()._forward(batch, **arguments)
        output.logits = self.two_sided(output.logits)
        return output

    def two_sided(self, logits: Tensor) -> Tensor:
        """The view's own logits, of those of all labels."""
        return two_sided(logits, self.label, threshold=self.threshold)


def views_of(classifier: Classifier, *, threshold: float = DEFAULT_THRESHOLD) -> tuple[LabelView, ...]:
    """The views of all labels, which share one plain pass."""
    one_pass = OnePass(classifier)
    return tuple(LabelView(one_pass, label, threshold=threshold) for label in range(len(classifier.labels)))
