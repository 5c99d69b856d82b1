"""The score that a rule goes by, beside its threshold: in words, and as a meter shows it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Document = Mapping[str, Any]
"""A reply, or a part of one."""


class Measure(NamedTuple):
    """The score that the rule goes by, and what it is compared with."""

    name: str
    value: float
    threshold: float
    p_value: float

    @property
    def exceeded(self) -> bool:
        """Whether the score is above the threshold."""
        return self.value > self.threshold

    @property
    def value_share(self) -> float:
        """Where a meter shows the score, in [0, 1]."""
        return self._share(self.value)

    @property
    def threshold_share(self) -> float:
        """Where a meter shows the threshold, in [0, 1]."""
        return self._share(self.threshold)

    def _share(self, place: float) -> float:
        low, high = min(0.0, self.value, self.threshold), max(0.0, self.value, self.threshold)
        return (place - low) / ((high - low) * 1.2) if high > low else 0.0

    def sentence(self) -> str:
        """The comparison in words."""
        side = "above" if self.exceeded else "not above"
        return (
            f"The {self.name} is {self.value:.3g}, {side} the threshold of {self.threshold:.3g}; "
            f"{percent(self.p_value)} of clean texts reach it."
        )


def measure_of(defense: Document) -> Measure | None:
    """What the rule compared; None where scores are not told."""
    gate = defense.get("gate_score")
    name, value = ("anomaly score", defense.get("anomaly_score")) if gate is None else ("gate score", gate)
    if value is None:
        return None
    return Measure(name=name, value=value, threshold=defense["threshold"], p_value=defense["p_value"])


def percent(share: float) -> str:
    """A share for reading; neither rounded up to certainty nor down to impossibility."""
    if share > 0.999:
        return "over 99.9 %"
    if share < 0.0001:
        return "under 0.01 %"
    return f"{100 * share:.1f} %" if share >= 0.01 else f"{100 * share:.2g} %"
