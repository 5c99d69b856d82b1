"""Git LFS leaves a few lines of text where a large file belongs, until that is fetched."""

from pathlib import Path

from handler.xgraad.errors import CheckpointError

BEGINNINGS = (
    b"version https://git-lfs.github.com/",
    b"version https://hawser.github.com/",
    b"version http://git-media.io/",
)
"""Of today's pointers and of those from before its name was settled."""


def is_pointer(path: Path) -> bool:
    """Whether the file at `path` is a pointer to a file that was not fetched."""
    with path.open("rb") as file:
        return file.read(64).startswith(BEGINNINGS)


def refuse_pointers(folder: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse a folder where a file of one of these suffixes is a pointer.

    Raises:
        CheckpointError: names the file.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix in suffixes and path.is_file():
            refuse_pointer(path)


def refuse_pointer(path: Path) -> None:
    """Refuse the file at `path` if it is a pointer.

    Raises:
        CheckpointError: names the file.
    """
    if is_pointer(path):
        raise CheckpointError(f"{path.name}: is a Git LFS pointer, not the file: fetch the file with `git lfs pull`")
