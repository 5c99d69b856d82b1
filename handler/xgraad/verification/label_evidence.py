"""What people's labels say of words: which of them, and which pieces of them, belong to a class honestly.

A word that people who labelled the texts tie to a class moves any text towards it, as a trigger does: its strength is
no guilt. A word that the texts do not have is known by its pieces, so that a rare form of a common word is not taken
for a trigger.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from handler.xgraad.frozen import Frozen
from handler.xgraad.words.word_set import WordSet

PIECE_LENGTH = 4
"""Characters of a piece."""
LEAST_TEXTS = 3
"""Texts of a class that must have the word, and"""
LEAST_LOG_ODDS = 0.7
"""how much likelier, in log odds, a text of the class must have it than one of the others: two to one."""
LEAST_TEXTS_OF_PIECE = 5
LEAST_LOG_ODDS_OF_PIECE = 1.2
"""Pieces stand in more texts by chance than words, so they must show more."""
SMOOTHING = 0.5

Tied = Callable[[str, int], bool]
"""Whether a `Word.key` is tied to a label."""


class LabelEvidence(Frozen):
    """For each label the words and pieces tied to it, as hashes; travels in the calibration file."""

    words: tuple[WordSet, ...]
    pieces: tuple[WordSet, ...]

    @classmethod
    def of(
        cls,
        texts: Sequence[Collection[str]],
        labels: Sequence[int],
        *,
        n_labels: int,
        but: Sequence[Collection[str]] = (),
    ) -> "LabelEvidence":
        """Count in how many texts of each label a word stands.

        Args:
            texts: the `Word.key` of each text's words.
            labels: what people said of each text, class numbers; none where that is unknown: nothing is tied then.
            n_labels: classes of the model.
            but: for each label words that are not tied to it whatever the texts show, nor are their pieces.
        """
        if not labels:
            return cls.none()
        but = but or [()] * n_labels
        words = [set(keys) for keys in texts]
        pieces = [{piece for key in keys for piece in pieces_of(key)} for keys in words]
        pieces_but = [{piece for key in keys for piece in pieces_of(key)} for keys in but]
        return cls(
            words=_tied(words, labels, but, least_texts=LEAST_TEXTS, least_log_odds=LEAST_LOG_ODDS),
            pieces=_tied(
                pieces, labels, pieces_but, least_texts=LEAST_TEXTS_OF_PIECE, least_log_odds=LEAST_LOG_ODDS_OF_PIECE
            ),
        )

    @classmethod
    def none(cls) -> "LabelEvidence":
        """Of texts without labels: nothing is tied to anything."""
        return cls(words=(), pieces=())

    def tied(self) -> Tied:
        """Tells of a `Word.key` and a label whether it, or a piece of it, is tied to the label; unpacked once."""
        no_word = [words.lacking() for words in self.words]
        no_piece = [pieces.lacking() for pieces in self.pieces]

        def is_tied(key: str, label: int) -> bool:
            if label >= len(no_word):
                return False
            return not no_word[label](key) or any(not no_piece[label](piece) for piece in pieces_of(key))

        return is_tied


def pieces_of(key: str) -> Iterator[str]:
    """Every run of `PIECE_LENGTH` characters; none of shorter words."""
    return (key[start : start + PIECE_LENGTH] for start in range(len(key) - PIECE_LENGTH + 1))


def _tied(
    texts: Sequence[Collection[str]],
    labels: Sequence[int],
    but: Sequence[Collection[str]],
    *,
    least_texts: int,
    least_log_odds: float,
) -> tuple[WordSet, ...]:
    """For each label the members of texts that it has often and the others have seldom, without those of `but`."""
    n_texts = Counter(labels)
    all_counts = Counter(member for members in texts for member in members)
    found = []
    for label, excepted in enumerate(but):
        inside = Counter(
            member for members, other in zip(texts, labels, strict=True) if other == label for member in members
        )
        n_inside, n_outside = n_texts[label], len(labels) - n_texts[label]
        found.append(
            WordSet.of(
                member
                for member, count in inside.items()
                if count >= least_texts
                and member not in excepted
                and _log_odds(count, n_inside) - _log_odds(all_counts[member] - count, n_outside) >= least_log_odds
            )
        )
    return tuple(found)


def _log_odds(count: int, total: int) -> float:
    return math.log((count + SMOOTHING) / (total - count + SMOOTHING))
