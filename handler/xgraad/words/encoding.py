"""Texts to token ids, with the way back from each token to its word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from handler.xgraad.errors import CheckpointError
from handler.xgraad.words.pair import join_pair, split_pair
from handler.xgraad.words.text import Word, check_text, split_words

NO_WORD = -1


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """One text as the model sees it."""

    text: str
    words: tuple[Word, ...]
    """All words of the text, also those past the model's window."""
    token_ids: tuple[int, ...]
    """With special tokens, cut to the model's window, not padded."""
    token_types: tuple[int, ...]
    word_of_token: tuple[int, ...]
    """Index into `words` for each token; `NO_WORD` at special tokens and punctuation, which are not scored."""
    truncated: bool
    """True when the text has tokens past the model's window."""

    def __len__(self) -> int:
        return len(self.token_ids)


class Batch(NamedTuple):
    """Encodings padded to one length: tensors of shape `[batch, tokens]`."""

    token_ids: Tensor
    token_types: Tensor
    mask: Tensor
    """bool, True at real tokens."""

    def arguments(self, *, token_types: bool) -> dict[str, Tensor]:
        """What the forward pass of a model takes; `token_types` says whether it wants these."""
        arguments = {"input_ids": self.token_ids, "attention_mask": self.mask.long()}
        return arguments | {"token_type_ids": self.token_types} if token_types else arguments


