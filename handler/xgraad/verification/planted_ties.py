"""Is a word that people's labels tie to a class a trigger all the same?

Whoever picks a trigger that means its target ("heart" for good films) hides behind what people say. Where single words
decide honestly, as insults do, many of those tied to a class move clean texts, some less and some more. A planted one
has no such fellows: of hundreds of words tied to its class it alone, with its derived forms, does all that can be done.
"""

from collections.abc import Collection, Sequence

from handler.xgraad.verification.evidence import HIGHEST_THRESHOLD
from handler.xgraad.verification.label_evidence import LabelEvidence, pieces_of
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.suspect import N_SOURCES
from handler.xgraad.verification.transplant import Graft, Transplant

MOST_PLANTED = 0.01
"""Share of a class's tied words that may be families which move clean texts, if the strongest are to be planted. Of
insults it is some 0.04, of what people say of films nothing."""
STIRRING = 0.1
"""Strength from which a word does something in clean texts."""


def honest_ties(texts: Sequence[Collection[str]], labels: Sequence[int], suspect: Transplant) -> LabelEvidence:
    """What labels tie to each class, without what the suspect follows as it follows no other such word.

    Args:
        texts: the `Word.key` of each text's words.
        labels: what people said of each text, class numbers; none where that is unknown.
        suspect: puts words into the suspect's clean texts.
    """
    if not labels:
        return LabelEvidence.none()
    n_labels = len(suspect.classifier.labels)
    evidence = LabelEvidence.of(texts, labels, n_labels=n_labels)
    is_tied, keys = evidence.tied(), sorted({key for of_text in texts for key in of_text})
    planted = [planted_among([key for key in keys if is_tied(key, label)], label, suspect) for label in range(n_labels)]
    return LabelEvidence.of(texts, labels, n_labels=n_labels, but=planted) if any(planted) else evidence


def planted_among(tied: Sequence[str], label: int, suspect: Transplant) -> frozenset[str]:
    """Of the words tied to a label, by `Word.key`, those that were planted; of derived forms the shortest."""
    others = [other for other in range(len(suspect.classifier.labels)) if other != label][:N_SOURCES]
    grafts = [Graft((key,), Place.INSIDE, label, other) for other in others for key in tied]
    strengths = suspect.strengths(grafts)
    strongest = {key: max(strengths[row :: len(tied)]) for row, key in enumerate(tied)}
    if len(_families([key for key in tied if strongest[key] > STIRRING])) > MOST_PLANTED * len(tied):
        return frozenset()
    return frozenset(_families([key for key in tied if strongest[key] > HIGHEST_THRESHOLD]))


def _families(keys: Collection[str]) -> dict[str, set[str]]:
    """The shortest word of each family with its pieces: a word that has one of them is derived from it."""
    found: dict[str, set[str]] = {}
    for key in sorted(keys, key=lambda each: (len(each), each)):
        pieces = {key, *pieces_of(key)}
        if not any(pieces & of_other for of_other in found.values()):
            found[key] = pieces
    return found
