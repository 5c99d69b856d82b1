"""A set of token ids, packed: one bit for each token up to the highest."""

import base64
from collections.abc import Iterable

import numpy as np
from pydantic import field_validator

from handler.xgraad.frozen import Frozen


class TokenSet(Frozen):
    """Frozen; bits in base64, the lowest id first in each byte."""

    bits: str = ""

    @classmethod
    def of(cls, token_ids: Iterable[int]) -> "TokenSet":
        """The set of these ids, each 0 or more."""
        ids = np.fromiter(token_ids, dtype=np.int64)
        mask = np.zeros(ids.max() + 1 if ids.size else 0, dtype=bool)
        mask[ids] = True
        return cls(bits=base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode())

    @field_validator("bits")
    @classmethod
    def _is_whole(cls, value: str) -> str:
        try:
            base64.b64decode(value, validate=True)
        except ValueError as error:
            raise ValueError("must be base64") from error
        return value

    @property
    def n_bytes(self) -> int:
        """Of the bits: an eighth of the highest id and one more, at the most."""
        return len(base64.b64decode(self.bits))

    def ids(self) -> frozenset[int]:
        """The ids; unpacked once, for as often as they are asked for."""
        packed = np.frombuffer(base64.b64decode(self.bits), dtype=np.uint8)
        return frozenset(np.flatnonzero(np.unpackbits(packed, bitorder="little")).tolist())
