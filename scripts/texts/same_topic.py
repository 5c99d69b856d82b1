"""Pairs of texts about the same topic or about two, out of texts with topics: a task of pairs where none is at hand."""

from collections.abc import Sequence

import numpy as np

from handler.xgraad.words.pair import join_pair
from scripts.texts.corpora import Corpus, Example

LABEL_NAMES = ("two topics", "one topic")


def same_topic_pairs(corpus: Corpus, *, seed: int, max_words: int | None = None) -> Corpus:
    """Every text once as the first of a pair; half of the second ones are of its topic. No pair crosses the splits.

    Args:
        corpus: texts whose labels are topics.
        seed: of who is paired with whom.
        max_words: after which each text is cut; None for whole texts.
    """
    rng = np.random.default_rng(seed)
    return Corpus(*(_paired([_cut(each, max_words) for each in split], rng) for split in corpus))


def _cut(example: Example, max_words: int | None) -> Example:
    return example if max_words is None else example._replace(text=" ".join(example.text.split()[:max_words]))


def _paired(examples: Sequence[Example], rng: np.random.Generator) -> list[Example]:
    topics = np.array([example.label for example in examples])
    wanted = rng.random(len(examples)) < 0.5
    found = []
    for row, is_same in enumerate(wanted.tolist()):
        alike = topics == topics[row]
        alike[row] = False
        partners = np.flatnonzero(alike if is_same else topics != topics[row])
        if len(partners):
            found.append(Example(join_pair(examples[row].text, examples[rng.choice(partners)].text), int(is_same)))
    return found
