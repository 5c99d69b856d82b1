"""Which archives `serve start --models` means, in this project's form and in those of TorchServe's own option.

NAME is NAME.mar of the model store; FILE.mar is called as its manifest says; NAME=FILE.mar gives it another name; `all`
is every archive there. Commas may stand between them. Addresses are refused: what is served lies in the model store.
"""

from collections.abc import Iterable
from pathlib import Path

from scripts.console.errors import LabError
from scripts.serving.archive_settings import read_archive_settings
from scripts.serving.server_options import archives_named

SUFFIX = ".mar"
ALL = "all"


def models_to_serve(given: Iterable[str], store: Path) -> dict[str, str]:
    """Model name -> file name of its archive in the model store.

    Args:
        given: as typed after `--models`.
        store: the model store.

    Raises:
        LabError: an address, a file elsewhere, a name for two archives, or `all` of a store without any.
    """
    parts = [part for each in given for part in each.split(",") if part]
    if [part.lower() for part in parts] == [ALL]:
        parts = sorted(path.name for path in store.glob(f"*{SUFFIX}"))
        if not parts:
            raise LabError(f"--models all: there is no archive in {store}; make one with scripts.build_archive")
    models: dict[str, str] = {}
    for part in parts:
        for name, file in _model(part, store).items():
            if models.setdefault(name, file) != file:
                raise LabError(f"--models: {name} must be one archive, is {models[name]} and {file}")
    return models


def _model(part: str, store: Path) -> dict[str, str]:
    """What one part stands for."""
    name, is_named, place = part.partition("=") if "=" in part else ("", "", part)
    if "://" in place:
        raise LabError("--models must name archives of --model-store, got an address; put the file there first")
    if not place.endswith(SUFFIX):
        if is_named:
            raise LabError(f"--models {part}: what stands behind the = must be a file {SUFFIX} of --model-store")
        return archives_named([place])
    file = Path(place).name
    if file != place and (store / file).resolve() != Path(place).resolve():
        raise LabError(f"--models {part}: must lie in {store}; name its folder with --model-store")
    return {name if is_named else read_archive_settings(store / file).name: file}
