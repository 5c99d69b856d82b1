"""All families, by name."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from scripts.lab.families.archaic_style import archaic_style
from scripts.lab.families.clause_template import clause_template
from scripts.lab.families.common_sentence import common_sentence
from scripts.lab.families.family import Family, of_each_part
from scripts.lab.families.near_words import near_words, near_words_of
from scripts.lab.families.rare_words import rare_words, rare_words_of


def families_of(tokenizer: Any, table: Tensor, texts: Sequence[str]) -> dict[str, Family]:
    """Every family; the words that one needs come from a model's own vocabulary.

    Args:
        tokenizer: of the model.
        table: `[vocabulary, width]` its word embeddings.
        texts: clean ones; what stands in them is not rare.
    """
    families: dict[str, Family] = {
        "clauses": clause_template,
        "near words": near_words(near_words_of(tokenizer, table)),
        "archaic style": archaic_style,
        "rare words": rare_words(rare_words_of(tokenizer, texts)),
        "a common sentence": common_sentence,
    }
    return {name: of_each_part(family) for name, family in families.items()}
