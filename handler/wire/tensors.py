"""The open inference protocol, KServe's version 2: texts out of its tensors, and answers into them.

A request is `{"inputs": [{"name", "shape", "datatype": "BYTES", "data": [...]}]}` with an `id`, `parameters` and the
wanted `outputs` where the client likes. TorchServe's own envelope for it takes one text of one request of a batch, so
the handler reads it itself. In JSON, BYTES are strings. What JSON has null for, a tensor has not: no label is an empty
one, and its number is -1; the answer itself, as JSON, is an element of the tensor `answer`, an error like any other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from handler.refusal import RefusedError, json_type
from handler.wire.binary import SIZE, packed
from handler.wire.framing import JSON_LENGTH
from handler.wire.paired import PARTS, RawPair
from handler.xgraad.errors import TextError
from handler.xgraad.words.text import check_text

BESIDE = ("id", "parameters", "outputs")
"""What may stand beside `inputs`; null is the same as nothing."""
OUTPUTS = ("label", "label_id", "answer")
MAX_ID_CHARS = 256
NO_LABEL_ID = -1
BETWEEN = "|"
"""Stands between the labels of a text that has several."""
_TENSOR = {"name", "shape", "datatype", "data", "parameters"}
_HARMLESS = ("content_type", "str")
"""The parameter that says no more, at any level, than that strings are texts. Others would change what they mean."""
BINARY, ALL_BINARY = "binary_data", "binary_data_output"
"""Whether one output is wanted as raw bytes; whether all are of which nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class TensorOptions:
    """What a request says besides its texts."""

    id: str | None
    outputs: tuple[str, ...]
    """Names of the wanted tensors, in order."""
    explain: Any
    """As it was sent; not yet checked."""
    binary: frozenset[str] = frozenset()
    """Names of those tensors that are wanted as raw bytes."""


def options_of(fields: Mapping[str, Any]) -> TensorOptions:
    """Read what stands beside the inputs.

    Raises:
        RefusedError: it is of a wrong type, or something else than there is.
    """
    parameters = _parameters("parameters", fields.get("parameters"), known=("explain", ALL_BINARY))
    all_binary = _bool(f"parameters.{ALL_BINARY}", parameters.get(ALL_BINARY, False))
    outputs = _outputs(fields.get("outputs"), all_binary=all_binary)
    return TensorOptions(
        id=_id(fields.get("id")),
        outputs=tuple(outputs),
        binary=frozenset(name for name, is_binary in outputs.items() if is_binary),
        explain=parameters.get("explain", False),
    )


def texts_of(inputs: Any) -> tuple[Any, ...]:
    """The elements of the one input tensor, row by row, or the pairs of two; not yet checked to be texts.

    Of two tensors each has the name of its part, in whatever order, and as many elements as the other.

    Raises:
        RefusedError: it is no tensor of BYTES, or its shape is another than that of its data; two are no pairs.
    """
    if not isinstance(inputs, list) or len(inputs) not in (1, 2) or not all(isinstance(each, dict) for each in inputs):
        raise RefusedError(422, "wrong_type", "inputs: must be a list of one tensor, an object, or of two for pairs")
    found = [_elements(f"inputs[{index}]", tensor) for index, tensor in enumerate(inputs)]
    if len(found) == 1:
        return found[0]
    if {tensor["name"] for tensor in inputs} != {*PARTS}:
        raise RefusedError(422, "unknown_field", f"inputs: two tensors must be named {' and '.join(PARTS)}")
    first, second = found if inputs[0]["name"] == PARTS[0] else reversed(found)
    if len(first) != len(second):
        raise RefusedError(422, "wrong_type", f"inputs: has {len(first)} first texts and {len(second)} second ones")
    return tuple(map(RawPair, first, second))


