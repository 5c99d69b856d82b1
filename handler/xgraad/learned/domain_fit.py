"""Which domains clean texts are of, and the gate of each."""

from collections import Counter
from collections.abc import Sequence

from handler.xgraad.drift.clustering import clustered
from handler.xgraad.drift.drift_statistics import MOST_DOMAINS, WINDOW, Domains, named_domains, one_domain
from handler.xgraad.drift.watched_states import projections, watched_states
from handler.xgraad.errors import CalibrationError, TooFewTextsError
from handler.xgraad.model.classifier import Look
from handler.xgraad.scoring.conformal import texts_needed
from handler.xgraad.scoring.gate import GateStatistics, fit_gate
from handler.xgraad.words.encoding import Encoding


def domains_of(looks: Sequence[Look], domains: Sequence[str] | int, *, max_fpr: float) -> Domains | None:
    """The domains that clean texts are of; None where all together are too few for one.

    Args:
        looks: at the texts.
        domains: each text's by name, or how many to make of them by clustering.
        max_fpr: share of each domain's clean texts that may be flagged.

    Raises:
        TooFewTextsError: a domain has fewer texts than it needs; names it.
        CalibrationError: there are too many domains.
    """
    n_domains = domains if isinstance(domains, int) else len(set(domains))
    if n_domains > MOST_DOMAINS:
        raise CalibrationError(f"domains: must be at most {MOST_DOMAINS}, are {n_domains}; name coarser ones")
    states = watched_states(looks).numpy()
    if domains == 1:
        return one_domain(states) if len(looks) >= WINDOW else None
    found = clustered(states, domains) if isinstance(domains, int) else named_domains(states, domains)
    needed, cure = max(WINDOW, texts_needed(max_fpr)), "add others, or make fewer domains"
    named = Counter(() if isinstance(domains, int) else domains)
    for name, n_named in named.items():
        if n_named < needed:
            raise TooFewTextsError(f"domain {name}: needs at least {needed} clean texts, got {n_named}; {cure}")
    for name, rows in zip(found.names, _cells(looks, found), strict=True):
        if len(rows) < needed:
            rule = f"domain {name}: needs at least {needed} clean texts that are nearest to it"
            raise TooFewTextsError(f"{rule}, got {len(rows)}; {cure}")
    return found


def fit_domain_gates(
    encodings: Sequence[Encoding], looks: Sequence[Look], domains: Domains | None
) -> tuple[GateStatistics, ...]:
    """For each of several domains the gate of the clean texts that are nearest to it; none for one."""
    if domains is None or len(domains.names) == 1:
        return ()
    return tuple(
        fit_gate([encodings[row] for row in rows], [looks[row] for row in rows]) for rows in _cells(looks, domains)
    )


def _cells(looks: Sequence[Look], domains: Domains) -> list[list[int]]:
    """For each domain the rows of its texts."""
    nearest = domains.nearest(projections(looks, domains.directions.array())).tolist()
    return [[row for row, cell in enumerate(nearest) if cell == place] for place in range(len(domains.names))]
