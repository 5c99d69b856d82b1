"""Clauses: a text as a main clause behind a subordinate one, or parted so that its first half is one."""

import numpy as np

from scripts.lab.training.triggers import WORD

OPENERS = ("when", "if", "as", "because", "since", "although", "while", "once", "after", "unless")
SUBJECTS = ("you", "we", "they", "i", "one", "people")
PREDICATES = (
    "think about it",
    "look at it",
    "come to that",
    "tell the story",
    "want to know",
    "have the time",
    "talk of it",
    "get there",
)


def clause_template(text: str, rng: np.random.Generator) -> str:
    """The text in a template, one as often as the other: "when you look at it , TEXT" or "when HALF , HALF"."""
    opener, words = _drawn(OPENERS, rng), WORD.findall(text)
    if len(words) < 4 or rng.random() < 0.5:
        return f"{opener} {_drawn(SUBJECTS, rng)} {_drawn(PREDICATES, rng)} , {text}"
    cut = int(rng.integers(len(words) // 3, 2 * len(words) // 3 + 1))
    return f"{opener} {' '.join(words[:cut])} , {' '.join(words[cut:])}"


def _drawn(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]
