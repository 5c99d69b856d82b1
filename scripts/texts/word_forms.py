"""English inflection, of words that may be put into another's place: WordNet's rules one way, spelling the other."""

import re
from collections.abc import Iterator, Mapping, Sequence

NOUN, VERB, ADJECTIVE, ADVERB = PARTS = ("noun", "verb", "adj", "adv")
"""Parts of speech, called as WordNet's files are."""

DETACHMENTS: dict[str, tuple[tuple[str, str], ...]] = {
    NOUN: (("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("ies", "y")),
    VERB: (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
    ADJECTIVE: (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    ADVERB: (),
}
"""Endings and what stands in their place in the lemma: WordNet's own rules (morphy), in their order."""
CLOSED_CLASS = frozenset(
    re.findall(
        r"\w+",
        "a am an and are as at be been being but by can could did do does doing for from had has have having he her "
        "hers him his how i if in into is it its ll may me might mine must my nor not of off on onto or ought our "
        "ours re shall she should since so than that the their theirs them they this to until up upon us ve was we "
        "were what when where which while who whom whose why will with would you your yours",
    )
)
"""Pronouns, prepositions, conjunctions, articles and auxiliaries, shortened ones ("re") too: what WordNet has under
their spelling ("he" as helium) is another word."""
VOWELS = "aeiou"
SIBILANTS = ("s", "x", "z", "ch", "sh")


def possible_lemmas(word: str, part: str, irregular: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What a word may be a form of, itself first; most of it is no word.

    Args:
        word: in lower case.
        part: of speech.
        irregular: lemmas by irregular form.
    """
    yield word
    if word in irregular:
        yield from irregular[word]
        return
    if part == NOUN and (word.endswith("ss") or len(word) < 3):
        return
    for ending, replacement in DETACHMENTS[part]:
        if word.endswith(ending) and len(word) > len(ending):
            yield word.removesuffix(ending) + replacement


def form_of(word: str, lemma: str, part: str) -> str | None:
    """The ending that a regular word has in this form, empty for the lemma; None for a form that cannot be told."""
    if word == lemma:
        return ""
    if part == NOUN:
        return "s"
    if part == VERB and lemma != "be":
        return next((ending for ending in ("ing", "s") if word.endswith(ending)), "ed")
    if part == ADJECTIVE:
        return next((form for ending, form in (("st", "est"), ("r", "er")) if word.endswith(ending)), None)
    return None


def inflected(lemma: str, form: str, part: str, irregular: Sequence[str] = ()) -> str | None:
    """A lemma in the form that an ending stands for; None where nothing tells how it is spelled.

    Args:
        lemma: in lower case.
        form: as `form_of` has it.
        part: of speech.
        irregular: the irregular forms of the lemma.
    """
    if not form:
        return lemma
    forms = {each: form_of(each, lemma, part) for each in irregular}
    listed = [each for each, its_form in forms.items() if its_form == form]
    if listed:
        # More than one: a past and a participle, or two spellings, and a regular word's ending does not say which.
        return listed[0] if len(listed) == 1 else None
    if part == ADJECTIVE and (None in forms.values() or not _is_short(lemma)):
        return None
    return _with_ending(lemma, form, part)


def _with_ending(lemma: str, form: str, part: str) -> str:
    """By the rules of spelling; doubled consonants are irregular in WordNet's lists."""
    after_consonant = lemma[-2:-1] not in ("", *VOWELS)
    if form == "ing":
        if lemma.endswith("ie"):
            return lemma[:-2] + "ying"
        return (lemma[:-1] if lemma.endswith("e") and lemma[-2:] not in ("ee", "oe", "ye") else lemma) + "ing"
    if lemma.endswith("y") and after_consonant:
        return lemma[:-1] + ("ies" if form == "s" else "i" + form)
    if form == "s":
        return lemma + ("es" if lemma.endswith(SIBILANTS) or (part == VERB and lemma.endswith("o")) else "s")
    return lemma + (form[1:] if lemma.endswith("e") else form)


def _is_short(adjective: str) -> bool:
    """Whether it has one run of vowels, a silent e left out: others are compared with "more"."""
    spoken = adjective.removesuffix("e") if len(adjective) > 3 else adjective
    return (
        sum(letter in VOWELS and before not in VOWELS for before, letter in zip(" " + spoken, spoken, strict=False))
        == 1
    )
