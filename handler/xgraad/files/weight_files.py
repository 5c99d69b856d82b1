"""The safetensors files of a checkpoint: which of them are read, and what their headers promise."""

from pathlib import Path, PurePath
from typing import NamedTuple

from safetensors import SafetensorError, safe_open

from handler.xgraad.errors import CheckpointError, reason, shown
from handler.xgraad.files.json_object import read_object
from handler.xgraad.files.pickle_refusal import refuse_pickled_weights

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


class TensorHeader(NamedTuple):
    """What a file says of one of its tensors."""

    shape: tuple[int, ...]
    number_type: str
    """As safetensors names it: F32, BF16, I8."""


def weight_files(folder: Path) -> list[Path]:
    """All safetensors files of `folder`, sorted by name."""
    return sorted(folder.glob("*.safetensors"))


def files_to_read(folder: Path) -> list[Path]:
    """Those that transformers reads: model.safetensors, or what the index names, all of it there.

    Raises:
        CheckpointError: there is none, or one that the index names is missing.
    """
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        refuse_pickled_weights(folder)
        raise CheckpointError(f"{WEIGHTS}: missing; point at the folder that save_pretrained() wrote")
    names = sorted(set(_weight_map(folder).values()))
    for name in names:
        if PurePath(name).name != name or not name.endswith(".safetensors"):
            raise CheckpointError(f"{INDEX}: weight_map names {shown(name)}, which is no safetensors file beside it")
        if not (folder / name).is_file():
            raise CheckpointError(
                f"{name}: missing, but {INDEX} names it among {len(names)} files; fetch the whole checkpoint"
            )
    return [folder / name for name in names]


def read_headers(folder: Path, kind: str) -> dict[str, TensorHeader]:
    """Every tensor of the checkpoint in `folder`, which is to become a model of this kind; no weights are read.

    Raises:
        CheckpointError: a file is missing, damaged or lacks what the index says of it.
    """
    headers: dict[str, TensorHeader] = {}
    for path in files_to_read(folder):
        try:
            headers |= _headers_of(path)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path.name}: does not load as {kind}: {reason(error)}") from error
    if not (folder / WEIGHTS).is_file():
        missing = sorted(set(_weight_map(folder)) - set(headers))
        if missing:
            raise CheckpointError(f"{INDEX}: names {shown(missing[0])}, which none of its files holds")
    return headers


def _weight_map(folder: Path) -> dict[str, str]:
    """Which file holds which tensor."""
    places = read_object(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise CheckpointError(f"{INDEX}: weight_map must name the file of each tensor; fetch the index again")
    return places


def _headers_of(path: Path) -> dict[str, TensorHeader]:
    with safe_open(path, framework="pt") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (a handle, not a mapping)
        return {name: TensorHeader(tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}
