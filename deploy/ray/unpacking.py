"""An archive as a folder to serve from: checked, then unpacked, once for each content.

The copy that is checked is the one that is unpacked. Of an archive only data are used: what is run is the handler that
is installed here, and an archive that was packed with another is refused, since its answers might be others.
"""

import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import yaml

import handler
from handler.integrity import CHECKSUMS, file_digest, parse_checksums, require_unchanged
from scripts.console.errors import LabError
from scripts.packing.archive_check import check_archive
from scripts.serving.archive_settings import MANIFEST, ArchiveSettings

HANDLER = Path(handler.__file__).parent


def unpacked(archive: Path, folder: Path, *, sha256: str | None = None) -> Path:
    """The folder of an archive's content below `folder`; it is made if it is not there yet.

    Args:
        archive: the .mar file.
        folder: of this user alone; several processes may unpack into it at once.
        sha256: the digest that the archive must have; of one that was unpacked before the file is not needed again.

    Raises:
        LabError: what is wrong with the archive, in one line.
        IntegrityError: somebody changed what was unpacked.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = folder / sha256 if sha256 else None
    if known is None or not known.is_dir():
        known = _unpack(archive, folder, sha256)
    require_unchanged(known)
    _require_same_handler(known, archive.name)
    return known


def _unpack(archive: Path, folder: Path, sha256: str | None) -> Path:
    if not archive.is_file():
        raise LabError(f"there is no archive {archive}; make one with python -m scripts.build_archive")
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=folder) as private:
        copy, content = Path(private, archive.name), Path(private, "content")
        shutil.copyfile(archive, copy)
        report = check_archive(copy, sha256=sha256)
        if report.faults:
            more = f", and {len(report.faults) - 1} more fault(s)" if len(report.faults) > 1 else ""
            raise LabError(f"{archive} must not be served: {report.faults[0]}{more}")
        with zipfile.ZipFile(copy) as opened:
            opened.extractall(content)
        target = folder / report.digest
        try:
            content.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first, with the same content
                raise
    return target


def _require_same_handler(folder: Path, name: str) -> None:
    listed = parse_checksums((folder / CHECKSUMS).read_text(encoding="utf-8"))
    packed = {file: digest for file, digest in listed.items() if file.startswith("handler/")}
    other = [file for file in packed if file_digest(HANDLER.parent / file) != packed[file]]
    if other or not packed:
        what = f"{other[0]} and {len(other) - 1} more file(s)" if len(other) > 1 else (other or ["handler"])[0]
        raise LabError(
            f"{name}: {what} differ from this server's, so its answers might; "
            "build the archive again, or serve it with the release that packed it"
        )


def settings_in(folder: Path) -> ArchiveSettings:
    """What an unpacked archive says about how it is served."""
    model = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["model"]
    config = model.get("configFile")
    settings = yaml.safe_load((folder / config).read_text(encoding="utf-8")) if config else {}
    return ArchiveSettings(name=str(model["modelName"]), version=str(model["modelVersion"]), settings=settings or {})
