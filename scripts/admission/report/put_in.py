"""A text with what was put into it marked, told by the text without."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from typing import NamedTuple

_PARTS = re.compile(r"\s+|\S+")


class Stretch(NamedTuple):
    """A part of a text. All of a text's, joined, are the text."""

    text: str
    is_new: bool


def stretches(before: str, after: str) -> list[Stretch]:
    """The parts of `after` in order: what `before` has, too, and what is new; the blanks around it are not."""
    old, new = _PARTS.findall(before), _PARTS.findall(after)
    n_first = _n_shared(old, new)
    n_last = _n_shared(old[n_first:][::-1], new[n_first:][::-1])
    inner = new[n_first : len(new) - n_last]
    matched = SequenceMatcher(None, old[n_first : len(old) - n_last], inner, autojunk=False).get_opcodes()
    found = [Stretch("".join(new[:n_first]), is_new=False)]
    for kind, _, _, start, end in matched:
        part = "".join(inner[start:end])
        found += [Stretch(part, is_new=False)] if kind == "equal" else _trimmed(part)
    found.append(Stretch("".join(new[len(new) - n_last :]), is_new=False))
    return [stretch for stretch in found if stretch.text]


def beginning(found: Sequence[Stretch], n_chars: int) -> Iterator[Stretch]:
    """The first so many characters of a text in stretches."""
    left = n_chars
    for stretch in found:
        if left > 0:
            yield stretch._replace(text=stretch.text[:left])
        left -= len(stretch.text)


def _n_shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts both begin with; what is around a single insertion needs no search, which is slow."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _trimmed(part: str) -> list[Stretch]:
    """What is new of a part, apart from the blanks around it."""
    word = part.strip()
    head, tail = part.split(word, 1) if word else (part, "")
    return [Stretch(head, is_new=False), Stretch(word, is_new=True), Stretch(tail, is_new=False)]
