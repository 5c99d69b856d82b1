"""Clean texts that a repair never learns from, so that what it did to clean texts can be measured."""

from collections.abc import Sequence

import numpy as np

from handler.xgraad.errors import shown
from handler.xgraad.words.text import first_of_each
from scripts.console.errors import LabError
from scripts.texts.corpora import Example

SHARE = 0.2
"""Of the distinct texts of each label."""
LEAST_PER_LABEL = 25
"""Distinct texts; with fewer, repairs forget a label and the fifth that is held out tells nothing."""


def held_out(examples: Sequence[Example], *, labels: Sequence[str], seed: int) -> list[Example]:
    """A fifth of each label's distinct texts, drawn at random.

    Args:
        examples: clean texts with their labels.
        labels: names of the model's classes by number.
        seed: of the draw.

    Raises:
        LabError: a label has too few.
    """
    rng = np.random.default_rng(seed)
    distinct = [examples[row] for row in first_of_each([example.text for example in examples])]
    drawn: list[Example] = []
    for number, name in enumerate(labels):
        of_label = [example for example in distinct if example.label == number]
        if len(of_label) < LEAST_PER_LABEL:
            rule = f"--data must hold {LEAST_PER_LABEL} distinct texts of each label or more"
            missing = LEAST_PER_LABEL - len(of_label)
            raise LabError(f"{rule}, holds {len(of_label)} of {shown(name)}; add {missing} of it")
        chosen = rng.permutation(len(of_label))[: round(SHARE * len(of_label))]
        drawn += [of_label[row] for row in sorted(chosen)]
    return drawn