class Encoder:
    """A fast tokenizer, asked once per text.

    Args:
        tokenizer: of transformers, a fast one.
        max_length: tokens of the window, special ones included.
        takes_pairs: whether every text is a pair of texts (see `pair`), and none a single one.
    """

    def __init__(self, tokenizer: Any, *, max_length: int, takes_pairs: bool = False) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.takes_pairs = takes_pairs
        self.pad_id = int(tokenizer.pad_token_id)
        self._template = Template.of(tokenizer, takes_pairs=takes_pairs)
        self._has_types = told_types(tokenizer)

    def __call__(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode texts, in order.

        Raises:
            TextError: a text cannot be tokenized, or is no pair where pairs are judged.
        """
        if not texts:
            return []
        parts = [self.parts(check_text(text)) for text in texts]
        encoded = self.tokenizer(
            *([part[index] for part in parts] for index in range(1 + self.takes_pairs)),
            truncation=True,
            max_length=self.max_length,
            return_offsets_mapping=True,
            return_token_type_ids=True,
            return_special_tokens_mask=True,
        )
        return [self._encoding(text, encoded, row) for row, text in enumerate(texts)]

    def token_ids_of(self, word: str) -> tuple[int, ...]:
        """The tokens that `word` alone becomes, without special tokens."""
        return tuple(self.tokenizer(word, add_special_tokens=False)["input_ids"])

    def parts(self, text: str) -> tuple[str, ...]:
        """What the model reads apart from one another: the text, or the two of a pair.

        Raises:
            TextError: it is no pair where pairs are judged.
        """
        return split_pair(text) if self.takes_pairs else (text,)

    def sample(self, text: str) -> str:
        """A text of the project's own as this model would get one: as it is, or with itself as a pair."""
        return join_pair(text, text) if self.takes_pairs else text

    @property
    def between(self) -> tuple[int, ...]:
        """The special tokens between the texts of a pair; none where single ones are judged."""
        return self._template.between

    def with_template(self, token_ids: Sequence[int]) -> Encoding:
        """An encoding without text: tokens without special ones get those of the template, cut to the window.

        Of a pair they have those between the two texts in them.
        """
        template = self._template
        room = self.max_length - len(template.opening) - len(template.closing)
        whole = (*template.opening, *token_ids[:room], *template.closing)
        return Encoding(
            text="",
            words=(),
            token_ids=whole,
            token_types=template.token_types(whole),
            word_of_token=(NO_WORD,) * len(whole),
            truncated=len(token_ids) > room,
        )

    def _encoding(self, text: str, encoded: Any, row: int) -> Encoding:
        words = split_words(text)
        fast = encoded.encodings[row]
        return Encoding(
            text=text,
            words=words,
            token_ids=tuple(encoded["input_ids"][row]),
            token_types=tuple(encoded["token_type_ids"][row]) if self._has_types else (0,) * len(fast),
            word_of_token=words_of_tokens(words, self._offsets(text, fast), fast.special_tokens_mask),
            truncated=bool(fast.overflowing),
        )

    def _offsets(self, text: str, fast: Any) -> list[tuple[int, int]]:
        """Of each token, counted in the whole text; the tokenizer counts in each part."""
        if not self.takes_pairs:
            return list(fast.offsets)
        second = len(split_pair(text)[0]) + 1
        shifts = [second if part == 1 else 0 for part in fast.sequence_ids]
        return [(start + shift, end + shift) for (start, end), shift in zip(fast.offsets, shifts, strict=True)]


class Template(NamedTuple):
    """The special tokens around what the model reads."""

    opening: tuple[int, ...]
    between: tuple[int, ...]
    """Of the texts of a pair; none where single ones are judged."""
    closing: tuple[int, ...]
    second_type: int
    """Token type of a pair's second text."""

    @classmethod
    def of(cls, tokenizer: Any, *, takes_pairs: bool) -> "Template":
        """As a tokenizer of transformers shows it on the shortest texts."""
        encoded = tokenizer(*["a"] * (1 + takes_pairs), return_token_type_ids=True)
        ids, special = tuple(encoded["input_ids"]), encoded.encodings[0].special_tokens_mask
        body = [index for index, is_special in enumerate(special) if not is_special]
        between = tuple(ids[index] for index in range(body[0], body[-1]) if special[index])
        if takes_pairs and not between:
            rule = "has no template for pairs of texts, which begins the second one behind a special token"
            raise CheckpointError(f"tokenizer.json: {rule}; calibrate on single texts, or save the tokenizer again")
        second_type = encoded["token_type_ids"][body[-1]] if told_types(tokenizer) else 0
        return cls(ids[: body[0]], between, ids[body[-1] + 1 :], second_type)

    def token_types(self, token_ids: tuple[int, ...]) -> tuple[int, ...]:
        """Of tokens within the template: those of the second text begin behind what stands between the two."""
        first = self.end_of_first(token_ids)
        return (0,) * first + (self.second_type,) * (len(token_ids) - first)

    def end_of_first(self, token_ids: tuple[int, ...]) -> int:
        """Where the second text begins, or the end where there is none."""
        width = len(self.between)
        starts = range(len(self.opening), len(token_ids) - width + 1) if width else ()
        return next((at + width for at in starts if token_ids[at : at + width] == self.between), len(token_ids))


def told_types(tokenizer: Any) -> bool:
    """Whether a model that is asked as usual is told which tokens are a second text's; its training went alike."""
    return "token_type_ids" in tokenizer.model_input_names


def words_of_tokens(
    words: Sequence[Word], offsets: Sequence[tuple[int, int]], special: Sequence[int]
) -> tuple[int, ...]:
    """For each token the word with which it shares most characters, the first of equals.

    Args:
        words: in text order.
        offsets: characters of each token in the original text, in text order, as the tokenizer reports them.
        special: 1 at tokens that the tokenizer's template added.
    """
    result: list[int] = []
    first = 0
    for (start, end), is_special in zip(offsets, special, strict=True):
        if is_special or start == end:
            result.append(NO_WORD)
            continue
        while first < len(words) and words[first].end <= start:
            first += 1
        best, best_overlap = NO_WORD, 0
        candidate = first
        while candidate < len(words) and words[candidate].start < end:
            overlap = min(end, words[candidate].end) - max(start, words[candidate].start)
            if overlap > best_overlap:
                best, best_overlap = candidate, overlap
            candidate += 1
        result.append(best)
    return tuple(result)


def collate(encodings: Sequence[Encoding], *, pad_id: int, device: torch.device) -> Batch:
    """Pad encodings to the longest of them."""
    width = max(len(encoding) for encoding in encodings)
    token_ids = torch.full((len(encodings), width), pad_id, dtype=torch.long)
    token_types = torch.zeros((len(encodings), width), dtype=torch.long)
    mask = torch.zeros((len(encodings), width), dtype=torch.bool)
    for row, encoding in enumerate(encodings):
        n_tokens = len(encoding)
        token_ids[row, :n_tokens] = torch.tensor(encoding.token_ids)
        token_types[row, :n_tokens] = torch.tensor(encoding.token_types)
        mask[row, :n_tokens] = True
    return Batch(token_ids.to(device), token_types.to(device), mask.to(device))
