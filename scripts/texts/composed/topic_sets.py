"""Texts about several topics at once, out of texts with one topic each: a task of several labels.

A text is one to three beginnings of texts about different topics, side by side, and its labels are these topics.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from scripts.console.errors import LabError
from scripts.texts.corpora import Example, LabeledSet

MOST_TOPICS = 3
"""Of one text."""


def topic_sets(examples: Sequence[Example], *, seed: int, max_words: int | None = None) -> list[LabeledSet]:
    """Texts of one, two or three topics, each number as likely; every example stands in one text at most.

    Args:
        examples: texts whose labels are topics.
        seed: of what stands together.
        max_words: after which each of them is cut; None for whole texts.

    Raises:
        LabError: there are fewer topics than a text is to have.
    """
    if len({example.label for example in examples}) < MOST_TOPICS:
        raise LabError(f"--data must have texts of at least {MOST_TOPICS} topics")
    return list(_composed(examples, np.random.default_rng(seed), max_words))


def _composed(examples: Sequence[Example], rng: np.random.Generator, max_words: int | None) -> Iterator[LabeledSet]:
    """Until fewer topics are left than may stand together."""
    left: dict[int, list[Example]] = {}
    for row in rng.permutation(len(examples)):
        left.setdefault(examples[row].label, []).append(examples[row])
    while len(left) >= MOST_TOPICS:
        n_topics = int(rng.integers(1, MOST_TOPICS + 1))
        topics = [int(topic) for topic in rng.choice(sorted(left), size=n_topics, replace=False)]
        parts = [" ".join(left[topic].pop().text.split()[:max_words]) for topic in topics]
        yield LabeledSet(" ".join(parts), frozenset(topics))
        left = {topic: texts for topic, texts in left.items() if texts}
