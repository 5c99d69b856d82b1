"""The tensors of a checkpoint whose weights are pickled, all of them or none."""

import json
import re
from pathlib import Path

import torch

from handler.xgraad.files.lfs_pointer import is_pointer
from scripts.console.errors import LabError

INDEX = "pytorch_model.bin.index.json"
PART = re.compile(r"-(\d+)-of-(\d+)\.bin$")
"""How the files of a checkpoint in several are numbered."""


def read_pickled(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of `folder`'s pytorch_model files, by its name.

    Raises:
        LabError: there are none, one is missing, was not fetched, or holds more than tensors.
    """
    paths = sorted(folder.glob("pytorch_model*.bin"))
    if not paths:
        raise LabError(f"{folder}: holds no pytorch_model.bin")
    places = _weight_map(folder / INDEX)
    expected = set(places.values()) | {name for path in paths for name in _siblings(path.name)}
    for name in sorted(expected - {path.name for path in paths}):
        raise LabError(f"{name}: missing, one of {len(expected)} files of the weights; fetch the whole checkpoint")
    weights = {name: tensor for path in paths for name, tensor in _read(path).items()}
    for name in sorted(set(places) - set(weights)):
        raise LabError(f"{INDEX}: names {name!a:.120}, which none of the files holds; fetch the whole checkpoint")
    return weights


def _weight_map(index: Path) -> dict[str, str]:
    """Which file holds which tensor; nothing where there is no index."""
    if not index.is_file():
        return {}
    if is_pointer(index):
        raise LabError(f"{index.name}: is a Git LFS pointer, not the file: fetch the file with `git lfs pull`")
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
    except (ValueError, RecursionError, KeyError, TypeError):
        places = None
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise LabError(f"{index.name}: weight_map must name the file of each tensor; fetch the index again")
    return places


def _siblings(name: str) -> set[str]:
    """Names of all files of the checkpoint that a numbered one belongs to."""
    part = PART.search(name)
    if part is None:
        return set()
    width, total, begin = len(part[1]), part[2], name[: part.start()]
    return {f"{begin}-{number:0{width}}-of-{total}.bin" for number in range(1, min(int(total), 10_000) + 1)}


def _read(path: Path) -> dict[str, torch.Tensor]:
    if is_pointer(path):
        raise LabError(f"{path.name}: is a Git LFS pointer, not the file: fetch the file with `git lfs pull`")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a hostile pickle raises, the answer is the same
        raise LabError(f"{path.name}: holds more than tensors and is refused ({type(error).__name__})") from error
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise LabError(f"{path.name}: must be a mapping of names to tensors")
    # Tensors that share memory are copied: safetensors stores each name by itself.
    return {str(name): tensor.clone().contiguous() for name, tensor in content.items()}
