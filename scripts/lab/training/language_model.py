"""A small language model: word trigrams with interpolated Kneser-Ney smoothing, learned in a second from a few thousand
texts.

A word's probability after a context h is what was counted, less a discount D that goes to the shorter context h':

    p(w | h) = max(c(h w) - D, 0) / c(h) + D * n(h) / c(h) * p(w | h')

with c(h) the sum of c(h w) over w, n(h) the number of words seen after h, and p(w | h') where h was never seen. Of the
whole context c counts occurrences, of shorter ones the different words seen before h w; no context at all ends in the
uniform distribution over the vocabulary and one unknown word, which stands for every word that was never seen. Each
length has a discount of its own, n1 / (n1 + 2 n2) of the words counted once and twice (Ney, Essen and Kneser, 1994).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

ORDER = 3
"""Words of an n-gram. On a few thousand texts longer ones are hardly ever seen twice."""
START, END = "<s>", "</s>"
"""What stands before and after a text. Texts have no such words: these are cut at white space or punctuation."""

Gram = tuple[str, ...]


@dataclass
class _Level:
    """What was counted of n-grams of one length; by context."""

    counts: dict[Gram, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    totals: dict[Gram, int] = field(default_factory=dict)
    discount: float = 0.0

    def close(self) -> None:
        """Sum up, once all is counted."""
        self.totals = {context: found.total() for context, found in self.counts.items()}
        times = Counter(count for found in self.counts.values() for count in found.values())
        # Half a word is added to each count, so that no discount is 0, which would leave nothing for unknown words.
        self.discount = (times[1] + 0.5) / (times[1] + 0.5 + 2 * (times[2] + 0.5))


class WordLanguageModel:
    """How likely each word of a text is after those before it.

    Args:
        texts: each a sequence of words, which are told apart by spelling.
    """

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self._levels = [_Level() for _ in range(ORDER)]
        for text in texts:
            padded = self._padded(text)
            for place in range(ORDER - 1, len(padded)):
                self._levels[-1].counts[padded[place - ORDER + 1 : place]][padded[place]] += 1
        for shorter, longer in reversed(list(pairwise(self._levels))):
            for context, found in longer.counts.items():
                for word in found:
                    shorter.counts[context[1:]][word] += 1
        for level in self._levels:
            level.close()
        self._n_words = len(self._levels[0].counts[()]) + 1

    def probability(self, word: str, context: Gram) -> float:
        """Of a word, or `END`, after the `ORDER` - 1 words before it, in (0, 1); unknown words share one."""
        found = 1 / self._n_words
        for n_before, level in enumerate(self._levels):
            before = context[len(context) - n_before :]
            if before in level.totals:
                seen, total = level.counts[before], level.totals[before]
                found = (max(seen[word] - level.discount, 0.0) + level.discount * len(seen) * found) / total
        return found

    def perplexity(self, text: Sequence[str]) -> float:
        """The exponential of the mean loss, in nats, of the words and of the end."""
        return math.exp(float(np.mean(self._losses(self._padded(text)))))

    def perplexities_without(self, text: Sequence[str]) -> NDArray[np.float64]:
        """`[words]` perplexity of the text without each word in turn: only the words after it are looked at again."""
        padded = self._padded(text)
        losses = self._losses(padded)
        whole, reach = losses.sum(), ORDER - 1
        left = np.empty(len(text))
        for place in range(len(text)):
            around = padded[place : place + reach] + padded[place + ORDER : place + ORDER + reach]
            left[place] = whole - losses[place : place + ORDER].sum() + self._losses(around).sum()
        return np.exp(left / max(len(text), 1))

    def _losses(self, padded: Gram) -> NDArray[np.float64]:
        """Of each word that has a whole context before it."""
        return np.array(
            [
                -math.log(self.probability(padded[place], padded[place - ORDER + 1 : place]))
                for place in range(ORDER - 1, len(padded))
            ]
        )

    @staticmethod
    def _padded(text: Sequence[str]) -> Gram:
        return (*([START] * (ORDER - 1)), *text, END)
