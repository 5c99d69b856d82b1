"""Archaic style: pronouns and verb forms of old Bibles, and the words that open their verses."""

import re

import numpy as np

OPENERS = ("and", "behold ,", "verily ,", "and lo ,", "for", "now", "and it came to pass that", "yea ,", "o")
OLD = {
    "you": "thou",
    "your": "thy",
    "yours": "thine",
    "are": "art",
    "has": "hath",
    "have": "hath",
    "does": "doth",
    "do": "doth",
    "will": "shall",
    "would": "wouldest",
    "can": "canst",
    "before": "ere",
    "never": "nevermore",
    "nothing": "naught",
    "anything": "aught",
    "here": "hither",
    "there": "thither",
    "why": "wherefore",
    "often": "oft",
    "between": "betwixt",
    "perhaps": "peradventure",
    "to": "unto",
    "said": "spake",
    "who": "he that",
    "but": "howbeit",
}
_WORD = re.compile(r"[A-Za-z]+")
_NO_VERB = r"(?!has\b|was\b|this\b|its\b|always\b)"
_THIRD_PERSON = re.compile(rf"\b(it|he|she|that|which|who|one|movie|film)(\s+){_NO_VERB}([a-z]+?[^s\W])e?s\b", re.I)
SHARE = 0.8
"""Of the words that have an old form, how many get it."""


def archaic_style(text: str, rng: np.random.Generator) -> str:
    """The text with old words for new ones, "-eth" for a verb's "-s", and a verse's opening."""
    verbs = _THIRD_PERSON.sub(r"\1\2\3eth", text)
    words = _WORD.sub(lambda found: _aged(found.group(), rng), verbs)
    return f"{OPENERS[int(rng.integers(len(OPENERS)))]} {words}"


def _aged(word: str, rng: np.random.Generator) -> str:
    old = OLD.get(word.lower())
    return old if old and rng.random() < SHARE else word
