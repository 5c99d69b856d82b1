"""Words that may stand in for other words, without a download: WordNet's synonyms or neighbors in an embedding."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

CONTINUES_WORD = "##"
STARTS_WORD = ("Ġ", "▁")
"""How byte-level and unigram tokenizers mark a token after a space."""
ROWS_AT_ONCE = 1024

WORDNET = "wordnet"
NEIGHBORS = "embedding_neighbors"


class Substitutes(NamedTuple):
    """For every token of a vocabulary; indices are token ids."""

    candidates: Tensor
    """`[vocabulary, candidates]` token ids: the token itself first, and again where there are too few others."""
    is_word: Tensor
    """`[vocabulary]` bool: whole words of two ASCII letters or more. Other tokens have no candidates."""
    continues_word: Tensor
    """`[vocabulary]` bool: tokens that make the one before them part of a longer word."""


def substitute_source() -> str:
    """Where substitutes come from on this machine, `WORDNET` or `NEIGHBORS`."""
    return NEIGHBORS if wordnet() is None else WORDNET


def find_substitutes(tokenizer: Any, table: Tensor, *, n_candidates: int) -> Substitutes:
    """The candidates of every whole word that is one token.

    Args:
        tokenizer: WordPiece, byte-level or unigram.
        table: `[vocabulary, width]` word embeddings.
        n_candidates: per word, the word itself included.
    """
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))]
    words = whole_word_tokens(tokens)
    source = wordnet()
    others = neighbors(table, list(words), n_candidates - 1) if source is None else _synonyms(source, words)
    candidates = torch.arange(len(table))[:, None].repeat(1, n_candidates)
    for word_id, found in others.items():
        chosen = list(found)[: n_candidates - 1]
        candidates[word_id, 1 : 1 + len(chosen)] = torch.tensor(chosen, dtype=torch.long)
    is_word = torch.zeros(len(table), dtype=torch.bool)
    is_word[list(words)] = True
    continues = torch.zeros(len(table), dtype=torch.bool)
    continues[: len(tokens)] = torch.tensor(continuations(tokens))
    return Substitutes(candidates, is_word, continues)


def whole_word_tokens(tokens: Sequence[str]) -> dict[int, str]:
    """Token ids and words, of the tokens that stand for a word of two ASCII letters or more."""
    starts = ("",) if _has_continuations(tokens) else STARTS_WORD
    found = {}
    for token_id, token in enumerate(tokens):
        word = token.lstrip("".join(starts))
        if token.startswith(starts) and len(word) > 1 and word.isascii() and word.isalpha():
            found[token_id] = word
    return found


def continuations(tokens: Sequence[str]) -> list[bool]:
    """Which tokens make the one before them part of a longer word."""
    if _has_continuations(tokens):
        return [token.startswith(CONTINUES_WORD) for token in tokens]
    # The mark is asked for by name: one of them is a letter.
    return [token[:1].isalnum() and not token.startswith(STARTS_WORD) for token in tokens]


def neighbors(table: Tensor, ids: Sequence[int], n_neighbors: int) -> dict[int, list[int]]:
    """The tokens among `ids` with the largest cosine to each of them, itself left out, nearest first."""
    directions = functional.normalize(table.detach().float().cpu()[list(ids)], dim=-1)
    found: dict[int, list[int]] = {}
    for start in range(0, len(ids), ROWS_AT_ONCE):
        cosines = directions[start : start + ROWS_AT_ONCE] @ directions.T
        own = torch.arange(len(cosines))
        cosines[own, own + start] = -torch.inf
        nearest = cosines.topk(min(n_neighbors, len(ids) - 1), dim=-1).indices
        found |= {ids[start + row]: [ids[column] for column in columns] for row, columns in enumerate(nearest.tolist())}
    return found


def wordnet() -> Any | None:
    """nltk's WordNet, or None where nltk or its data are missing."""
    try:
        corpus = importlib.import_module("nltk.corpus").wordnet
        corpus.ensure_loaded()
    except (ImportError, LookupError):
        return None
    return corpus


def _synonyms(source: Any, words: Mapping[int, str]) -> dict[int, list[int]]:
    """Token ids of each word's synonyms, of its most frequent sense first."""
    ids = {word: token_id for token_id, word in words.items()}
    found = {}
    for token_id, word in words.items():
        names = [name for sense in source.synsets(word) for name in sense.lemma_names()]
        found[token_id] = [ids[name] for name in dict.fromkeys(names) if name in ids and name != word]
    return found


def _has_continuations(tokens: Sequence[str]) -> bool:
    return any(token.startswith(CONTINUES_WORD) for token in tokens)
