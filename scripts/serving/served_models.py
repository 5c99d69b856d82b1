"""Which archives `serve start --models` means, in this project's form and in those of TorchServe's own option.

NAME is NAME.mar of the model store; FILE.mar is called as its manifest says; NAME=FILE.mar gives it another name; `all`
is every archive there. Commas may stand between them. Addresses are refused: what is served lies in the model store.
"""

from collections.abc import Iterable
from pathlib import Path

from scripts.console.errors import LabError
from scripts.serving.archive_settings import read_archive_settings
from scripts.serving.server_options import NAME_RULE, is_address_part

SUFFIX = ".mar"
ALL = "all"


Given = tuple[str | None, str]
"""A model's name, None where the archive's manifest tells it, and the file name of its archive in the model store."""


def archives_given(given: Iterable[str], store: Path) -> list[Given]:
    """What was typed after `--models`, each once and in order; no archive is read.

    Args:
        given: as typed.
        store: the model store.

    Raises:
        LabError: an address, a file elsewhere, no name for an address, or `all` of a store without any.
    """
    parts = [part for each in given for part in each.split(",") if part]
    if [part.lower() for part in parts] == [ALL]:
        parts = sorted(path.name for path in store.glob(f"*{SUFFIX}"))
        if not parts:
            raise LabError(f"--models all: there is no archive in {store}; make one with scripts.build_archive")
    return list(dict.fromkeys(_archive(part, store) for part in parts))


def models_to_serve(archives: Iterable[Given], store: Path) -> dict[str, str]:
    """Model name -> file name of its archive in the model store.

    Args:
        archives: see `archives_given`.
        store: the folder that they are served from.

    Raises:
        LabError: a name for two archives, or one whose manifest cannot be read and must tell the name.
    """
    models: dict[str, str] = {}
    for given, file in archives:
        name = read_archive_settings(store / file).name if given is None else given
        if models.setdefault(name, file) != file:
            raise LabError(f"--models: {name} must be one archive, is {models[name]} and {file}")
    return models


def _archive(part: str, store: Path) -> Given:
    """What one part stands for."""
    name, is_named, place = part.partition("=") if "=" in part else ("", "", part)
    if "://" in place:
        raise LabError("--models must name archives of --model-store, got an address; put the file there first")
    if not place.endswith(SUFFIX):
        if is_named:
            raise LabError(f"--models {part}: what stands behind the = must be a file {SUFFIX} of --model-store")
        if not is_address_part(place):
            raise LabError(f"--models: model name must be {NAME_RULE}, got {place!r}")
        return place, f"{place}{SUFFIX}"
    file = Path(place).name
    if file != place and (store / file).resolve() != Path(place).resolve():
        raise LabError(f"--models {part}: must lie in {store}; name its folder with --model-store")
    return (name if is_named else None), file
