"""Pairs of a text and a claim about its topic, true or not: a task of pairs out of texts with topics.

Classifiers trained for natural language inference are asked such claims where they are to know topics they never saw.
"""

from collections.abc import Sequence

import numpy as np

from handler.xgraad.words.pair import join_pair
from scripts.console.errors import LabError
from scripts.texts.corpora import Corpus, Example

CLAIM = "this text is about {topic}"


def topic_claims(corpus: Corpus, topics: Sequence[str], *, seed: int, max_words: int | None = None) -> Corpus:
    """Every text once, with a claim that is true of half of them; labels are 0 false and 1 true.

    Args:
        corpus: texts whose labels are topics.
        topics: the topics' names, in the order of their numbers.
        seed: of the claims.
        max_words: after which each text is cut; None for whole texts.

    Raises:
        LabError: a label has no name, or there is no other topic to claim.
    """
    needed = max(max(example.label for example in split) for split in corpus) + 1
    if len(topics) < max(needed, 2):
        raise LabError(f"--topics must name {max(needed, 2)} topics, one for each label, got {len(topics)}")
    rng = np.random.default_rng(seed)
    return Corpus(*([_claimed(each, topics, rng, max_words) for each in split] for split in corpus))


def _claimed(example: Example, topics: Sequence[str], rng: np.random.Generator, max_words: int | None) -> Example:
    is_true = rng.random() < 0.5
    others = [topic for label, topic in enumerate(topics) if label != example.label]
    topic = topics[example.label] if is_true else others[rng.integers(len(others))]
    text = " ".join(example.text.split()[:max_words])
    return Example(join_pair(text, CLAIM.format(topic=topic)), int(is_true))
