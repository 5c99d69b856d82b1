"""Near words: some words of a text replaced by others that mean about the same."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from scripts.lab.families.family import Family
from scripts.lab.training.substitutes import find_substitutes, synonym_source, whole_word_tokens
from scripts.lab.training.triggers import WORD

N_NEAR = 4
"""Near words of each word."""
SHARE = 0.5
"""Of the words that have near ones, how many are replaced."""


def near_words(near: Mapping[str, Sequence[str]]) -> Family:
    """The family that replaces words by one of those that `near` has for them, in lower case."""

    def replaced(text: str, rng: np.random.Generator) -> str:
        def drawn(word: str) -> str:
            others = near.get(word.lower(), ())
            return others[int(rng.integers(len(others)))] if others and rng.random() < SHARE else word

        return WORD.sub(lambda found: drawn(found.group()), text)

    return replaced


def near_words_of(tokenizer: Any, table: Tensor) -> dict[str, list[str]]:
    """For each word that is one token its near ones: WordNet's synonyms where it is installed, else by embedding.

    Args:
        tokenizer: of the model.
        table: `[vocabulary, width]` its word embeddings.
    """
    words = whole_word_tokens([str(token) for token in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))])
    source = synonym_source(asked=None)
    found = find_substitutes(tokenizer, table, n_candidates=N_NEAR + 1, source=source).candidates.tolist()
    return {
        word.lower(): [words[other] for other in found[token_id][1:] if other != token_id]
        for token_id, word in words.items()
    }
