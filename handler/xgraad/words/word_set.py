"""A set of words that can be asked but not read: a calibration must not tell what its texts say."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import islice

import numpy as np
from pydantic import field_validator

from handler.xgraad.frozen import Frozen
from handler.xgraad.words.base64_text import Base64Text, base64_text, bytes_of

HASH_BYTES = 4
"""One word in four billion divided by the size of the set is taken for a member."""
MOST_WORDS = 1 << 18
"""Of a set: one word in sixteen thousand is taken for a member then, and a worker holds some 20 MB."""


class WordSet(Frozen):
    """Frozen; the words' hashes, ascending, little-endian, in base64."""

    hashes: Base64Text

    @classmethod
    def of(cls, keys: Iterable[str]) -> "WordSet":
        """The set of these `Word.key`, of the first `MOST_WORDS` distinct ones where there are more."""
        found = sorted({word_hash(key) for key in islice(dict.fromkeys(keys), MOST_WORDS)})
        return cls(hashes=base64_text(np.array(found, dtype="<u4").tobytes()))

    @field_validator("hashes")
    @classmethod
    def _is_whole(cls, value: str) -> str:
        size = len(bytes_of(value))
        if size > HASH_BYTES * MOST_WORDS:
            raise ValueError(f"must hold at most {MOST_WORDS} words, holds {size // HASH_BYTES}")
        if size % HASH_BYTES:
            raise ValueError(f"must hold {HASH_BYTES} bytes for each word, holds {size}")
        return value

    def lacking(self) -> Callable[[str], bool]:
        """Tells of a `Word.key` whether it is not in the set; unpacked once, for as often as it is asked."""
        hashes = frozenset(np.frombuffer(bytes_of(self.hashes), dtype="<u4").tolist())
        return lambda key: word_hash(key) not in hashes


def word_hash(key: str) -> int:
    """Of a `Word.key`; the same on every machine."""
    # A lone surrogate never gets here from a request, but nothing here may depend on that.
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest(), "little")
