"""Texts to token ids, with the way back from each token to its word."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor

from handler.xgraad.words.occurrences import are_touching, merged
from handler.xgraad.words.pair import join_pair, single_text, split_pair
from handler.xgraad.words.template import Template, told_types
from handler.xgraad.words.text import Word, begins_without_space, check_text, split_words

NO_WORD = -1


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """One text as the model sees it."""

    text: str
    words: tuple[Word, ...]
    """All words of the text, also those past the model's window; see `seen_words`."""
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
        self.template = Template.of(tokenizer, takes_pairs=takes_pairs)
        """The special tokens around and between what it reads."""
        self._has_types = told_types(tokenizer)

    def __call__(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode texts, in order.

        Raises:
            TextError: a text cannot be tokenized, or is no pair where pairs are judged, or one where single texts are.
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
            TextError: it is no pair where pairs are judged, or one where single texts are.
        """
        return split_pair(text) if self.takes_pairs else (single_text(text),)

    def sample(self, text: str) -> str:
        """A text of the project's own as this model would get one: as it is, or with itself as a pair."""
        return join_pair(text, text) if self.takes_pairs else text

    @property
    def room(self) -> int:
        """Tokens of a text that the window holds beside the special ones."""
        return self.max_length - len(self.template.opening) - len(self.template.closing)

    def glued_ids_of(self, word: str) -> tuple[int, ...] | None:
        """The tokens of a word of a script without spaces right after a letter, without special tokens.

        None for other words, and where the tokenizer takes the letter and the word as one.
        """
        if not begins_without_space(word):
            return None
        ids, spans = self.spans_of(f"a{word}")
        index = next((index for index, (start, _) in enumerate(spans) if start >= 1), 0)
        return ids[index:] if index and spans[index - 1][1] <= 1 else None

    def spans_of(self, text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
        """The tokens of a text without special ones, with the characters of each."""
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return tuple(encoded["input_ids"]), tuple(encoded["offset_mapping"])

    def words_of(self, text: str) -> tuple[Word, ...]:
        """The words of a text as its `Encoding` has them."""
        words = split_words(text)
        return seen_words(words, self.spans_of(text)[1]) if any(word.needs_no_space for word in words) else words

    def with_template(self, token_ids: Sequence[int]) -> Encoding:
        """An encoding without text: tokens without special ones get those of the template, cut to the window.

        Of a pair they have those between the two texts in them.
        """
        template = self.template
        whole = (*template.opening, *token_ids[: self.room], *template.closing)
        return Encoding(
            text="",
            words=(),
            token_ids=whole,
            token_types=template.token_types(whole),
            word_of_token=(NO_WORD,) * len(whole),
            truncated=len(token_ids) > self.room,
        )

    def _encoding(self, text: str, encoded: Any, row: int) -> Encoding:
        fast = encoded.encodings[row]
        whole = chain.from_iterable(self._offsets(text, part) for part in (fast, *fast.overflowing))
        words = seen_words(split_words(text), whole)
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


def seen_words(words: Sequence[Word], offsets: Iterable[tuple[int, int]]) -> tuple[Word, ...]:
    """Words as a model sees them: clusters of a script without spaces that one token covers are one word.

    The model cannot tell them apart, and by itself each of them would be another token.

    Args:
        words: in text order, see `split_words`.
        offsets: characters of each token in the original text.
    """
    touching = {after.start for before, after in pairwise(words) if are_touching(before, after)}
    if not touching:
        return tuple(words)
    starts, inside, covered = sorted(touching), set[int](), 0
    for start, end in sorted(set(offsets)):
        first = bisect_right(starts, max(start, covered))
        inside.update(starts[first : bisect_left(starts, end)])
        covered = max(covered, end - 1)
    return merged(words, lambda _, word: word.start in inside)


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
