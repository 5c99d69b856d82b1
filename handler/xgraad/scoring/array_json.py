"""A float32 array as a JSON value: its shape, and its bytes in base64. Compact, exact, and nothing is unpickled."""

import base64
import binascii
import math

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from handler.xgraad.frozen import Frozen


class ArrayJson(Frozen):
    """Frozen; little-endian, row by row; finite."""

    shape: tuple[int, ...]
    float32: str

    @classmethod
    def of(cls, array: NDArray[np.floating]) -> "ArrayJson":
        """The JSON form of an array; keeps seven digits."""
        return cls(shape=array.shape, float32=base64.b64encode(array.astype("<f4").tobytes()).decode())

    @model_validator(mode="after")
    def _is_whole(self) -> "ArrayJson":
        try:
            content = base64.b64decode(self.float32, validate=True)
        except binascii.Error as error:
            raise ValueError("float32 must be base64") from error
        if len(content) != 4 * math.prod(self.shape) or min(self.shape, default=0) < 0:
            raise ValueError(f"float32 must hold 4 bytes for each of shape {self.shape}, holds {len(content)}")
        if not np.isfinite(np.frombuffer(content, dtype="<f4")).all():
            raise ValueError("float32 must hold finite numbers")
        return self

    def array(self) -> NDArray[np.float64]:
        """The numbers, in double precision."""
        flat = np.frombuffer(base64.b64decode(self.float32), dtype="<f4")
        return flat.astype(np.float64).reshape(self.shape)
