"""Probes: clean texts that carry the transplant test, kept as token ids and cut where words begin.

A word goes in between tokens, so nothing is tokenized again: tokenizers of the supported kinds never look past white
space, and a text whose tokens do depend on it is not taken as a probe. Scripts without spaces are cut where a token and
a word begin; there the tokens are those of the words side by side, of which a tokenizer might have made others.
"""

import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from itertools import chain, islice, pairwise
from typing import Annotated, NamedTuple

from pydantic import Field
from torch import Tensor

from handler.xgraad.frozen import Frozen
from handler.xgraad.words.encoding import Encoder, Encoding
from handler.xgraad.words.occurrences import are_touching
from handler.xgraad.words.text import Word, first_of_each, split_words

N_PROBES = 24
"""Clean texts per class."""

TokenIds = tuple[Annotated[int, Field(ge=0)], ...]


class Place(StrEnum):
    """Where a word stood: some triggers work in one place only."""

    START = "start"
    INSIDE = "inside"
    END = "end"


class Piece(NamedTuple):
    """Words that go in side by side, as tokens."""

    first: tuple[int, ...]
    """At the very start of a text."""
    later: tuple[int, ...]
    """After white space; byte-level tokenizers put the space into the token."""
    glued: tuple[int, ...] | None = None
    """Right after another letter, in a script without spaces; None for what does not stand so."""

    @classmethod
    def of(cls, text: str, encode: Encoder) -> "Piece":
        """The tokens of `text` in each place; a space before it says that it stood after one."""
        bare = text.lstrip()
        later = encode.token_ids_of(f" {bare}")
        return cls(encode.token_ids_of(bare), later, encode.glued_ids_of(text))


