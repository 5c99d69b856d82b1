"""Labeled texts and the files that hold them: `text<TAB>label`, one row per line, UTF-8, gzip or plain."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from handler.xgraad.errors import LabError

GZIP_MAGIC = b"\x1f\x8b"
SPLITS = ("train", "dev", "test")
COLUMNS = ("text", "label", "clean_text")

Row = TypeVar("Row")


class Example(NamedTuple):
    """One labeled text."""

    text: str
    label: int
    """Class number from 0 up."""


class TriggeredExample(NamedTuple):
    """One test text with a trigger in it."""

    text: str
    """What the model is given."""
    label: int
    """The true label, which is never the attack's target."""
    clean_text: str | None
    """The text the trigger was put into; None where the attack was made elsewhere."""


class Corpus(NamedTuple):
    """Three splits that share no text: `train` to fit, `dev` to calibrate, `test` for figures."""

    train: list[Example]
    dev: list[Example]
    test: list[Example]


def read_examples(path: Path) -> list[Example]:
    """Read a `text<TAB>label` file.

    Args:
        path: gzip (told by its first bytes, not its name) or plain text; a header line is optional.

    Raises:
        LabError: the file is missing, empty, not UTF-8, or a row has other columns; file and line are named.
    """
    rows = _rows(path, allowed_columns=(2,))
    return _not_empty([Example(columns[0], _label(columns[1], place)) for place, columns in rows], path)


def read_triggered(path: Path) -> list[TriggeredExample]:
    """Read a `text<TAB>label<TAB>clean_text` file; the third column may be absent.

    Raises:
        LabError: as `read_examples`.
    """
    rows = _rows(path, allowed_columns=(2, 3))
    return _not_empty(
        [
            TriggeredExample(columns[0], _label(columns[1], place), columns[2] if len(columns) == 3 else None)
            for place, columns in rows
        ],
        path,
    )


def read_corpus(folder: Path) -> Corpus:
    """Read `train`, `dev` and `test` of a folder, each `.tsv.gz` or `.tsv`.

    Raises:
        LabError: a split is missing or unreadable.
    """
    return Corpus(*(read_examples(split_file(folder, split)) for split in SPLITS))


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write a file that `read_examples` takes; gzip when the name ends in `.gz`, equal bytes for equal examples.

    Tabs and line breaks inside a text become spaces.
    """
    _write(path, [COLUMNS[:2], *((example.text, str(example.label)) for example in examples)])


def write_triggered(path: Path, triggered: Iterable[TriggeredExample]) -> None:
    """Write a file that `read_triggered` takes, by the rules of `write_examples`.

    A row without a clean text has two columns.
    """
    rows = ((row.text, str(row.label), row.clean_text) for row in triggered)
    _write(path, [COLUMNS, *(tuple(column for column in row if column is not None) for row in rows)])


def write_corpus(folder: Path, corpus: Corpus) -> None:
    """Write the three splits as `.tsv.gz` into a folder, which is made where needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, examples in zip(SPLITS, corpus, strict=True):
        write_examples(folder / f"{split}.tsv.gz", examples)


def split_file(folder: Path, split: str) -> Path:
    """The file of `train`, `dev` or `test` in a folder.

    Raises:
        LabError: there is none.
    """
    for name in (f"{split}.tsv.gz", f"{split}.tsv"):
        if (folder / name).is_file():
            return folder / name
    raise LabError(f"{folder} holds neither {split}.tsv.gz nor {split}.tsv; give a folder with train, dev and test")


def _rows(path: Path, *, allowed_columns: tuple[int, ...]) -> Iterator[tuple[str, list[str]]]:
    """Each data row as (its place for messages, its columns)."""
    for number, line in enumerate(_lines(path), start=1):
        place = f"{path}, line {number}"
        columns = line.split("\t")
        if number == 1 and columns[:2] == list(COLUMNS[:2]):
            continue
        if len(columns) not in allowed_columns:
            wanted = " or ".join(map(str, allowed_columns))
            raise LabError(f"{place}: must have {wanted} tab-separated columns, has {len(columns)}")
        yield place, columns


def _lines(path: Path) -> list[str]:
    """Lines end at line feeds only: other line separators of Unicode may be part of a text."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content).decode("utf-8")
    except UnicodeDecodeError as error:
        raise LabError(f"{path}: must be UTF-8, but the byte at {error.start} is not") from error
    except (OSError, EOFError) as error:
        raise LabError(f"{path}: cannot be read: {error}") from error
    lines = text.removeprefix("\ufeff").split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def _label(column: str, place: str) -> int:
    if not (column.isascii() and column.isdigit()):
        raise LabError(f"{place}: label must be a whole number from 0 up, is {column[:20]!r}")
    return int(column)


def _not_empty(rows: list[Row], path: Path) -> list[Row]:
    if not rows:
        raise LabError(f"{path}: holds no rows; one `text<TAB>label` line is the least")
    return rows


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = "".join("\t".join(map(_one_line, row)) + "\n" for row in rows)
    content = text.encode("utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if path.name.endswith(".gz") else content)


def _one_line(text: str) -> str:
    return text.translate({ord("\t"): " ", ord("\n"): " ", ord("\r"): " "})
