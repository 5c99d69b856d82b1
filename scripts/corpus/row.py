"""One row of a corpus: a text, or what is wrong with it."""

from typing import Any, NamedTuple

from handler.xgraad.errors import TextError
from handler.xgraad.words.pair import join_pair
from handler.xgraad.words.text import lone_surrogate


class CorpusRow(NamedTuple):
    """What stands in a row; one of the two is None."""

    text: str | None
    """Of a pair both texts, as `join_pair` joins them."""
    fault: str | None
    """Why there is no text to judge: rule and value, never a user's text."""


def faulty(fault: str) -> CorpusRow:
    """A row that cannot be judged."""
    return CorpusRow(None, fault)


def row_of(cells: list[Any], *, max_chars: int) -> CorpusRow:
    """A row of what its columns of texts hold.

    Args:
        cells: one, or the two of a pair.
        max_chars: a longer text, of a pair both together, is a bad row.
    """
    try:
        texts = [_checked(cell) for cell in cells]
        if not all(text.strip() for text in texts):
            return faulty("text must hold more than blanks, is empty")
        text = texts[0] if len(texts) == 1 else join_pair(*texts)
    except TextError as error:
        return faulty(str(error))
    n_chars = sum(map(len, texts))
    if n_chars > max_chars:
        return faulty(f"text must have at most {max_chars} characters, has {n_chars}")
    return CorpusRow(text, None)


def _checked(cell: Any) -> str:
    if not isinstance(cell, str):
        raise TextError(f"text must be a string, {'is missing' if cell is None else f'is a {type(cell).__name__}'}")
    place = lone_surrogate(cell)
    if place is not None:
        raise TextError(f"text must be valid Unicode, character {place} is a lone surrogate")
    return cell
