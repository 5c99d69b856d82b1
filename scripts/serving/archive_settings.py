"""What an archive says about how it is served: its manifest and its model-config.yaml. Nothing is unpacked."""

import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.console.errors import LabError
from scripts.serving.server_options import NAME_RULE, is_address_part

MANIFEST = "MAR-INF/MANIFEST.json"
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    ValueError,
    yaml.YAMLError,
)
"""What reading an archive raises that is none."""


@dataclass(frozen=True, kw_only=True)
class ArchiveSettings:
    """What an archive says about how it is served."""

    name: str
    """The model's name, unless whoever serves it gives another."""
    version: str
    settings: Mapping[str, Any]
    """The content of its model-config.yaml, empty without one."""


def read_archive_settings(archive: Path) -> ArchiveSettings:
    """Read manifest and model-config.yaml out of a .mar file.

    Raises:
        LabError: it is missing, no archive, or has no version that an address can hold.
    """
    if not archive.is_file():
        raise LabError(f"there is no archive {archive}; make one with python -m scripts.build_archive")
    try:
        with zipfile.ZipFile(archive) as content:
            model = manifest_model(content)
            config = model.get("configFile")
            settings = yaml.safe_load(content.read(str(config))) if config else None
    except UNREADABLE as error:
        raise LabError(f"{archive} is not a TorchServe archive ({error}); build it again") from error
    if fault := version_fault(model):
        raise LabError(f"{archive}: {fault}; build it again with python -m scripts.build_archive")
    if not isinstance(settings or {}, dict):
        raise LabError(f"{archive}: {config} must be a mapping, is a {type(settings).__name__}; build it again")
    return ArchiveSettings(
        name=str(model.get("modelName") or archive.stem), version=str(model["modelVersion"]), settings=settings or {}
    )


def manifest_model(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The entry `model` of an archive's manifest.

    Raises:
        ValueError: there is none; also what zipfile raises.
    """
    manifest = json.loads(archive.read(MANIFEST))
    model = manifest.get("model") if isinstance(manifest, dict) else None
    if not isinstance(model, dict):
        raise ValueError(f"{MANIFEST} must hold a mapping `model`")
    return model


def version_fault(model: Mapping[str, Any]) -> str | None:
    """What is wrong with the version in a manifest, if anything is."""
    version = model.get("modelVersion")
    if version is None:
        return f"{MANIFEST} must hold a modelVersion, has none"
    return None if is_address_part(str(version)) else f"modelVersion must be {NAME_RULE}, is {str(version)!r}"
