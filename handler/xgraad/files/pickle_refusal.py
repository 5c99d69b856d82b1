"""Folders that hold pickles are refused, with the way out."""

from pathlib import Path

from handler.xgraad.errors import CheckpointError
from handler.xgraad.files.lfs_pointer import refuse_pointers
from handler.xgraad.files.pickles import PICKLE_SUFFIXES, may_be_pickle


def refuse_pickles(folder: Path) -> None:
    """Refuse a model directory that holds a pickle anywhere, read by anything or not: what is served needs none.

    Raises:
        CheckpointError: names the file.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and may_be_pickle(path.name, _begin(path)):
            name = path.relative_to(folder).as_posix()
            raise CheckpointError(f"{name}: pickles can run code and are refused; pack it with scripts.build_archive")


def refuse_pickled_weights(folder: Path) -> None:
    """Refuse a folder without safetensors for the pickled weights in it, if there are any.

    Raises:
        CheckpointError: names the first of them and the way out.
    """
    refuse_pointers(folder, PICKLE_SUFFIXES)
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLE_SUFFIXES)
    if pickles:
        raise CheckpointError(
            f"{pickles[0]}: pickled weights can run code and are refused; on a machine that you can lose, run: "
            "python -m scripts.convert_checkpoint --checkpoint DIR --out DIR"
        )


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)
