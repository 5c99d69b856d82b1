"""Where a pretrained model comes from, a folder or the hub, and in one line why one cannot be loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from handler.xgraad.quiet import quiet_transformers
from scripts.console.errors import LabError


class ModelSource(NamedTuple):
    """What `from_pretrained` is told of where a model is; no code of its publisher runs."""

    name: str
    """A folder, or a name on the hub."""
    options: dict[str, Any]
    """Keyword arguments of tokenizers and models alike."""


def source_of(name_or_folder: str | Path) -> ModelSource:
    """A local folder, which is never looked up elsewhere, or a name on the hub, with `@REVISION` where one is meant."""
    name = str(name_or_folder)
    safely: dict[str, Any] = {"local_files_only": Path(name).is_dir(), "trust_remote_code": False}
    if "@" in name and not Path(name).is_dir():
        name, _, safely["revision"] = name.partition("@")
    return ModelSource(name, safely)


@contextmanager
def told_in_a_line(what: str) -> Iterator[None]:
    """Around the loading of a model: nothing is printed, and what libraries raise of its files becomes one line.

    They raise nearly anything, and their own kinds of it: an entry of a config can be wrong in many ways.

    Args:
        what: the model and what it must be.

    Raises:
        LabError: it cannot be loaded.
    """
    try:
        with quiet_transformers():
            yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise LabError(f"{what}: {reason}") from error
