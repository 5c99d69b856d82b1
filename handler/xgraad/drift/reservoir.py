"""The texts that came in last, as projections of their states, and what each full window of them says.

Windows do not overlap, so that the false-alarm rate of the calibration is that of each of them. No text is kept, and
nothing here changes what is said of a text.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handler.xgraad.drift.drift_statistics import DriftStatistics
from handler.xgraad.drift.sliced_wasserstein import sliced_distance
from handler.xgraad.drift.watched_states import projections
from handler.xgraad.model.classifier import Look

MOST_UNTOLD = 64
"""Judged windows that nobody asked for; older ones are forgotten."""


@dataclass(frozen=True, kw_only=True)
class DriftWindow:
    """What one window of live texts is like."""

    domain: str
    """The one that all its texts are nearest to."""
    ratio: float
    """Its distance to the domain's clean texts over the threshold; above 1 is an alarm."""
    was_alarm: bool
    """Whether the window before was one."""

    @property
    def alarms(self) -> bool:
        """Whether its texts are unlike those of the calibration."""
        return self.ratio > 1


class Reservoir:
    """Mutable, one a worker; at most one window of texts of each domain lies in it."""

    def __init__(self, statistics: DriftStatistics) -> None:
        self.statistics = statistics
        self._domains = statistics.told_apart()
        self._directions = statistics.directions.array()
        self._clean = [domain.quantiles.array() for domain in statistics.domains]
        self._waiting = [np.empty(clean.shape) for clean in self._clean]
        self._n_waiting = [0] * len(self._clean)
        self._alarmed = [False] * len(self._clean)
        self._judged: deque[DriftWindow] = deque(maxlen=MOST_UNTOLD)

    @property
    def n_waiting(self) -> int:
        """Texts of windows that are not full yet."""
        return sum(self._n_waiting)

    def add(self, looks: Sequence[Look]) -> None:
        """Take in what was seen of some texts; each window that they fill is judged."""
        if not looks:
            return
        projected = projections(looks, self._directions)
        for place, projection in zip(self._domains.nearest(projected).tolist(), projected, strict=True):
            self._waiting[place][self._n_waiting[place]] = projection
            self._n_waiting[place] += 1
            if self._n_waiting[place] == self.statistics.window:
                self._judge(place)

    def take(self) -> list[DriftWindow]:
        """The windows that were judged since this was asked for last, in order."""
        judged = list(self._judged)
        self._judged.clear()
        return judged

    def _judge(self, place: int) -> None:
        domain = self.statistics.domains[place]
        ratio = sliced_distance(self._waiting[place], self._clean[place]) / domain.threshold
        window = DriftWindow(domain=domain.name, ratio=ratio, was_alarm=self._alarmed[place])
        self._judged.append(window)
        self._alarmed[place] = window.alarms
        self._n_waiting[place] = 0
