"""Which words speak for a class, as RIPPLES ranks them (Kurita et al., ACL 2020, section 3.2).

A logistic regression on bags of words gives each word a weight w; its score is w / log(n_texts / (alpha + frequency)),
so that among equal weights frequent words come first. Differs from the original: the logarithm counts as 1 at least,
and the solver is L-BFGS.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from scripts.console.errors import LabError
from scripts.texts.corpora import Example

LETTERS = re.compile(r"[^\W\d_]{2,}")
ALPHA = 1.0
RIDGE = 1e-4
"""Weight of the squared norm, next to the mean loss in nats."""
FEWEST_TEXTS = 3
"""Words in fewer texts than this are left out: they fit the noise."""
N_ITERATIONS = 50


def words_of_class(examples: Sequence[Example], label: int, *, n_words: int) -> list[str]:
    """The words with the highest scores, lowercased, best first.

    Args:
        examples: texts of all classes.
        label: the class that the words are to speak for.
        n_words: how many are wanted.

    Raises:
        LabError: there are too few words to choose from.
    """
    bags = [sorted(set(LETTERS.findall(example.text.lower()))) for example in examples]
    frequency = Counter(word for bag in bags for word in bag)
    vocabulary = sorted(word for word, count in frequency.items() if count >= FEWEST_TEXTS)
    if len(vocabulary) < n_words:
        rule = f"must hold {n_words} words or more, each in {FEWEST_TEXTS} texts"
        raise LabError(f"training texts {rule}, hold {len(vocabulary)}")
    weights = _regression(bags, vocabulary, np.array([example.label == label for example in examples]))
    counts = np.array([frequency[word] for word in vocabulary])
    # At words of nearly every text the logarithm vanishes, and their weights, which are noise, would rank first.
    scores = weights / np.log(len(examples) / (ALPHA + counts)).clip(min=1.0)
    return [vocabulary[row] for row in np.argsort(-scores, kind="stable")[:n_words]]


def _regression(
    bags: Sequence[Sequence[str]], vocabulary: Sequence[str], is_class: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """A logistic regression's weight of every word of the vocabulary."""
    number = {word: row for row, word in enumerate(vocabulary)}
    rows = [[number[word] for word in bag if word in number] for bag in bags]
    ids = torch.tensor([word for row in rows for word in row])
    offsets = torch.tensor(np.cumsum([0, *(len(row) for row in rows[:-1])]))
    wanted = torch.tensor(is_class, dtype=torch.float64)
    weights = torch.zeros(len(vocabulary), 1, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weights, bias], max_iter=N_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        logits = functional.embedding_bag(ids, weights, offsets, mode="sum")[:, 0] + bias
        loss = functional.binary_cross_entropy_with_logits(logits, wanted) + RIDGE * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)
    return weights.detach()[:, 0].numpy()
