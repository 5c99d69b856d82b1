"""Does the drift alarm tell other texts from those of the calibration, and what a calibration is worth on them.

The states of every text are computed once; windows of them are drawn anew in rounds, each round a permutation cut into
windows that do not overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handler.xgraad import Classifier
from handler.xgraad.drift.domain_gate import DomainGate
from handler.xgraad.drift.drift_statistics import DriftStatistics, one_domain
from handler.xgraad.drift.reservoir import Reservoir
from handler.xgraad.drift.watched_states import watched_states
from handler.xgraad.learned.domain_fit import domains_of, fit_domain_gates
from handler.xgraad.model.classifier import Look
from handler.xgraad.scoring.conformal import Floats
from handler.xgraad.scoring.gate import Gate, fit_gate
from handler.xgraad.words.encoding import Encoding
from scripts.lab.evaluation.metrics import auroc, auroc_interval, rate_interval


@dataclass(frozen=True, kw_only=True)
class SeenTexts:
    """Texts of one source, and what a plain forward pass shows of them."""

    name: str
    encodings: Sequence[Encoding]
    looks: Sequence[Look]

    @classmethod
    def of(cls, name: str, texts: Sequence[str], classifier: Classifier) -> "SeenTexts":
        """Look at some texts."""
        encodings = classifier.encode(texts)
        return cls(name=name, encodings=encodings, looks=classifier.look(encodings))


def fitted_drift(clean: SeenTexts) -> DriftStatistics:
    """What a calibration on these texts alone holds windows against."""
    states = watched_states(clean.looks).numpy()
    return DriftStatistics.fit(states, one_domain(states))


def window_ratios(statistics: DriftStatistics, looks: Sequence[Look], *, rounds: int, seed: int) -> Floats:
    """Distances of windows over the threshold, `[windows]`; above 1 is an alarm. They come as a server would see them.

    Args:
        statistics: what the windows are held against.
        looks: at live texts.
        rounds: orders in which they come.
        seed: of these.
    """
    rng, ratios = np.random.default_rng(seed), []
    for _ in range(rounds):
        reservoir = Reservoir(statistics)
        reservoir.add([looks[row] for row in rng.permutation(len(looks))])
        ratios += [window.ratio for window in reservoir.take()]
    return np.array(ratios)


def alarm_figures(
    statistics: DriftStatistics, same: SeenTexts, texts: SeenTexts, *, rounds: int, seed: int
) -> dict[str, Any]:
    """How often windows of `texts` alarm, and how well their distances tell them from windows of `same`.

    Windows of several rounds share texts: the intervals take them for independent and are too narrow by that.
    """
    known = window_ratios(statistics, same.looks, rounds=rounds, seed=seed)
    ratios = known if texts is same else window_ratios(statistics, texts.looks, rounds=rounds, seed=seed)
    if not len(known) or not len(ratios):
        return {"n_windows": 0}
    n, n_alarms = len(ratios), int((ratios > 1).sum())
    told = {
        "n_windows": n,
        "ratio_median": float(np.median(ratios)),
        "ratio_range": [float(ratios.min()), float(ratios.max())],
        "alarm_share": n_alarms / n,
        "alarm_share_interval": list(rate_interval(n_alarms, n)),
    }
    if texts is same:
        return told
    area = auroc(known, ratios)
    return told | {"auroc": area, "auroc_interval": list(auroc_interval(area, len(known), n))}


def false_alarms(looks: Sequence[Look], *, n_clean: int, splits: int, seed: int) -> dict[str, Any]:
    """Share of windows that alarm over many calibrations: each takes `n_clean` of the texts, the others come in.

    One calibration's own share may lie above or below the stated rate, since all its windows meet the same sample. That
    of many is what the bootstrap promises.
    """
    rng, ratios = np.random.default_rng(seed), []
    states = watched_states(looks).numpy()
    for split in range(splits):
        order = rng.permutation(len(looks))
        clean, live = order[:n_clean], order[n_clean:]
        statistics = DriftStatistics.fit(states[clean], one_domain(states[clean]), seed=split)
        ratios += list(window_ratios(statistics, [looks[row] for row in live], rounds=1, seed=split))
    n, n_alarms = len(ratios), sum(ratio > 1 for ratio in ratios)
    interval = list(rate_interval(n_alarms, n))
    return {"n_splits": splits, "n_windows": n, "alarm_share": n_alarms / n, "alarm_share_interval": interval}


class Gates:
    """Gates of one model that learned from different clean texts, as calibrations have them.

    Args:
        clean: of each source, held out from what is judged; the first is what a stale calibration was made of.
        max_fpr: share of clean texts that each gate promises to flag.

    Raises:
        TooFewTextsError: too few texts are nearest to one source.
    """

    def __init__(self, clean: Sequence[SeenTexts], *, max_fpr: float) -> None:
        encodings = [encoding for each in clean for encoding in each.encodings]
        looks = [look for each in clean for look in each.looks]
        names = [each.name for each in clean for _ in each.looks]
        domains = domains_of(looks, names, max_fpr=max_fpr)
        if domains is None:
            raise AssertionError("names make domains, or are refused")
        gates = fit_domain_gates(encodings, looks, domains)
        self._max_fpr = max_fpr
        self._names = domains.names
        self._nearest = DomainGate(DriftStatistics.fit(watched_states(looks).numpy(), domains), gates)
        self._pooled = Gate(fit_gate(encodings, looks))
        self._own = {each.name: Gate(fit_gate(each.encodings, each.looks)) for each in clean}
        self._stale = self._own[clean[0].name]

    def flag_rates(self, texts: SeenTexts, *, of: str) -> dict[str, Any]:
        """The share of texts that each gate flags, with intervals.

        Args:
            texts: to be judged.
            of: whose clean texts are their own.
        """
        gates: Mapping[str, Gate | DomainGate] = {
            "stale": self._stale,
            "pooled": self._pooled,
            "own": self._own[of],
            "nearest": self._nearest,
        }
        rates: dict[str, Any] = {"n_texts": len(texts.looks)}
        for name, gate in gates.items():
            flagged = sum(score.p_value <= self._max_fpr for score in gate(texts.encodings, texts.looks))
            rates[f"flagged_{name}"] = flagged / len(texts.looks)
            rates[f"flagged_{name}_interval"] = list(rate_interval(flagged, len(texts.looks)))
        place = self._names.index(of)
        return rates | {"nearest_is_own": float((self._nearest.domains_of(texts.looks) == place).mean())}
