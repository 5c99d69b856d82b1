"""What the states of clean texts are like, to hold later ones against: quantiles of projections, never a text.

The threshold is that of a bootstrap under the hypothesis that nothing has changed: a window and a calibration sample of
their sizes are both drawn, with replacement, from the clean texts. To hold drawn windows against the quantiles as they
are would forget that these come from a sample, too, and alarm too often.

Clean texts may be of several domains. Then each text belongs to the domain whose clean texts are nearest to it, by the
same distance, and windows are made of the texts of one domain: another mix of them is no alarm.
"""

from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from handler.xgraad.drift.sliced_wasserstein import (
    Floats,
    directions,
    distance_of_each,
    quantiles,
    sliced_distance,
)
from handler.xgraad.frozen import Frozen
from handler.xgraad.options import DOMAIN_NAME
from handler.xgraad.scoring.array_json import ArrayJson

WINDOW = 200
"""Texts of one window, and the fewest clean ones that say what a window is like."""
N_DIRECTIONS = 64
N_CENTER = 50
"""Quantiles that tell which domain a text is of."""
FALSE_ALARM_RATE = 0.01
"""Share of windows like the calibration that alarm all the same."""
N_BOOTSTRAP = 1_000
MOST_QUANTILES = 2_000
MOST_DIRECTIONS = 512
MOST_DOMAINS = 16
ALL = "all"
"""The one domain, where no others are told apart."""


class DomainStatistics(Frozen):
    """The clean texts of one domain."""

    name: Annotated[str, Field(pattern=DOMAIN_NAME)]
    center: ArrayJson
    """Quantiles of what the domain was made of, `[quantiles, directions]`: texts nearest to it are of the domain."""
    n_texts: Annotated[int, Field(ge=WINDOW)]
    """Clean texts that are."""
    quantiles: ArrayJson
    """Of their projections, `[window, directions]`; ascending along the first."""
    threshold: Annotated[float, Field(gt=0)]
    """A window further away than this is an alarm; in standard deviations of clean texts."""


class DriftStatistics(Frozen):
    """Fitted on clean texts; travels in the calibration file."""

    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)]
    """Of a window of texts that are like the clean ones."""
    directions: ArrayJson
    """`[width, directions]`, each of such a length that projections of clean texts have standard deviation 1."""
    domains: Annotated[tuple[DomainStatistics, ...], Field(min_length=1, max_length=MOST_DOMAINS)]

    @property
    def window(self) -> int:
        """Texts that are compared at once."""
        return self.domains[0].quantiles.shape[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the domains."""
        return tuple(domain.name for domain in self.domains)

    @classmethod
    def fit(cls, states: Floats, domains: "Domains", *, seed: int = 0) -> Self:
        """From the states of clean texts, `[texts, width]`; `WINDOW` of each domain at least.

        Args:
            states: see `watched_states`.
            domains: of them, in the same directions.
            seed: of the bootstrap.
        """
        projections = states @ domains.directions.array()
        cells = domains.nearest(projections)
        return cls(
            false_alarm_rate=FALSE_ALARM_RATE,
            directions=domains.directions,
            domains=tuple(
                DomainStatistics(
                    name=name,
                    center=ArrayJson.of(domains.centers[place]),
                    n_texts=int((cells == place).sum()),
                    quantiles=ArrayJson.of(quantiles(projections[cells == place], WINDOW)),
                    threshold=_threshold(projections[cells == place], seed=seed),
                )
                for place, name in enumerate(domains.names)
            ),
        )

    def told_apart(self) -> "Domains":
        """What says of which domain a text is."""
        return Domains(self.directions, self.names, [domain.center.array() for domain in self.domains])

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.directions.shape) != 2 or not 0 < self.directions.shape[1] <= MOST_DIRECTIONS:
            raise ValueError(f"directions must be a table of 1 to {MOST_DIRECTIONS} columns")
        if len(set(self.names)) < len(self.names):
            raise ValueError("domains must have names of their own")
        for domain in self.domains:
            self._require_table("center", domain.center)
            self._require_table("quantiles", domain.quantiles)
            if domain.quantiles.shape[0] != self.window:
                raise ValueError("quantiles must be as many for each domain")
        return self

    def _require_table(self, name: str, table: ArrayJson) -> None:
        columns = self.directions.shape[1]
        if len(table.shape) != 2 or not 0 < table.shape[0] <= MOST_QUANTILES or table.shape[1] != columns:
            raise ValueError(f"{name} must be of shape [1 to {MOST_QUANTILES}, {columns}], is {list(table.shape)}")
        if (np.diff(table.array(), axis=0) < 0).any():
            raise ValueError(f"{name} must be in ascending order")


class Domains:
    """Tells domains apart: a text is of the one whose clean texts are nearest to it."""

    def __init__(self, directions: ArrayJson, names: Sequence[str], centers: Sequence[Floats]) -> None:
        self.directions = directions
        self.names = tuple(names)
        self.centers = list(centers)

    def nearest(self, projections: Floats) -> np.ndarray:
        """`[texts, directions]` -> numbers of domains, `[texts]`; of two as near the first."""
        if len(self.centers) == 1:
            return np.zeros(len(projections), dtype=int)
        distances = [distance_of_each(projections, center) for center in self.centers]
        return np.asarray(np.argmin(distances, axis=0))


def scaled_directions(states: Floats, *, seed: int = 0) -> ArrayJson:
    """Directions along which the projections of `states`, `[texts, width]`, have standard deviation 1."""
    drawn = directions(states.shape[1], N_DIRECTIONS, seed=seed)
    return ArrayJson.of(drawn / np.maximum((states @ drawn).std(axis=0), 1e-9))


def one_domain(states: Floats) -> Domains:
    """All clean texts as one."""
    return named_domains(states, [ALL] * len(states))


def named_domains(states: Floats, names: Sequence[str]) -> Domains:
    """Domains made of clean texts that have the name of one each, in the order of their names."""
    kept = scaled_directions(states)
    projections, of_text = states @ kept.array(), np.array(names)
    found = sorted(set(names))
    return Domains(kept, found, [quantiles(projections[of_text == name], N_CENTER) for name in found])


def by_chance(projections: Floats, *, seed: int) -> Floats:
    """Distances of windows to a calibration sample where both are of the same texts, `[bootstrap]`.

    Args:
        projections: of clean texts, `[texts, directions]`.
        seed: of what is drawn.
    """
    rng, n = np.random.default_rng(seed), len(projections)
    drawn = []
    for _ in range(N_BOOTSTRAP):
        window, sample = projections[rng.integers(0, n, WINDOW)], projections[rng.integers(0, n, n)]
        drawn.append(sliced_distance(window, quantiles(sample, WINDOW)))
    return np.array(drawn)


def _threshold(projections: Floats, *, seed: int) -> float:
    chance = by_chance(projections, seed=seed)
    return max(float(np.quantile(chance, 1 - FALSE_ALARM_RATE, method="higher")), 1e-9)
