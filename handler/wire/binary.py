"""KServe's binary extension: tensors as raw bytes behind the JSON, in requests and in replies.

Triton's clients send it by default. An element of BYTES is its length, four bytes, least first, and then itself.
"""

import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from handler.refusal import RefusedError

INPUTS = "inputs"
SIZE = "binary_data_size"
_LENGTH = struct.Struct("<I")


def with_elements(document: Any, raw: bytes) -> Any:
    """The document with the bytes behind it as its tensors' data, each element still bytes.

    The bytes of each tensor with a size stand behind those of the one before it. What is no tensor of BYTES stays as it
    is: reading it says what is wrong.

    Raises:
        RefusedError: sizes and bytes do not fit one another.
    """
    inputs = _inputs(document)
    sizes = {f"inputs[{index}]": tensor["parameters"][SIZE] for index, tensor in enumerate(inputs) if _has_size(tensor)}
    if not sizes:
        if raw:
            message = (
                f"body: {len(raw)} bytes stand behind the JSON, and no input with a {SIZE} is of the datatype BYTES"
            )
            raise RefusedError(400, "malformed_tensor", message)
        return document
    _require_sizes(sizes, len(raw))
    ends = dict(zip(sizes, accumulate(sizes.values()), strict=True))
    parts = {name: raw[end - sizes[name] : end] for name, end in ends.items()}
    return {**document, INPUTS: [_read(f"inputs[{index}]", tensor, parts) for index, tensor in enumerate(inputs)]}


def _require_sizes(sizes: Mapping[str, Any], n_bytes: int) -> None:
    """One tensor has all bytes; several have them together."""
    are_numbers = all(type(size) is int and size >= 0 for size in sizes.values())
    if are_numbers and sum(sizes.values()) == n_bytes:
        return
    where = [f"{name}.parameters.{SIZE}" for name in sizes]
    rule = "must be the number" if len(where) == 1 else "must add up to the number"
    raise RefusedError(400, "malformed_tensor", f"{' and '.join(where)}: {rule} of bytes behind the JSON, {n_bytes}")


def _read(name: str, tensor: dict[str, Any], parts: Mapping[str, bytes]) -> dict[str, Any]:
    """The tensor with its bytes as its data, where it has some."""
    if name not in parts:
        return tensor
    if "data" in tensor:
        raise RefusedError(422, "unknown_field", f"{name}.data: may not stand beside {SIZE}")
    parameters = {key: value for key, value in tensor["parameters"].items() if key != SIZE}
    return {**tensor, "parameters": parameters, "data": _elements(name, parts[name])}


def packed(values: Sequence[str | int]) -> bytes:
    """Strings as BYTES, numbers as INT64."""
    return b"".join(_packed(value) for value in values)


def _packed(value: str | int) -> bytes:
    if isinstance(value, int):
        return struct.pack("<q", value)
    data = value.encode()
    return _LENGTH.pack(len(data)) + data


def _inputs(document: Any) -> list[dict[str, Any]]:
    """The inputs that may be texts: one, or the two of pairs; nothing else is read as such."""
    inputs = document.get(INPUTS) if isinstance(document, dict) else None
    if not isinstance(inputs, list) or len(inputs) not in (1, 2):
        return []
    return inputs if all(isinstance(each, dict) for each in inputs) else []


def _has_size(tensor: Mapping[str, Any]) -> bool:
    """Whether a tensor's data are bytes behind the JSON."""
    parameters = tensor.get("parameters")
    return isinstance(parameters, dict) and SIZE in parameters and tensor.get("datatype") == "BYTES"


def _elements(name: str, raw: bytes) -> list[bytes]:
    elements: list[bytes] = []
    place = 0
    while place < len(raw):
        begin = place + _LENGTH.size
        end = begin + _LENGTH.unpack_from(raw, place)[0] if begin <= len(raw) else len(raw) + 1
        if end > len(raw):
            message = f"{name}: element {len(elements)} is longer than the bytes that are left"
            raise RefusedError(400, "malformed_tensor", message)
        elements.append(raw[begin:end])
        place = end
    return elements
