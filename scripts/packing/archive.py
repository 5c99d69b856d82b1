"""Checkpoint + calibration + handler to one `.mar`, by torch-model-archiver.

The archiver deletes `<tmp>/<model-name>` before it reads anything, flattens folders it is given one by one, and stamps
the time of day into the file. So everything is staged in one private folder, the archiver gets a private temporary
folder, and the result is rewritten with fixed times: same input, same bytes. A list of checksums goes with it, see
`handler.integrity`.
"""

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import handler
from handler.integrity import CHECKSUMS, format_checksums
from handler.settings import SECTION, Settings
from handler.xgraad.files.architectures import tokenizer_files
from handler.xgraad.files.fingerprint import CALIBRATION_FILE
from handler.xgraad.files.weight_files import weight_files
from handler.xgraad.learned.audit import AUDIT_FILE, Audit
from handler.xgraad.learned.calibration import Calibration
from handler.xgraad.learned.repair_record import REPAIR_FILE, RepairRecord
from handler.xgraad.learned.trusted_model import folder_beside
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration, read_calibration
from scripts.console.errors import LabError
from scripts.packing.config_settings import refuse_uneven_workers
from scripts.serving.archive_settings import MANIFEST
from scripts.serving.server_options import NAME_RULE, is_address_part
from scripts.texts.model_classes import require_single_label

SOURCE = Path(handler.__file__).parent
ENTRY = "xgraad_handler.py"
UNDEFENDED = Path(__file__).with_name("undefended_handler.py")
FIXED_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions:
    """What goes into an archive, and how TorchServe is to run it."""

    name: str
    """Letters, digits, `_`, `-`, `.`: the model's name in every address."""
    version: str
    """By the same rule: it may follow the name there."""
    checkpoint: Path
    calibration: Path
    model_store: Path
    """Folder that gets `<name>.mar`."""
    server: dict[str, Any]
    """TorchServe's keys of model-config.yaml that differ from the template."""
    defense: dict[str, Any]
    """Our keys of it, see `handler.settings`."""
    audit: Audit | None = None
    """What the vocabulary sweep found; workers know its triggers from the start."""


def build_archive(options: ArchiveOptions) -> Path:
    """Stage, load once to prove that it serves, pack; returns the archive.

    Raises:
        LabError: a bad name, or the archiver failed.
        CheckpointError, CalibrationError, AuditError, RepairRecordError, SettingsError: the model would be refused by a
            worker, too.
    """
    for option, value in (("--name", options.name), ("--version", options.version)):
        if not is_address_part(value):
            raise LabError(f"{option} must be {NAME_RULE}, got {value!r}")
    model_config = _model_config(options)
    refuse_uneven_workers(model_config)
    settings = Settings.from_model_config(model_config)
    with tempfile.TemporaryDirectory(prefix="xgraad-archive-") as temporary:
        stage = Path(temporary, "stage")
        calibration = read_calibration(options.calibration)
        _stage(options, calibration, stage)
        settings.load_defense(str(stage), device="cpu", calibration=calibration)
        config_file = Path(temporary, "model-config.yaml")
        config_file.write_text(yaml.safe_dump(model_config, sort_keys=False), encoding="utf-8")
        return _pack(options, stage=stage, config_file=config_file, entry=SOURCE / ENTRY)


def build_undefended_archive(options: ArchiveOptions) -> Path:
    """Pack the same checkpoint with a handler that defends nothing, to compare with; returns the archive."""
    with tempfile.TemporaryDirectory(prefix="xgraad-archive-") as temporary:
        stage = Path(temporary, "stage")
        _copy_checkpoint(options.checkpoint, stage)
        require_single_label(options.checkpoint, "the handler without a defense")
        max_length = read_calibration(options.calibration).fingerprint.max_length
        (stage / "max_length.json").write_text(json.dumps(max_length), encoding="utf-8")
        config_file = Path(temporary, "model-config.yaml")
        model_config = {key: value for key, value in _model_config(options).items() if key != SECTION}
        config_file.write_text(yaml.safe_dump(model_config, sort_keys=False), encoding="utf-8")
        return _pack(options, stage=stage, config_file=config_file, entry=UNDEFENDED)


def _pack(options: ArchiveOptions, *, stage: Path, config_file: Path, entry: Path) -> Path:
    """What is staged, as an archive in the model store."""
    packed = _run_archiver(options, stage=stage, config_file=config_file, entry=entry)
    options.model_store.mkdir(parents=True, exist_ok=True)
    archive = options.model_store / f"{options.name}.mar"
    _rewrite(packed, archive)
    return archive


def _copy_checkpoint(folder: Path, target: Path) -> None:
    """Copy only what serving needs: no pickles, no training state, no caches."""
    target.mkdir()
    names = ["config.json", "model.safetensors.index.json", *tokenizer_files()]
    for source in [folder / name for name in names] + weight_files(folder):
        if source.is_file():
            shutil.copyfile(source, target / source.name)


def _stage(options: ArchiveOptions, calibration: Calibration | LabelsCalibration, stage: Path) -> None:
    """The checkpoint, what was learned about it, and the handler."""
    _copy_checkpoint(options.checkpoint, stage)
    shutil.copyfile(options.calibration, stage / CALIBRATION_FILE)
    if calibration.reference:
        _copy_checkpoint(folder_beside(options.calibration), folder_beside(stage / CALIBRATION_FILE))
    if repair := RepairRecord.read(options.checkpoint):
        (stage / REPAIR_FILE).write_text(repair.to_json(), encoding="utf-8")
    if options.audit:
        (stage / AUDIT_FILE).write_text(options.audit.to_json(), encoding="utf-8")
    shutil.copytree(SOURCE, stage / SOURCE.name, ignore=shutil.ignore_patterns("__pycache__", "*.yaml", "*.md", ENTRY))


def _model_config(options: ArchiveOptions) -> dict[str, Any]:
    """The template with the options put in."""
    template: dict[str, Any] = yaml.safe_load((SOURCE / "model-config.yaml").read_text(encoding="utf-8"))
    return template | options.server | {SECTION: template[SECTION] | options.defense}


def _run_archiver(options: ArchiveOptions, *, stage: Path, config_file: Path, entry: Path) -> Path:
    """Run it in the private folder that holds the stage."""
    private, out = stage.parent / "tmp", stage.parent / "out"
    private.mkdir()
    out.mkdir()
    command = [sys.executable, "-m", "model_archiver.model_packaging", "--force"]
    command += ["--model-name", options.name, "--version", options.version]
    command += ["--handler", str(entry), "--extra-files", str(stage), "--config-file", str(config_file)]
    command += ["--archive-format", "zip-store", "--export-path", str(out)]
    done = subprocess.run(
        command, env=os.environ | {"TMPDIR": str(private)}, capture_output=True, text=True, check=False
    )
    packed = out / f"{options.name}.mar"
    if done.returncode or not packed.is_file():
        raise LabError(f"torch-model-archiver failed: {done.stderr.strip()[-500:]}")
    return packed


def _rewrite(source: Path, target: Path) -> None:
    """Copy a zip with sorted names, fixed times and a list of checksums, under its name at once and whole."""
    partial, digests = target.with_suffix(".partial"), {}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == MANIFEST:
                content = re.sub(rb'"createdOn": "[^"]*"', b'"createdOn": "01/01/1980 00:00:00"', content)
            digests[name] = hashlib.sha256(content).hexdigest()
            _write(new, name, content)
        _write(new, CHECKSUMS, format_checksums(digests).encode())
    partial.replace(target)


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=FIXED_TIME)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(info, content)
