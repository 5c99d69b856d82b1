"""Whether the tensors of a checkpoint are those of the model that config.json describes, told before any is read."""

from collections.abc import Mapping
from typing import Any

from handler.xgraad.errors import CheckpointError, shown
from handler.xgraad.files.weight_files import TensorHeader

NUMBER_TYPES = ("F32", "F16", "BF16", "F64")
"""Number formats that a classifier's weights have; others are those of quantized models, which need their own code."""
COUNTERS = ("position_ids", "token_type_ids")
"""Ends of the names of whole numbers that older checkpoints hold; models make them anew."""
NO_PART = (".pooler.", *COUNTERS)
"""In names of tensors inside an encoder that a classifier has no place for, and loses nothing by it."""
WRAPPERS = {"module.": "model.module", "_orig_mod.": "model._orig_mod"}
"""Prefixes of known origin, and what to save instead."""


def check_weights(headers: Mapping[str, TensorHeader], model: Any) -> None:
    """Hold what the files promise against the model that they are for.

    Args:
        headers: of the checkpoint's tensors.
        model: the plain model that its config.json makes, on any device; its weights do not matter.

    Raises:
        CheckpointError: names the tensor, both values, and what to do.
    """
    table = _table_of(model)
    _check_prefix(headers, f"{model.base_model_prefix}.{table}")
    for name, header in headers.items():
        if header.number_type not in NUMBER_TYPES and not name.endswith(COUNTERS):
            raise CheckpointError(
                f"model.safetensors: {shown(name)} is of type {header.number_type}; weights must be of "
                f"{', '.join(NUMBER_TYPES)}: save the model without quantization"
            )
    for name, tensor in model.state_dict().items():
        if name in headers and headers[name].shape != tuple(tensor.shape):
            raise CheckpointError(_misfit(name, headers[name].shape, tuple(tensor.shape), table))


def check_report(report: Mapping[str, Any], model: Any) -> None:
    """Hold what transformers left over after loading against what must not be left over.

    Raises:
        CheckpointError: names a tensor that the files lack, or that the model has no place for.
    """
    if report["missing_keys"]:
        raise CheckpointError(
            f"model.safetensors: lacks {min(report['missing_keys'])}; is this a fine-tuned classifier?"
        )
    inside = f"{model.base_model_prefix}."
    for name in sorted(report["unexpected_keys"]):
        if name.startswith(inside) and not any(part in name for part in NO_PART):
            raise CheckpointError(f"model.safetensors: holds {shown(name)}, which config.json has no place for")


def _table_of(model: Any) -> str:
    """What the weights of the embedding table are called inside the encoder."""
    table = model.get_input_embeddings()
    return next(f"{name}.weight" for name, module in model.base_model.named_modules() if module is table)


def _check_prefix(headers: Mapping[str, TensorHeader], table: str) -> None:
    """Wrappers of training put their names before all others; transformers would find no tensor."""
    for name in headers:
        prefix, found, _ = name.partition(table)
        if found and prefix:
            inside = next(
                (what for wrapper, what in WRAPPERS.items() if prefix.startswith(wrapper)), "the model inside"
            )
            raise CheckpointError(
                f"model.safetensors: all names begin with {shown(prefix)}, as a wrapper of training leaves them; "
                f"save {inside} with save_pretrained()"
            )


def _misfit(name: str, found: tuple[int, ...], expected: tuple[int, ...], table: str) -> str:
    if name.startswith("classifier") and found[1:] == expected[1:]:
        return (
            f"config.json: id2label names {expected[0]} classes (two where it is absent), but {name} of the weights "
            f"has {found[0]} outputs; name each of the model's classes"
        )
    if name.endswith(table) and found[1:] == expected[1:]:
        return (
            f"config.json: vocab_size is {expected[0]}, but the embedding table of the weights has {found[0]} rows; "
            "does not load: is config.json that of these weights?"
        )
    return (
        f"model.safetensors: {name} is of shape {list(found)}, config.json makes it {list(expected)}; "
        "is config.json that of these weights?"
    )
