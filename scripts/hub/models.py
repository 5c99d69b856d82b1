"""Models for commands: their options name a folder, or a revision on the hub, which becomes a folder."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.console.errors import LabError
from scripts.hub.address import address_in
from scripts.hub.snapshot import snapshot

MODEL_PATTERNS = ("*.json", "*.model", "*.safetensors", "*.txt")
"""What loading a checkpoint reads, see `handler.xgraad.model.checkpoint`: no pickle, no code."""


def with_models(
    work: Callable[[argparse.Namespace], Any], *options: str, besides: Sequence[str] = ()
) -> Callable[[argparse.Namespace], Any]:
    """The work of a command, with folders in the place of models that were named on the hub.

    Args:
        work: what the command does with its arguments.
        options: those that name models, as attributes of the arguments; what is None stays None.
        besides: what they may say as well, which is no model.
    """

    def work_on_folders(arguments: argparse.Namespace) -> Any:
        for option in options:
            named = getattr(arguments, option)
            if named is not None and named not in besides:
                folder = model_folder(named, what=f"--{option.replace('_', '-')}")
                setattr(arguments, option, type(named)(folder))
        return work(arguments)

    return work_on_folders


def model_folder(named: str | Path, *, what: str) -> Path:
    """The folder that a user means: one that is here, or what the hub has under that name.

    Args:
        named: a folder, which goes before all names, or NAME@REVISION.
        what: where it was typed, for messages.

    Raises:
        LabError: see `snapshot`; it is neither, or a place within a model is named.
    """
    if Path(named).is_dir():
        return Path(named)
    address = address_in(named)
    if address is None:
        raise LabError(f"{what} must be a model folder, or NAME@REVISION on the hub, is {str(named)!r}; name one")
    if address.path:
        raise LabError(f"{what} {address}: must be all of a model, NAME@REVISION, names {address.path} in it")
    return snapshot(address, kind="model", patterns=MODEL_PATTERNS, below=False, what=what)
