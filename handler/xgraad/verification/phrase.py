"""The rest of a phrase: where the label stands without the verified words, what else brings it about?

Of a phrase that was planted whole one word may be a trigger by itself and the rest too weak to turn clean texts. Where
the label stands by that rest it mostly does not stand firmly, as it does in texts of its own class. There the words
beside the trigger are tried, and those that pull at clean texts from elsewhere. Where it stands firmly, whoever adds a
trigger to a text of that class would have its honest words taken out; so only words that pull are tried, beside the
trigger or elsewhere, one at a time: one honest word is seldom all that a text of its class has. The reference spares
what has a reason.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from handler.xgraad.editing.edit import everywhere
from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.bundles import in_pieces
from handler.xgraad.verification.kin import KinReference
from handler.xgraad.verification.probes import Place, place_of
from handler.xgraad.verification.reference import LEAST_PULL, Reference, unexplained_pulls
from handler.xgraad.verification.transplant import Graft, Transplant
from handler.xgraad.words.text import Word, in_text_order

REACH = 4
"""Words looked at on either side of a trigger."""


class Rest(NamedTuple):
    """A text whose label stands without what was verified in it."""

    score: Score
    """Of the text as it came."""
    triggers: tuple[Word, ...]
    """Words of it that were verified."""
    suspicious: tuple[Word, ...]
    """Other words of it that stand out, wherever they stand."""
    is_firm: bool = False
    """Whether the label stands firmly without what was verified."""

    def parts(self) -> dict[tuple[Word, ...], float]:
        """Words and runs of words that may belong to a phrase, and how far each must move clean texts.

        Of a sentence that was planted whole most words do nothing by themselves, so what stands beside a trigger need
        not, unless the label stands firmly: then no runs are tried, and of the words beside it those that do.
        """
        keys, runs = {word.key for word in self.triggers}, [*_runs(self)]
        suspicious = (*self.suspicious, *chain(*runs)) if self.is_firm else self.suspicious
        singles: dict[tuple[Word, ...], float]
        singles = {(word,): LEAST_PULL for word in suspicious if word.key not in keys}
        return singles if self.is_firm else singles | dict.fromkeys(runs, -math.inf)

    def graft(self, words: Sequence[Word], *, source: int) -> Graft:
        """The words, to be put into clean texts of the label `source`."""
        encoding, prediction = self.score.encoding, self.score.prediction
        pieces = in_pieces(encoding.text, encoding.words, words)
        place = place_of(words, encoding.words) if len(pieces) == 1 else Place.INSIDE
        return Graft(pieces=pieces, place=place, target=prediction.label_id, source=source)


class PhraseTest:
    """Finds what may belong to a phrase, for many texts at once.

    Args:
        transplant: puts words into the suspect's clean texts.
        reference: says how far honest words would pull.
    """

    def __init__(self, transplant: Transplant, reference: Reference) -> None:
        self._transplant = transplant
        self._reference = reference

    @classmethod
    def with_kin(cls, transplant: Transplant, reference: Reference) -> "PhraseTest":
        """One that asks words of the same meaning as well."""
        return cls(transplant, KinReference(reference, transplant))

    def __call__(self, rests: Sequence[Rest]) -> list[list[tuple[Word, ...]]]:
        """For each text the sets of words to remove besides its triggers, those of fewer words first.

        Each part by itself, and then, unless the label stands firmly, those that pull, together.
        """
        parts = [rest.parts() for rest in rests]
        sources = [self._transplant.source_for(rest.score.prediction) for rest in rests]
        grafts = [
            rest.graft(words, source=source)
            for rest, source, of_text in zip(rests, sources, parts, strict=True)
            for words in of_text
        ]
        least = [*chain(*(of_text.values() for of_text in parts))]
        pulls = iter(unexplained_pulls(self._transplant, self._reference, grafts, least=least))
        found = []
        for rest, of_text in zip(rests, parts, strict=True):
            pulling = [(pull, words) for words in of_text if (pull := next(pulls)) is not None]
            ordered = sorted(pulling, key=lambda each: (len(each[1]), -each[0]))
            tried = [words for _, words in ordered]
            if not rest.is_firm:
                tried += _unions([words for pull, words in ordered if pull >= LEAST_PULL])
            found.append([_everywhere(rest.score, words) for words in dict.fromkeys(tried)])
        return found


def _unions(ordered: Sequence[tuple[Word, ...]]) -> Iterator[tuple[Word, ...]]:
    """The first two sets together, the first three, and so on, in text order."""
    union = dict.fromkeys(ordered[0]) if ordered else {}
    for words in ordered[1:]:
        union |= dict.fromkeys(words)
        yield in_text_order(union)


def _everywhere(score: Score, words: Sequence[Word]) -> tuple[Word, ...]:
    """A word by itself counts wherever it stands."""
    return everywhere(score, words[0]) if len(words) == 1 else tuple(words)


def _runs(rest: Rest) -> Iterator[tuple[Word, ...]]:
    """The words beside each trigger, on one side and on both: what a phrase had before and after the word it is by."""
    for trigger in rest.triggers:
        before, after = ([*_side(rest, trigger, step)] for step in (-1, 1))
        yield from (*before, *after)
        yield from ((*left, *right) for left in before for right in after)


def _side(rest: Rest, trigger: Word, step: int) -> Iterator[tuple[Word, ...]]:
    """One, two and more words on one side of a trigger and of those that touch it, as far as only blanks part them.

    Another trigger that stands further off ends the run.
    """
    words, run = rest.score.encoding.words, list[Word]()
    index = words.index(trigger) + step
    while len(run) < REACH and 0 <= index < len(words) and _touch(rest, index - step, index):
        is_trigger = words[index] in rest.triggers
        if is_trigger and run:
            break
        if not is_trigger:
            run.append(words[index])
            yield in_text_order(run)
        index += step


def _touch(rest: Rest, one: int, other: int) -> bool:
    """Whether nothing but white space parts two neighbours."""
    encoding = rest.score.encoding
    before, after = in_text_order((encoding.words[one], encoding.words[other]))
    return not encoding.text[before.end : after.start].strip()
