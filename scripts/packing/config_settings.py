"""Settings of model-config.yaml as they are typed, NAME=VALUE, and checked as strictly as in the file."""

import argparse
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from handler.settings import SECTION, Settings
from scripts.console.errors import LabError

Count = Annotated[int, Field(ge=1, strict=True)]
Whole = Annotated[int, Field(ge=0, strict=True)]

SERVER: dict[str, Any] = {
    "minWorkers": Count,
    "maxWorkers": Count,
    "batchSize": Count,
    "maxBatchDelay": Whole,
    "responseTimeout": Count,
    "startupTimeout": Count,
    "deviceType": Literal["cpu", "gpu"],
    "deviceIds": Annotated[list[Whole], Field(min_length=1)],
    "jobQueueSize": Count,
    "maxRetryTimeoutInSec": Whole,
    "clientTimeoutInMills": Whole,
    "useJobTicket": Annotated[bool, Field(strict=True)],
}
"""TorchServe's keys, which it takes with a mere warning in its log when they are wrong. Those that change how a handler
is called are left out: ours is called with batches of requests."""


class TypedSetting(NamedTuple):
    """One setting as it was typed."""

    name: str
    """Without the name of the section."""
    value: Any
    """What YAML makes of it."""


class ConfigSettings(NamedTuple):
    """The two parts of model-config.yaml."""

    server: dict[str, Any]
    """TorchServe's."""
    defense: dict[str, Any]
    """Ours, see `handler.settings`."""


def setting(text: str) -> TypedSetting:
    """Argument type: NAME=VALUE, the value in YAML."""
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    try:
        return TypedSetting(name.strip().removeprefix(f"{SECTION}."), yaml.safe_load(value))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise argparse.ArgumentTypeError(f"{name.strip()}: the value must be YAML, got {value!r}") from error


def with_settings(options: ConfigSettings, typed: Sequence[TypedSetting]) -> ConfigSettings:
    """The settings of other options and those that were typed; the defense's values are checked with the others of it.

    Raises:
        LabError: a name that does not exist or is set twice, or a value that TorchServe would not take.
    """
    server, defense = dict(options.server), dict(options.defense)
    for name, value in typed:
        if name not in SERVER and name not in Settings.model_fields:
            known = [*SERVER, *Settings.model_fields]
            near = get_close_matches(name, known, n=1)
            raise LabError(f"--set {name}: is no setting; there is {', '.join(near or known)}")
        part = server if name in SERVER else defense
        if name in part:
            raise LabError(f"--set {name}: is set already, to {part[name]!r}; leave one of them out")
        part[name] = _checked(name, value) if name in SERVER else value
    return ConfigSettings(server, defense)


def refuse_uneven_workers(settings: Mapping[str, Any]) -> None:
    """Raise where TorchServe would ignore both numbers of workers."""
    least, most = settings.get("minWorkers"), settings.get("maxWorkers")
    if least is not None and most is not None and least > most:
        raise LabError(f"minWorkers must be at most maxWorkers, {most}, is {least}; set both")


def _checked(name: str, value: Any) -> Any:
    try:
        return TypeAdapter(SERVER[name]).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise LabError(f"--set {name}: {first['msg']}, got {first['input']!r}") from error
