"""A text that is longer than the model's window, encoded as all its windows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from handler.xgraad.words.encoding import Encoder, Encoding
from handler.xgraad.words.text import text_key
from handler.xgraad.words.windows import Window, WindowPlan, cut

TRIES = 4
"""A part of a text may be more tokens by itself than within it, so that it is cut again for less room."""


@dataclass(frozen=True, kw_only=True)
class LongText(Encoding):
    """The encoding of the whole text, whose tokens are those of its beginning, and what the model sees of the rest."""

    windows: tuple[Encoding, ...]
    """Each a text by itself, in text order."""
    starts: tuple[int, ...]
    """Where each begins, in characters of the whole text."""

    def spans(self) -> tuple[Window, ...]:
        """Where the windows lie in the whole text."""
        return tuple(
            Window(start, start + len(window.text)) for start, window in zip(self.starts, self.windows, strict=True)
        )


def encode_long(texts: Sequence[str], encode: Encoder, plan: WindowPlan) -> list[Encoding]:
    """Encode texts, in order: as they are where they fit, else as a `LongText`, truncated where the plan ends earlier.

    Raises:
        TextError: a text that no tokenizer can take.
    """
    encodings = encode(texts)
    long = [row for row, encoding in enumerate(encodings) if encoding.truncated]
    for row in long:
        encodings[row] = _in_windows(encodings[row], encode, plan)
    return encodings


def windows_of(encoding: Encoding) -> tuple[Encoding, ...]:
    """What the model sees of a text: its windows, or the one that it is."""
    return encoding.windows if isinstance(encoding, LongText) else (encoding,)


def drawn_window(encoding: Encoding) -> Encoding:
    """One of the windows, drawn by a hash of the text: each is as likely, and the same text always gives the same."""
    windows = windows_of(encoding)
    drawn = hashlib.sha256(text_key(encoding.text).encode()).digest()
    return windows[int.from_bytes(drawn) % len(windows)]


def _in_windows(encoding: Encoding, encode: Encoder, plan: WindowPlan) -> Encoding:
    room = encode.room
    for _ in range(TRIES):
        found = _cut_for(encoding, encode, plan, room)
        if not any(window.truncated for window in found.windows):
            break
        room -= max(1, room // 16)
    is_cut = any(window.truncated for window in found.windows)
    return replace(found, truncated=True) if is_cut else found


def _cut_for(encoding: Encoding, encode: Encoder, plan: WindowPlan, room: int) -> LongText:
    _, offsets = encode.spans_of(encoding.text)
    every = cut(encoding.text, encoding.words, offsets, room=room, stride=min(plan.stride, room // 2))
    spans = list(islice(every, plan.max_windows + 1))
    seen = spans[: plan.max_windows]
    return LongText(
        text=encoding.text,
        words=encoding.words,
        token_ids=encoding.token_ids,
        token_types=encoding.token_types,
        word_of_token=encoding.word_of_token,
        truncated=len(spans) > len(seen),
        windows=tuple(encode([encoding.text[start:end] for start, end in seen])),
        starts=tuple(start for start, _ in seen),
    )
