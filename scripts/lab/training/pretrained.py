"""A pretrained model in a folder, and in one line why one cannot be loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handler.xgraad.quiet import quiet_transformers
from scripts.console.errors import LabError

SAFELY: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""Keyword arguments of `from_pretrained`: a folder is never looked up elsewhere, and no code of its publisher runs."""


@contextmanager
def told_in_a_line(what: str, folder: str | Path) -> Iterator[None]:
    """Around the loading of a model: nothing is printed, and what libraries raise of its files becomes one line.

    They raise nearly anything, and their own kinds of it: an entry of a config can be wrong in many ways.

    Args:
        what: the model and what it must be.
        folder: where it is.

    Raises:
        LabError: it cannot be loaded.
    """
    try:
        if not Path(folder).is_dir():
            raise NotADirectoryError("is no folder")
        with quiet_transformers():
            yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise LabError(f"{what}: {reason}") from error