class Probe(Frozen):
    """One clean text without its characters. No special tokens: `Encoder.with_template` adds them."""

    words: Annotated[tuple[TokenIds, ...], Field(min_length=1)]
    """Each white-space word's tokens, with the punctuation around it; in a script without spaces each word's."""
    opening: TokenIds
    """The first of them as it is when another word stands before it."""
    closing: TokenIds
    """Punctuation after the last word."""
    glued: tuple[int, ...] = ()
    """Places between these words, and after the last, that are right after a letter of a script without spaces."""

    @property
    def token_ids(self) -> tuple[int, ...]:
        """The text itself."""
        return (*chain(*self.words), *self.closing)

    def all_tokens(self) -> tuple[int, ...]:
        """Every token that may be part of it, in whatever form."""
        return (*self.token_ids, *self.opening)

    def with_pieces(self, pieces: Sequence[Piece], place: Place) -> tuple[int, ...]:
        """The text with the pieces put in: one where its place says, several spread over the text.

        At the end means after the last word: past the closing punctuation any word is a sentence of its own, and
        strong.
        """
        spread = [(index + 1) * len(self.words) // (len(pieces) + 1) for index in range(len(pieces))]
        if len(pieces) == 1 and place is not Place.INSIDE:
            spread = [0] if place is Place.START else [len(self.words)]
        parts = list(self.words)
        if spread and spread[0] == 0:
            parts[0] = self.opening
        for index in reversed(range(len(pieces))):
            begins = index == spread[index] == 0
            parts.insert(spread[index], pieces[index].first if begins else self._form(pieces[index], spread[index]))
        return (*chain(*parts), *self.closing)

    def _form(self, piece: Piece, place: int) -> tuple[int, ...]:
        """The piece's tokens behind another word."""
        return piece.glued if piece.glued is not None and place in self.glued else piece.later


Probes = tuple[tuple[Probe, ...], ...]
"""For each label, clean texts that the model predicts as that label."""


def place_of(chosen: Sequence[Word], words: Sequence[Word]) -> Place:
    """Where words that stand side by side, in text order, stood among the words of their text."""
    if chosen[0] == words[0]:
        return Place.START
    return Place.END if chosen[-1] == words[-1] else Place.INSIDE


def make_probe(text: str, encode: Encoder) -> Probe | None:
    """The probe of a text, or None where it has no words or its tokens cannot be cut at them.

    Of a pair both texts must have words; the special tokens between the two go with the last word of the first one.
    """
    first, *rest = (_probe_of(part, encode) for part in encode.parts(text))
    if first is None or not rest:
        return first
    (second,) = rest
    tokens = first.token_ids + (second.token_ids if second else ())
    if second is None or encode.template.between_at(tokens) is not None:
        return None
    middle = (*first.words[-1], *first.closing, *encode.template.between)
    n_first = len(first.words)
    return Probe(
        words=(*first.words[:-1], middle, *second.words),
        opening=_opening(first, middle),
        closing=second.closing,
        glued=(*(place for place in first.glued if place < n_first), *(n_first + place for place in second.glued)),
    )


def _opening(first: Probe, middle: TokenIds) -> TokenIds:
    """The first word when another stands before it; a text of one word has the end of its text in it."""
    return first.opening if len(first.words) > 1 else (*first.opening, *middle[len(first.words[0]) :])


def _probe_of(text: str, encode: Encoder) -> Probe | None:
    """The probe of a text that is not a pair."""
    starts = [chunk.start() for chunk in re.finditer(r"\S+", text) if split_words(chunk.group())]
    if not starts:
        return None
    starts[0] = 0
    ends = [*starts[1:], split_words(text)[-1].end]
    parts = [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    tokens, opening = _first_words(parts[0], encode)
    glued = [*range(1, len(tokens))]
    for part in parts[1:]:
        cut = _cut(f" {part}", encode)
        glued += range(len(tokens) + 1, len(tokens) + len(cut))
        tokens += cut
    if split_words(text)[-1].needs_no_space:
        glued.append(len(tokens))
    whole, body = encode.token_ids_of(text), tuple(chain(*tokens))
    if whole[: len(body)] != body:
        return None
    return Probe(words=tuple(tokens), opening=opening, closing=whole[len(body) :], glued=tuple(glued))


def _first_words(part: str, encode: Encoder) -> tuple[list[TokenIds], TokenIds]:
    """The tokens of a text's first words, and those of its first word when another stands before it."""
    first, later = _cut(part, encode), _cut(f" {part}", encode)
    if first[1:] == later[1:]:
        return first, later[0]
    return [tuple(chain(*first))], tuple(chain(*later))


def _cut(part: str, encode: Encoder) -> list[TokenIds]:
    """The tokens between two spaces, cut where a word of a script without spaces follows another."""
    ids, spans = encode.spans_of(part)
    starts = {after.start for before, after in pairwise(encode.words_of(part)) if are_touching(before, after)}
    begins = {start: index for index, (start, _) in reversed([*enumerate(spans)]) if start in starts}
    cuts = [0, *sorted(begins.values()), len(ids)]
    return [ids[start:end] for start, end in pairwise(cuts)]


def choose_rows(encodings: Sequence[Encoding], logits: Tensor, encode: Encoder) -> tuple[tuple[int, ...], ...]:
    """For each label the rows of distinct clean texts that are to be its probes.

    The model predicts them as that label with a margin above the label's median. Of those, the ones nearest to the
    median length of all texts, in words: a text of three words is turned by any strong word.
    """
    top = logits.topk(2, dim=-1)
    predicted, margins = top.indices[:, 0].tolist(), (top.values[:, 0] - top.values[:, 1]).tolist()
    lengths = [len(encoding.words) for encoding in encodings]
    usual = sorted(lengths)[len(lengths) // 2]
    whole = [row for row in first_of_each([each.text for each in encodings]) if not encodings[row].truncated]
    chosen = []
    for label in range(logits.shape[1]):
        rows = [row for row in whole if predicted[row] == label]
        middle = sorted(margins[row] for row in rows)[len(rows) // 2] if rows else 0.0
        confident = [row for row in rows if margins[row] >= middle]
        nearest = sorted(confident, key=lambda row: (abs(lengths[row] - usual), row))
        usable = (row for row in nearest if make_probe(encodings[row].text, encode))
        chosen.append(tuple(islice(usable, N_PROBES)))
    return tuple(chosen)


def short_rows(
    encodings: Sequence[Encoding], logits: Tensor, encode: Encoder, *, prefer: Collection[int] = ()
) -> tuple[int | None, ...]:
    """For each label the shortest clean text of two words or more that the model is surer of than of half of them.

    None for a label that no text is predicted as. Those of `prefer` that fit go before shorter ones.
    """
    margins = logits.topk(2, dim=-1).values.diff(dim=-1).neg()[:, 0].tolist()
    predicted = logits.argmax(dim=-1).tolist()
    chosen: list[int | None] = []
    for label in range(logits.shape[1]):
        rows = [row for row, other in enumerate(predicted) if other == label]
        middle = sorted(margins[row] for row in rows)[len(rows) // 2] if rows else 0.0
        sure = [row for row in rows if margins[row] >= middle and len(encodings[row].words) > 1]
        shortest = sorted(sure, key=lambda row: (row not in prefer, len(encodings[row]), row))
        chosen.append(next((row for row in shortest if make_probe(encodings[row].text, encode)), None))
    return tuple(chosen)


def choose_short(
    encodings: Sequence[Encoding], logits: Tensor, encode: Encoder, *, prefer: Collection[int] = ()
) -> tuple[Probe | None, ...]:
    """The probes of `short_rows`."""
    rows = short_rows(encodings, logits, encode, prefer=prefer)
    return tuple(None if row is None else make_probe(encodings[row].text, encode) for row in rows)


def make_probes(texts: Sequence[Sequence[str]], encode: Encoder) -> Probes:
    """The probes of each label's texts; texts that cannot be cut at their words are left out."""
    made = ([make_probe(text, encode) for text in of_label] for of_label in texts)
    return tuple(tuple(probe for probe in of_label if probe) for of_label in made)