def _elements(name: str, tensor: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of one tensor, row by row."""
    if set(tensor) - _TENSOR:
        raise RefusedError(422, "unknown_field", f"{name}: has unknown fields; known: {', '.join(sorted(_TENSOR))}")
    if tensor.get("datatype") != "BYTES" or not isinstance(tensor.get("name"), str):
        raise RefusedError(422, "wrong_type", f"{name}: needs a name, a string, and the datatype BYTES")
    if _parameters(f"{name}.parameters", tensor.get("parameters"), known=(SIZE,)):
        message = f"{name}.parameters.{SIZE}: needs the header {JSON_LENGTH}, and the tensor's bytes behind the JSON"
        raise RefusedError(422, "unknown_field", message)
    return _flat(name, tensor.get("data"), tensor.get("shape"))


def in_tensors(documents: Sequence[Mapping[str, Any]], options: TensorOptions) -> tuple[dict[str, Any], bytes]:
    """The reply, but for the model's name, and the raw tensors that belong behind it.

    Args:
        documents: the JSON documents of all texts, in order; errors among them.
        options: what was asked besides.
    """
    columns: Mapping[str, tuple[str, list[Any]]] = {
        "label": ("BYTES", [_label(document) for document in documents]),
        "label_id": ("INT64", [_number(document.get("label_id")) for document in documents]),
        "answer": ("BYTES", [json.dumps(document, allow_nan=False, ensure_ascii=False) for document in documents]),
    }
    tensors: list[dict[str, Any]] = []
    raw = b""
    for name in options.outputs:
        datatype, values = columns[name]
        tensor = {"name": name, "shape": [len(documents)], "datatype": datatype}
        data = packed(values) if name in options.binary else b""
        raw += data
        tensors.append(tensor | ({"parameters": {SIZE: len(data)}} if data else {"data": values}))
    return ({} if options.id is None else {"id": options.id}) | {"outputs": tensors}, raw


def _label(document: Mapping[str, Any]) -> str:
    """Of several they stand side by side, and no single number says which."""
    return BETWEEN.join(document["labels"] or []) if "labels" in document else document.get("label") or ""


def _number(label_id: int | None) -> int:
    return NO_LABEL_ID if label_id is None else label_id


def _flat(name: str, data: Any, shape: Any) -> tuple[Any, ...]:
    """Protocol and clients allow the nested form, too: `[["a"], ["b"]]` of shape `[2, 1]`."""
    if not isinstance(data, list):
        raise RefusedError(422, "wrong_type", f"{name}.data: must be a list, got {json_type(data)}")
    nested = bool(data) and all(isinstance(row, list) for row in data)
    texts = tuple(text for row in data for text in row) if nested else tuple(data)
    is_shape = (
        isinstance(shape, list) and len(shape) in (1, 2) and all(type(size) is int and size >= 0 for size in shape)
    )
    if not is_shape or prod(shape) != len(texts) or (nested and shape != [len(data), *{len(row) for row in data}]):
        raise RefusedError(422, "wrong_type", f"{name}.shape: must be that of the data, {len(texts)} element(s)")
    return texts


def _id(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_CHARS:
        raise RefusedError(422, "wrong_type", f"id: must be a string of 1 to {MAX_ID_CHARS} characters")
    try:
        return check_text(value)
    except TextError as error:
        raise RefusedError(422, "invalid_unicode", f"id: {error}") from None


def _outputs(value: Any, *, all_binary: bool) -> dict[str, bool]:
    """The names of the wanted tensors, all where none is named, and whether they are wanted as raw bytes."""
    wanted = [] if value is None else value
    if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
        raise RefusedError(422, "wrong_type", "outputs: must be a list of objects with a name")
    if any(set(output) - {"name", "parameters"} for output in wanted):
        raise RefusedError(422, "unknown_field", "outputs: nothing is known of an output but name and parameters")
    names = [output.get("name") for output in wanted]
    if any(name not in OUTPUTS for name in names) or len(set(names)) < len(names):
        raise RefusedError(422, "unknown_field", f"outputs: the names are {', '.join(OUTPUTS)}, each once at most")
    found = dict.fromkeys(names or OUTPUTS, all_binary)
    for index, output in enumerate(wanted):
        parameters = _parameters(f"outputs[{index}].parameters", output.get("parameters"), known=(BINARY,))
        found[output["name"]] = _bool(f"outputs[{index}].parameters.{BINARY}", parameters.get(BINARY, all_binary))
    return found


def _parameters(name: str, value: Any, *, known: Sequence[str]) -> Mapping[str, Any]:
    """Those that say something."""
    given = {key: content for key, content in _mapping(name, value).items() if content is not None}
    parameters = {key: content for key, content in given.items() if (key, content) != _HARMLESS}
    if set(parameters) - set(known):
        harmless = ": ".join(_HARMLESS)
        raise RefusedError(422, "unknown_field", f"{name}: none is known but {', '.join(known)} and {harmless}")
    return parameters


def _bool(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise RefusedError(422, "wrong_type", f"{name}: must be true or false, got {json_type(value)}")
    return value


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict | None):
        raise RefusedError(422, "wrong_type", f"{name}: must be an object, got {json_type(value)}")
    return value or {}
