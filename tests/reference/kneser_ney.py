"""Interpolated Kneser-Ney as it is published, by walking over all n-grams for every question that is asked."""

import math
from collections.abc import Sequence


class SlowTrigrams:
    """p(w | h) of word trigrams; unknown words share one place of the uniform distribution."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        padded = [["<s>", "<s>", *text, "</s>"] for text in texts]
        self.trigrams = [tuple(text[i : i + 3]) for text in padded for i in range(len(text) - 2)]
        self.bigrams = [gram[1:] for gram in set(self.trigrams)]
        self.unigrams = [gram[1:] for gram in set(self.bigrams)]

    def probability(self, word: str, context: tuple[str, ...]) -> float:
        grams = (self.unigrams, self.bigrams, self.trigrams)[len(context)]
        shorter = self.probability(word, context[1:]) if context else 1 / (len(set(self.unigrams)) + 1)
        after = [gram for gram in grams if gram[:-1] == context]
        if not after:
            return shorter
        times = [grams.count(gram) for gram in set(grams)]
        once, twice = times.count(1) + 0.5, times.count(2) + 0.5
        discount = once / (once + 2 * twice)
        left = max(after.count((*context, word)) - discount, 0)
        return (left + discount * len(set(after)) * shorter) / len(after)

    def perplexity(self, text: Sequence[str]) -> float:
        padded = ["<s>", "<s>", *text, "</s>"]
        product = math.prod(
            self.probability(padded[i], (padded[i - 2], padded[i - 1])) ** (1 / (len(text) + 1))
            for i in range(2, len(padded))
        )
        return 1 / product
