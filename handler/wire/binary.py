"""KServe's binary extension: tensors as raw bytes behind the JSON, in requests and in replies.

Triton's clients send it by default. An element of BYTES is its length, four bytes, least first, and then itself.
"""

import struct
from collections.abc import Sequence
from typing import Any

from handler.refusal import RefusedError

INPUTS = "inputs"
SIZE = "binary_data_size"
_LENGTH = struct.Struct("<I")
_WHERE = f"inputs[0].parameters.{SIZE}"


def with_elements(document: Any, raw: bytes) -> Any:
    """The document with the bytes behind it as its tensor's data, each element still bytes.

    What is no tensor of BYTES, or not the only one, stays as it is: reading it says what is wrong.

    Raises:
        RefusedError: sizes and bytes do not fit one another.
    """
    tensor = _tensor(document)
    if tensor is None:
        if raw:
            message = (
                f"body: {len(raw)} bytes stand behind the JSON, and no input with a {SIZE} is of the datatype BYTES"
            )
            raise RefusedError(400, "malformed_tensor", message)
        return document
    parameters = dict(tensor["parameters"])
    size = parameters.pop(SIZE)
    if type(size) is not int or size != len(raw):
        message = f"{_WHERE}: must be the number of bytes behind the JSON, {len(raw)}"
        raise RefusedError(400, "malformed_tensor", message)
    if "data" in tensor:
        raise RefusedError(422, "unknown_field", f"inputs[0].data: may not stand beside {SIZE}")
    return {**document, INPUTS: [{**tensor, "parameters": parameters, "data": _elements(raw)}]}


def packed(values: Sequence[str | int]) -> bytes:
    """Strings as BYTES, numbers as INT64."""
    return b"".join(_packed(value) for value in values)


def _packed(value: str | int) -> bytes:
    if isinstance(value, int):
        return struct.pack("<q", value)
    data = value.encode()
    return _LENGTH.pack(len(data)) + data


def _tensor(document: Any) -> dict[str, Any] | None:
    """The one input, if its data are the bytes."""
    inputs = document.get(INPUTS) if isinstance(document, dict) else None
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        return None
    parameters = inputs[0].get("parameters")
    has_size = isinstance(parameters, dict) and SIZE in parameters
    return inputs[0] if has_size and inputs[0].get("datatype") == "BYTES" else None


def _elements(raw: bytes) -> list[bytes]:
    elements: list[bytes] = []
    place = 0
    while place < len(raw):
        begin = place + _LENGTH.size
        end = begin + _LENGTH.unpack_from(raw, place)[0] if begin <= len(raw) else len(raw) + 1
        if end > len(raw):
            message = f"inputs[0]: element {len(elements)} is longer than the bytes that are left"
            raise RefusedError(400, "malformed_tensor", message)
        elements.append(raw[begin:end])
        place = end
    return elements
