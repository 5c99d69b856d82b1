"""Which files a path of texts means: a file, a folder of shards, or one split of a folder, as FOLDER/SPLIT.

A data set of the hub, NAME@REVISION, is a folder like any other once it is fetched.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from scripts.console.command_line import note
from scripts.console.errors import LabError
from scripts.texts.hub_data import TABLE_SUFFIXES, fetched

SPLIT_NAMES = {
    "train": ("train", "training"),
    "dev": ("dev", "validation", "valid", "val", "development"),
    "test": ("test", "testing"),
}
"""What people call the splits of a data set, by the name that they have here."""
DESCRIPTIONS = ("dataset_dict", "dataset_info", "dataset_infos", "state")
"""JSON files beside the texts of a data set, about them."""
SHARD = re.compile(r"(?P<set>.*?)[-_.]?(?P<number>[0-9]+)-of-(?P<count>[0-9]+)")


def data_files(path: Path) -> list[Path]:
    """The files whose texts, one file after the other, are the texts of a path.

    Args:
        path: a file; a folder of shards, or of the one split that it has; or FOLDER/SPLIT, such as data/dev. A split is
            known by its files' names (train.csv, validation-00000-of-00002.parquet) or by its own folder. NAME@REVISION
            of the hub stands for FOLDER.

    Raises:
        LabError: there is nothing, or more than can be one set of texts: several splits, folders or formats, a missing
            shard; all are named.
    """
    path = fetched(path)
    if path.is_dir():
        return _one_set(_of_one_split(path), str(path))
    found = [path] if path.exists() else split_files(path.parent, path.name)
    if not found:
        raise LabError(
            f"{path}: cannot be read, nothing is there; name a file, a folder, FOLDER/SPLIT or NAME@REVISION of the hub"
        )
    return found


def split_files(folder: Path, name: str) -> list[Path]:
    """The files of a split of a folder, one after the other; none where it has none of that name.

    Raises:
        LabError: see `data_files`.
    """
    wanted = _split_named(name)
    if wanted is None or not folder.is_dir():
        return []
    files = [file for file in _tables(folder) if _split_of(file, folder) == wanted]
    return _one_set(files, f"{folder / name}: {wanted}") if files else []


def _tables(folder: Path) -> list[Path]:
    """The files below a folder that may hold texts, by name."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder))
    return [path for path in found if _suffix(path) in TABLE_SUFFIXES and _stem(path) not in DESCRIPTIONS]


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _of_one_split(folder: Path) -> list[Path]:
    files = _tables(folder)
    splits = {file: _split_of(file, folder) for file in files}
    known = sorted({split for split in splits.values() if split})
    if len(known) > 1:
        raise LabError(f"{folder}: holds the splits {', '.join(known)}; name one, such as {folder / known[0]}")
    if left := [file for file in files if known and splits[file] is None]:
        note(f"{folder}: {len(left)} file(s) of no split left out, {left[0].name} the first")
    return [file for file in files if not known or splits[file]]


def _one_set(files: Sequence[Path], name: str) -> list[Path]:
    """The files, where they can be parts of one set."""
    if not files:
        raise LabError(f"{name}: holds no file that ends in {', '.join(TABLE_SUFFIXES)}, packed or not; name the file")
    for what, told in (("folders", _parent), ("formats", _suffix)):
        found = sorted({told(file) for file in files})
        if len(found) > 1:
            raise LabError(f"{name}: its files are of several {what} ({', '.join(found)}); name one file or folder")
    stems = [_stem(file) for file in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise LabError(f"{name}: holds {twice} twice, packed and not; remove one of them or name the file")
    _require_shards(files, name)
    if len(files) > 1:
        note(f"{name}: {len(files)} files are read as one, {files[0].name} to {files[-1].name}")
    return list(files)


def _require_shards(files: Sequence[Path], name: str) -> None:
    """Refuse a set of which a part is missing, as far as the names tell."""
    found = [shard for file in files if (shard := SHARD.fullmatch(_stem(file)))]
    for each in found:
        there = {int(shard["number"]) for shard in found if shard["set"] == each["set"]}
        if missing := set(range(int(each["count"]))) - there:
            raise LabError(f"{name}: part {min(missing)} of {each['count']} is missing; fetch all of them")


def _split_of(file: Path, folder: Path) -> str | None:
    """The split that a file belongs to: as its name has it, or one of the folders that lead to it."""
    parts = [_stem(file), *reversed(file.relative_to(folder).parts[:-1])]
    return next((split for part in parts if (split := _split_in(part))), None)


def _split_in(part: str) -> str | None:
    """The one split whose name is a word of a file's or folder's name."""
    found = {split for word in re.split(r"[^a-z]+", part.casefold()) if (split := _split_named(word))}
    return found.pop() if len(found) == 1 else None


def _split_named(name: str) -> str | None:
    return next((split for split, names in SPLIT_NAMES.items() if name.casefold() in names), None)


def _suffix(path: Path) -> str:
    return PurePath(path.name.removesuffix(".gz")).suffix.lower()


def _stem(path: Path) -> str:
    """Without the suffixes that tell a format or packing."""
    return PurePath(path.name.removesuffix(".gz")).stem


def _parent(path: Path) -> str:
    return str(path.parent)
