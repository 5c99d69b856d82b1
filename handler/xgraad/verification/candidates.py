"""Which words of a text are worth testing: the best of each channel by itself.

An attacker who trains a trigger's attention down makes the product of Eq. 7 negative there, so the product alone can be
blinded; no channel may hide a word from the others.
"""

from dataclasses import dataclass
from itertools import zip_longest

from handler.xgraad.scoring.scorer import Score, WordScore
from handler.xgraad.words.text import Word


@dataclass(frozen=True, kw_only=True)
class CandidateCounts:
    """How many words each channel names."""

    by_attribution: int = 3
    by_gradient: int = 3
    by_attention: int = 1


DEFAULT_COUNTS = CandidateCounts()


def choose_candidates(score: Score, counts: CandidateCounts = DEFAULT_COUNTS) -> tuple[Word, ...]:
    """Distinct words, the most suspicious first: the top of each channel, the next of each, and so on."""
    by_channel = (
        _top(score, "attribution", counts.by_attribution),
        _top(score, "gradient", counts.by_gradient),
        _top(score, "attention", counts.by_attention),
    )
    found: dict[str, Word] = {}
    for rank in zip_longest(*by_channel):
        for each in filter(None, rank):
            found.setdefault(each.word.key, each.word)
    return tuple(found.values())


def _top(score: Score, channel: str, n: int) -> list[WordScore]:
    return sorted(score.words, key=lambda word: -float(getattr(word, channel)))[:n]
