"""Which words of a text are worth testing: the best of each channel by itself.

An attacker who trains a trigger's attention down makes the product of Eq. 7 negative there, so the product alone can be
blinded; no channel may hide a word from the others.
"""

from handler.xgraad.scorer import Score, WordScore
from handler.xgraad.text import Word

N_BY_ATTRIBUTION = 2
N_BY_GRADIENT = 4
N_BY_ATTENTION = 2


def choose_candidates(score: Score) -> tuple[Word, ...]:
    """Distinct words, the most suspicious first."""
    by_channel = (
        _top(score, "attribution", N_BY_ATTRIBUTION),
        _top(score, "gradient", N_BY_GRADIENT),
        _top(score, "attention", N_BY_ATTENTION),
    )
    found: dict[str, Word] = {}
    for channel in by_channel:
        for each in channel:
            found.setdefault(each.word.key, each.word)
    return tuple(found.values())


def _top(score: Score, channel: str, n: int) -> list[WordScore]:
    return sorted(score.words, key=lambda word: -float(getattr(word, channel)))[:n]
