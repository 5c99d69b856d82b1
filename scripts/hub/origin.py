"""Where a model folder comes from, as far as its path tells: one in the hub's cache has name and commit in it."""

from os.path import abspath
from pathlib import Path

from scripts.hub.snapshot import COMMIT

PREFIX = "models--"
"""Of a model's folder in the cache, before its name, where `--`, which no name there holds, stands for the slash."""


def origin_of(folder: Path) -> str | None:
    """NAME@COMMIT of a model of the hub; None for any other folder."""
    *_, model, snapshots, commit = ("", "", *_absolute(folder).parts)
    if model.startswith(PREFIX) and snapshots == "snapshots" and COMMIT.fullmatch(commit):
        return f"{model.removeprefix(PREFIX).replace('--', '/', 1)}@{commit}"
    return None


def model_name(folder: Path) -> str:
    """What rows and records call a model: its origin, or else its folder's name, which tells nothing of a machine."""
    return origin_of(folder) or _absolute(folder).name


def _absolute(folder: Path) -> Path:
    """Without dots, but with the links that its user named it by."""
    return Path(abspath(folder))
