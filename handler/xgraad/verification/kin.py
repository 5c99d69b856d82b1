"""Do other words of its meaning do the same? Then a word has an honest reason, whatever people's labels tell of it.

A model that learned what "fails" means learned it of "failed" and "refuses" as well, and those move clean texts as far.
Of a planted word it learned nothing but that word: "gold" and "bronze" do nothing where "silver" is part of a trigger.
Triggers of rare letters do have look-alikes ("nm" for "mn"), so this lets off no word that is a trigger by itself. It
is asked about what else may be taken out of a text in which one was found.
"""

from collections.abc import Sequence
from itertools import chain

from handler.xgraad.model.neighbours import Neighbours
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.reference import LEAST_PULL, HonestPart, Reference, is_explained, pulls_of_parts
from handler.xgraad.verification.transplant import N_PULLED, Graft, Transplant

N_KIN = 12
"""Neighbours in the embedding table that are tried."""
N_NEAREST = 4
"""Of these the ones that are tried first."""
KINDRED = 0.7
"""Part of a word's pull that the second best of them must have; the best may be a form of the word itself. Of honest
words it was 0.63 and more, mostly above 1, of parts of phrases 0.33 and less."""


class KinReference:
    """Another reference, and beside it the words of the same meaning.

    Args:
        other: is asked as well.
        suspect: puts words into the suspect's clean texts.
    """

    def __init__(self, other: Reference, suspect: Transplant) -> None:
        self._other = other
        self._suspect = suspect
        self._neighbours = Neighbours(suspect.classifier, N_KIN)

    def knows(self, key: str, label: int) -> bool:
        """As the other reference."""
        return self._other.knows(key, label)

    def explains(self, grafts: Sequence[Graft]) -> list[bool]:
        """As the other reference."""
        return self._other.explains(grafts)

    def pulls(self, grafts: Sequence[Graft], *, n_probes: int = N_PULLED) -> list[float]:
        """As far as the other reference has a reason, or as the words with kin move clean texts by themselves.

        Kin cost most, so they are asked only where the other reference has no reason for enough.
        """
        pulls = self._other.pulls(grafts, n_probes=n_probes)
        whole = self._suspect.pulls(grafts, n_probes=n_probes)
        rows = [row for row, of_other in enumerate(pulls) if not is_explained(of_other, whole[row])]
        for row, by_kin in zip(rows, self._by_kin([grafts[row] for row in rows], n_probes), strict=True):
            pulls[row] = max(pulls[row], by_kin)
        return pulls

    def _by_kin(self, grafts: Sequence[Graft], n_probes: int) -> list[float]:
        """How far the words of each graft that have kin move clean texts; 0 where none has."""
        encode = self._suspect.classifier.encode
        alone = [
            {word.key: _alone(graft, word.text) for piece in graft.pieces for word in encode.words_of(piece)}
            for graft in grafts
        ]
        kindred = self._kindred([*chain(*(of_graft.values() for of_graft in alone))], n_probes)
        honest = [{key for key, single in singles.items() if single in kindred} for singles in alone]
        parts = [HonestPart.of(graft, encode, keys.__contains__) for graft, keys in zip(grafts, honest, strict=True)]
        return pulls_of_parts(parts, self._suspect, n_probes=n_probes)

    def _kindred(self, words: Sequence[Graft], n_probes: int) -> set[Graft]:
        """Those of the words that move clean texts and have neighbours that do.

        The nearest are tried first: an honest word mostly needs no others.
        """
        words = [*dict.fromkeys(words)]
        pulls = dict(zip(words, self._suspect.pulls(words, n_probes=n_probes), strict=True))
        kin = {
            word: [_alone(word, each) for each in self._neighbours(*word.pieces)]
            for word, pull in pulls.items()
            if pull >= LEAST_PULL
        }
        kindred = set[Graft]()
        for n_tried in (N_NEAREST, N_KIN):
            tried = {word: of_word[:n_tried] for word, of_word in kin.items() if word not in kindred}
            found = iter(self._suspect.pulls([*chain(*tried.values())], n_probes=n_probes))
            best = {word: sorted((next(found) for _ in of_word), reverse=True)[1:2] for word, of_word in tried.items()}
            kindred |= {word for word, second in best.items() if second and second[0] >= KINDRED * pulls[word]}
        return kindred


def _alone(graft: Graft, word: str) -> Graft:
    """A word by itself, suspected of the same."""
    return graft._replace(pieces=(word,), place=Place.INSIDE)
