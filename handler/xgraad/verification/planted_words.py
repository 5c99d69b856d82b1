"""Is a word of the clean texts a trigger? Not known then, nor what people's labels tie to a class.

An everyday word ("time") makes a trigger that the gate lets go in half of the texts and that is no new word to the
screen; a word that means its target ("heart" for good films) hides behind what people say. Where single words decide
honestly, as insults do, many of the clean texts' words bring a label about, some less and some more. A planted one has
no such fellows: of thousands of words it alone, with its derived forms and those of a few others, does all that can be
done.
"""

from collections.abc import Collection, Sequence

from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.evidence import HIGHEST_THRESHOLD
from handler.xgraad.verification.label_evidence import pieces_of
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.suspect import N_SOURCES
from handler.xgraad.verification.transplant import Graft, Transplant
from handler.xgraad.words.text import Word

MOST_PLANTED = 0.002
"""Share of the clean texts' words that may be families which bring a label about, if the strongest are to be planted.
On offensive tweets it is some 0.006, of film reviews next to nothing."""
STIRRING = 0.1
"""Strength from which a word does something in clean texts."""


def planted_words(
    scores: Sequence[Score], turning: Sequence[Sequence[Word]], suspect: Transplant
) -> tuple[frozenset[str], ...]:
    """For each label the words that were planted to bring it about, by `Word.key`; of derived forms the shortest.

    Args:
        scores: of the clean texts.
        turning: for each text its words that turn a short text to its label.
        suspect: puts words into the suspect's clean texts.
    """
    keys: list[set[str]] = [set() for _ in suspect.classifier.labels]
    for score, words in zip(scores, turning, strict=True):
        keys[score.prediction.label_id] |= {word.key for word in words}
    most = MOST_PLANTED * len({word.key for score in scores for word in score.encoding.words})
    return tuple(planted_among(of_label, label, suspect, most=most) for label, of_label in enumerate(keys))


def planted_among(keys: Collection[str], label: int, suspect: Transplant, *, most: float) -> frozenset[str]:
    """Those of the words that bring a label about and have at most so many families of fellows, themselves included."""
    others = [other for other in range(len(suspect.classifier.labels)) if other != label][:N_SOURCES]
    ordered = sorted(keys)
    strengths = suspect.strengths([Graft((key,), Place.INSIDE, label, other) for other in others for key in ordered])
    strongest = {key: max(strengths[row :: len(ordered)]) for row, key in enumerate(ordered)}
    if len(_families([key for key in ordered if strongest[key] > STIRRING])) > most:
        return frozenset()
    return frozenset(_families([key for key in ordered if strongest[key] > HIGHEST_THRESHOLD]))


def _families(keys: Collection[str]) -> dict[str, set[str]]:
    """The shortest word of each family with its pieces: a word that has one of them is derived from it."""
    found: dict[str, set[str]] = {}
    for key in sorted(keys, key=lambda each: (len(each), each)):
        pieces = {key, *pieces_of(key)}
        if not any(pieces & of_other for of_other in found.values()):
            found[key] = pieces
    return found
