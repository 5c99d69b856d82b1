"""A set of token ids, packed: one bit for each token up to the highest."""

from collections.abc import Iterable

import numpy as np

from handler.xgraad.frozen import Frozen
from handler.xgraad.words.base64_text import Base64Text, base64_text, bytes_of


class TokenSet(Frozen):
    """Frozen; bits in base64, the lowest id first in each byte."""

    bits: Base64Text = ""

    @classmethod
    def of(cls, token_ids: Iterable[int]) -> "TokenSet":
        """The set of these ids, each 0 or more."""
        ids = np.fromiter(token_ids, dtype=np.int64)
        mask = np.zeros(ids.max() + 1 if ids.size else 0, dtype=bool)
        mask[ids] = True
        return cls(bits=base64_text(np.packbits(mask, bitorder="little").tobytes()))

    @property
    def n_bytes(self) -> int:
        """Of the bits: an eighth of the highest id and one more, at the most."""
        return len(bytes_of(self.bits))

    def ids(self) -> frozenset[int]:
        """The ids; unpacked once, for as often as they are asked for."""
        packed = np.frombuffer(bytes_of(self.bits), dtype=np.uint8)
        return frozenset(np.flatnonzero(np.unpackbits(packed, bitorder="little")).tolist())
