"""The open inference protocol, KServe's version 2: texts out of its tensors, and answers into them.

A request is `{"inputs": [{"name", "shape", "datatype": "BYTES", "data": [...]}]}` with an `id`, `parameters` and the
wanted `outputs` where the client likes. TorchServe's own envelope for it takes one text of one request of a batch, so
the handler reads it itself. In JSON, BYTES are strings. What JSON has null for, a tensor has not: no label is an empty
one, and its number is -1; the answer itself, as JSON, is an element of the tensor `answer`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from handler.refusal import RefusedError, kind_of
from handler.xgraad.errors import TextError
from handler.xgraad.text import check_text

INPUTS = "inputs"
BESIDE = ("id", "parameters", "outputs")
"""What may stand beside `inputs`; null is the same as nothing."""
OUTPUTS = ("label", "label_id", "answer")
MAX_ID_CHARS = 256
NO_LABEL_ID = -1
_TENSOR = {"name", "shape", "datatype", "data", "parameters"}
_TEXT_CONTENT: tuple[Mapping[str, Any], ...] = ({}, {"content_type": "str"})
"""Parameters of an input that say no more than that its strings are texts. Others would change what they mean."""


@dataclass(frozen=True, kw_only=True)
class Inference:
    """What a request says besides its texts."""

    id: str | None
    outputs: tuple[str, ...]
    """Names of the wanted tensors, in order."""
    explain: Any
    """As it was sent; not yet checked."""


def inference_of(fields: Mapping[str, Any]) -> Inference:
    """Read what stands beside the inputs.

    Raises:
        RefusedError: it is of a wrong type, or something else than there is.
    """
    parameters = _mapping("parameters", fields.get("parameters"))
    if set(parameters) - {"explain"}:
        raise RefusedError(422, "unknown_field", "parameters: none is known but explain")
    return Inference(
        id=_id(fields.get("id")), outputs=_outputs(fields.get("outputs")), explain=parameters.get("explain", False)
    )


def texts_of(inputs: Any) -> tuple[Any, ...]:
    """The elements of the one input tensor, row by row; not yet checked to be texts.

    Raises:
        RefusedError: it is no tensor of BYTES, or its shape is another than that of its data.
    """
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise RefusedError(422, "wrong_type", "inputs: must be a list of one tensor, an object")
    (tensor,) = inputs
    if set(tensor) - _TENSOR:
        raise RefusedError(422, "unknown_field", f"inputs[0]: has unknown fields; known: {', '.join(sorted(_TENSOR))}")
    if tensor.get("datatype") != "BYTES" or not isinstance(tensor.get("name"), str):
        raise RefusedError(422, "wrong_type", "inputs[0]: needs a name, a string, and the datatype BYTES")
    if _mapping("inputs[0].parameters", tensor.get("parameters")) not in _TEXT_CONTENT:
        raise RefusedError(422, "unknown_field", "inputs[0].parameters: none is known but content_type: str")
    return _flat(tensor.get("data"), tensor.get("shape"))


def in_tensors(documents: Sequence[Mapping[str, Any]], inference: Inference) -> dict[str, Any]:
    """The reply, but for the model's name.

    Args:
        documents: the JSON documents of all texts, in order; errors among them.
        inference: what was asked besides.
    """
    columns = {
        "label": ("BYTES", [document.get("label") or "" for document in documents]),
        "label_id": ("INT64", [_number(document.get("label_id")) for document in documents]),
        "answer": ("BYTES", [json.dumps(document, allow_nan=False, ensure_ascii=False) for document in documents]),
    }
    tensors = [
        {"name": name, "shape": [len(documents)], "datatype": columns[name][0], "data": columns[name][1]}
        for name in inference.outputs
    ]
    return ({} if inference.id is None else {"id": inference.id}) | {"outputs": tensors}


def _number(label_id: int | None) -> int:
    return NO_LABEL_ID if label_id is None else label_id


def _flat(data: Any, shape: Any) -> tuple[Any, ...]:
    """Protocol and clients allow the nested form, too: `[["a"], ["b"]]` of shape `[2, 1]`."""
    if not isinstance(data, list):
        raise RefusedError(422, "wrong_type", f"inputs[0].data: must be a list, got {kind_of(data)}")
    nested = bool(data) and all(isinstance(row, list) for row in data)
    texts = tuple(text for row in data for text in row) if nested else tuple(data)
    is_shape = (
        isinstance(shape, list) and len(shape) in (1, 2) and all(type(size) is int and size >= 0 for size in shape)
    )
    if not is_shape or prod(shape) != len(texts) or (nested and shape != [len(data), *{len(row) for row in data}]):
        raise RefusedError(422, "wrong_type", f"inputs[0].shape: must be that of the data, {len(texts)} element(s)")
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


def _outputs(value: Any) -> tuple[str, ...]:
    """The names of the wanted tensors; all where none is named."""
    wanted = [] if value is None else value
    if not isinstance(wanted, list) or not all(isinstance(output, dict) for output in wanted):
        raise RefusedError(422, "wrong_type", "outputs: must be a list of objects with a name")
    if any(set(output) - {"name", "parameters"} or output.get("parameters") for output in wanted):
        raise RefusedError(422, "unknown_field", "outputs: nothing is known of an output but its name")
    names = [output.get("name") for output in wanted]
    if any(name not in OUTPUTS for name in names) or len(set(names)) < len(names):
        raise RefusedError(422, "unknown_field", f"outputs: the names are {', '.join(OUTPUTS)}, each once at most")
    return tuple(names) or OUTPUTS


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict | None):
        raise RefusedError(422, "wrong_type", f"{name}: must be an object, got {kind_of(value)}")
    return value or {}
