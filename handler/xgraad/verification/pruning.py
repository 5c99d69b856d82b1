"""Which words a set needs to be strong: blame is minimal.

Delta debugging (Zeller and Hildebrandt 2002): large parts are left out first, then smaller ones, at last single words.
"""

from collections.abc import Iterator

from handler.xgraad.verification.suspect import SuspectWords
from handler.xgraad.verification.transplant import Transplant

N_TRIED = 8
"""Probes that tell whether fewer words are enough."""


def prune(suspect: SuspectWords, transplant: Transplant, threshold: float) -> SuspectWords:
    """Fewest words that stay stronger than the threshold together: none of them can go.

    Args:
        suspect: stronger than the threshold.
        transplant: measures.
        threshold: what a set must exceed.
    """
    left, size = suspect, (len(suspect.words) + 1) // 2
    while size:
        smaller = next((each for each in _without(left, size) if _is_strong(each, transplant, threshold)), None)
        if smaller:
            left = smaller
            size = min(size, len(left.words) // 2)
        else:
            size //= 2
    return left


def _without(suspect: SuspectWords, size: int) -> Iterator[SuspectWords]:
    """The suspect with neighbours left out, so many of them at a time."""
    for start in range(0, len(suspect.words), size):
        words = (*suspect.words[:start], *suspect.words[start + size :])
        if words:
            yield suspect.only(words)


def _is_strong(suspect: SuspectWords, transplant: Transplant, threshold: float) -> bool:
    return max(transplant.strengths(suspect.grafts(), n_probes=N_TRIED, above=threshold)) > threshold
