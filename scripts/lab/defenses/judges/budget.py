"""The budget of clean accuracy that every judge is tuned to, so that they are compared on equal terms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BUDGET = 0.01
"""Clean accuracy that a defense may cost on the texts that it is tuned on."""


def flagging_threshold(
    scores: Sequence[float] | NDArray[np.float64],
    *,
    right: Sequence[bool] | NDArray[np.bool_],
    right_if_flagged: Sequence[bool] | NDArray[np.bool_],
    budget: float = BUDGET,
) -> float:
    """The lowest threshold at which answering otherwise where a score is above it costs no more than the budget.

    Args:
        scores: `[texts]` of clean texts, higher = more suspicious.
        right: `[texts]` whether the plain answer is right, and
        right_if_flagged: `[texts]` whether the answer is that a flagged text gets.
        budget: share of texts that may be lost.

    Returns:
        One of the scores, or minus infinity where even all texts may be flagged.
    """
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    ordered = np.asarray(scores, dtype=np.float64)[order]
    lost = np.asarray(right, dtype=np.int64)[order] - np.asarray(right_if_flagged, dtype=np.int64)[order]
    affordable = np.append(0, np.cumsum(lost)) <= budget * len(ordered)
    # Texts of one score are flagged together: a cut between two of them is none.
    is_cut = np.append(np.append(True, ordered[1:] < ordered[:-1]), True)
    n_flagged = int(np.flatnonzero(affordable & is_cut).max())
    return float(ordered[n_flagged]) if n_flagged < len(ordered) else float("-inf")


def largest_affordable(accuracies: Sequence[float], *, undefended: float, budget: float = BUDGET) -> int:
    """The strongest setting that costs no more than the budget.

    Args:
        accuracies: on clean texts, by setting, the weakest first; each should do more than the one before.
        undefended: accuracy without any defense.
        budget: accuracy that may be lost.

    Returns:
        Its place, or 0 where none is affordable: the first has to be one that changes next to nothing.
    """
    bar = undefended - budget - 1e-9  # shares of texts are no exact numbers
    return max((place for place, found in enumerate(accuracies) if found >= bar), default=0)
