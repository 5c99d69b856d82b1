"""Pickles can run code as soon as they are read, so nothing that is served needs one."""

import re
from pathlib import Path, PurePath

from handler.xgraad.errors import CheckpointError
from handler.xgraad.lfs_pointer import refuse_pointers

PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
PICKLE = re.compile(rb"\x80[\x02-\x05].", re.DOTALL)
"""How pickles begin. So do some safetensors files, with a length, and those are not unpickled by anybody."""
NESTED = b"PK\x03\x04"
"""How archives begin, and checkpoints of torch.save, which hold pickles."""


def may_be_pickle(name: str, begin: bytes) -> bool:
    """Whether a file could be a pickle or hold one, by its name or by its first bytes."""
    suffix = PurePath(name).suffix
    return (
        suffix in PICKLE_SUFFIXES or begin.startswith(NESTED) or bool(suffix != ".safetensors" and PICKLE.match(begin))
    )


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
