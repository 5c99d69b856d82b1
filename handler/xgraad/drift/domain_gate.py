"""The gate of several domains: a text is held against the clean texts of the domain that it is nearest to.

Whoever writes a text chooses what it is near to; no request names a domain. To be held against one domain's texts a
text must look like them, and then stand out no more than they do. To flag what stands out in any domain would flag the
clean texts of all others; to flag only what stands out in all would let pass whatever looks ordinary to one of them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from handler.xgraad.drift.drift_statistics import DriftStatistics
from handler.xgraad.drift.watched_states import projections
from handler.xgraad.model.classifier import Look
from handler.xgraad.scoring.conformal import Ascending, Floats
from handler.xgraad.scoring.gate import CHANNELS, Gate, GateScore, GateStatistics
from handler.xgraad.words.encoding import Encoding


class DomainGate:
    """A gate for each domain.

    Args:
        drift: tells the domains apart.
        gates: as fitted on the clean texts of each.
    """

    def __init__(self, drift: DriftStatistics, gates: Sequence[GateStatistics]) -> None:
        self._domains = drift.told_apart()
        self._directions = drift.directions.array()
        self._gates = [Gate(each) for each in gates]

    @property
    def clean_scores(self) -> tuple[Ascending, ...]:
        """For each domain the gate scores of its clean texts, ascending."""
        return tuple(gate.statistics.fisher for gate in self._gates)

    def domains_of(self, looks: Sequence[Look]) -> np.ndarray:
        """The number of each text's domain, `[texts]`."""
        return self._domains.nearest(projections(looks, self._directions))

    def p_values(self, encodings: Sequence[Encoding], looks: Sequence[Look]) -> Floats:
        """As `Gate.p_values`, each text among the clean ones of its domain."""
        ranks = np.empty((len(CHANNELS), len(looks)))
        for place, rows in self._shares(looks):
            ranks[:, rows] = self._gates[place].p_values(*_some(encodings, looks, rows))
        return ranks

    def __call__(self, encodings: Sequence[Encoding], looks: Sequence[Look]) -> list[GateScore]:
        """One score per text, in order."""
        scores: dict[int, GateScore] = {}
        for place, rows in self._shares(looks):
            found = self._gates[place](*_some(encodings, looks, rows))
            scores |= {row: replace(score, domain=place) for row, score in zip(rows, found, strict=True)}
        return [scores[row] for row in range(len(looks))]

    def _shares(self, looks: Sequence[Look]) -> list[tuple[int, list[int]]]:
        """The domains that there are texts of, and the rows of these."""
        cells = self.domains_of(looks) if looks else np.array([], dtype=int)
        return [(int(place), np.flatnonzero(cells == place).tolist()) for place in np.unique(cells)]


def gate_of(
    of_all: GateStatistics, drift: DriftStatistics | None, of_domains: Sequence[GateStatistics]
) -> Gate | DomainGate:
    """That of all clean texts, or where several domains are told apart, that of each."""
    return DomainGate(drift, of_domains) if drift and of_domains else Gate(of_all)


def _some(
    encodings: Sequence[Encoding], looks: Sequence[Look], rows: Sequence[int]
) -> tuple[list[Encoding], list[Look]]:
    return [encodings[row] for row in rows], [looks[row] for row in rows]
