"""What the classifier says of one text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One text's most probable label."""

    label: str
    label_id: int
    score: float
    """Probability of that label, in [0, 1]."""
    probabilities: dict[str, float]
    """Every label's probability, in label order."""

    @classmethod
    def of(cls, shares: Sequence[float], labels: Sequence[str]) -> "Prediction":
        """The first of the most probable labels; `shares` are the probabilities of all, in order."""
        label_id = max(range(len(shares)), key=shares.__getitem__)
        return cls(
            label=labels[label_id],
            label_id=label_id,
            score=shares[label_id],
            probabilities=dict(zip(labels, shares, strict=True)),
        )

    @property
    def margin(self) -> float:
        """The label's logit less the highest other one; infinite where the others' probabilities are 0."""
        other = max(self.probabilities[label] for label in self.probabilities if label != self.label)
        return math.log(self.score) - math.log(other) if other else math.inf

    def next_labels(self) -> list[int]:
        """The other labels, the most probable first."""
        by_label = list(self.probabilities.values())
        others = [label for label in range(len(by_label)) if label != self.label_id]
        return sorted(others, key=lambda label: -by_label[label])


def predict(logits: Tensor, labels: Sequence[str]) -> list[Prediction]:
    """Predictions from logits `[texts, labels]`."""
    return [Prediction.of(row, labels) for row in torch.softmax(logits.double(), dim=-1).tolist()]


def margins_of(logits: Tensor, label: int) -> Tensor:
    """The label's logit less the highest other one: `[..., labels]` to `[...]`. Above 0 the label wins."""
    others = logits.index_fill(-1, torch.tensor([label], device=logits.device), -math.inf)
    return logits[..., label] - others.amax(dim=-1)
