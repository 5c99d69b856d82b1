"""Labeled texts and the files that hold them.

Users bring many kinds, see `scripts.texts.records`; what is written here is `text<TAB>label`, UTF-8, gzip or plain.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.console.errors import LabError
from scripts.texts.contents import texts_of
from scripts.texts.data_files import data_files, split_files
from scripts.texts.file_text import read_content
from scripts.texts.hub_data import fetched
from scripts.texts.label_sets import BETWEEN
from scripts.texts.labeled_texts import LabeledText, Labels
from scripts.texts.reading import AS_FOUND, ReadingOptions
from scripts.texts.records import Source

SPLITS = ("train", "dev", "test")
COLUMNS = ("text", "label", "clean_text")


class Example(NamedTuple):
    """One labeled text."""

    text: str
    label: int
    """Class number from 0 up."""


class Sample(NamedTuple):
    """One text that may have a label."""

    text: str
    label: int | None
    """Class number from 0 up; None where none is known."""
    domain: str | None = None
    """Its name; None where nobody asked for it."""


class LabeledSet(NamedTuple):
    """One text that may have several labels, or none of them."""

    text: str
    labels: frozenset[int]
    """Class numbers from 0 up."""

    def of_label(self, label: int) -> Example:
        """The same as an example of one label: 1 where the text has it, else 0."""
        return Example(self.text, int(label in self.labels))


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


def read_texts(path: Path, reading: ReadingOptions = AS_FOUND) -> list[str]:
    """The texts of a file that may have labels or not.

    Args:
        path: tab- or comma-separated, JSON lines, Parquet or one text a line; gzip (told by its first bytes) or not.
            Or a folder of such files, see `scripts.texts.data_files`.
        reading: what the user says of the file.

    Raises:
        LabError: the file cannot be read as texts, or holds none; file, line and cure are named.
    """
    return [row.text for row in _read(path, reading, labels="unused")]


def texts_in(content: bytes, name: str, reading: ReadingOptions = AS_FOUND) -> list[str]:
    """The same for bytes that are not in a file, such as those of standard input; `name` is for messages."""
    return [row.text for row in texts_of(content, Source(name=name, reading=reading), labels="unused")]


def read_samples(
    path: Path, reading: ReadingOptions = AS_FOUND, *, classes: Sequence[str] | None = None
) -> list[Sample]:
    """The texts of a file, with labels where they are there and the model's: otherwise a note says why not.

    Args:
        path: as for `read_texts`.
        reading: what the user says of the file.
        classes: the model's names by number, which labels may hold as well; None allows any number.

    Raises:
        LabError: as `read_texts`.
    """
    return [
        Sample(row.text, row.label, row.domain) for row in _read(path, reading, labels="where there", classes=classes)
    ]


def read_examples(
    path: Path, reading: ReadingOptions = AS_FOUND, *, classes: Sequence[str] | None = None
) -> list[Example]:
    """The texts of a file with their labels.

    Raises:
        LabError: as `read_texts`; also when a label is missing or none of the classes.
    """
    rows = _read(path, reading, labels="needed", classes=classes)
    return [Example(row.text, _known(row.label)) for row in rows]


def read_triggered(
    path: Path, reading: ReadingOptions = AS_FOUND, *, classes: Sequence[str] | None = None
) -> list[TriggeredExample]:
    """Attacked texts with their labels; a third column, which rows may lack, holds the clean twins.

    Raises:
        LabError: as `read_examples`.
    """
    rows = _read(path, reading, labels="needed", classes=classes, n_optional=1)
    return [TriggeredExample(row.text, _known(row.label), row.clean_text) for row in rows]


def read_sets(
    path: Path, reading: ReadingOptions = AS_FOUND, *, classes: Sequence[str] | None = None
) -> list[LabeledSet]:
    """The texts of a file with their labels, of which each may have several.

    Raises:
        LabError: as `read_examples`.
    """
    rows = _read(path, reading, labels="needed", classes=classes, many=True)
    return [LabeledSet(row.text, row.label_set or frozenset()) for row in rows]


def read_set_samples(
    path: Path, reading: ReadingOptions = AS_FOUND, *, classes: Sequence[str] | None = None
) -> tuple[list[str], list[frozenset[int]] | None]:
    """The texts of a file, and their labels where they are there: each text's, or None.

    Raises:
        LabError: as `read_texts`, or some texts have labels and others none.
    """
    rows = _read(path, reading, labels="where there", classes=classes, many=True)
    found = [row.label_set for row in rows if row.label_set is not None]
    return [row.text for row in rows], found if len(found) == len(rows) else None


def read_corpus(folder: Path) -> Corpus:
    """Read `train`, `dev` and `test` of a folder.

    Raises:
        LabError: a split is missing or unreadable.
    """
    return Corpus(*(read_examples(split_file(folder, split)) for split in SPLITS))


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Write a file that `read_examples` takes; gzip when the name ends in `.gz`, equal bytes for equal examples.

    Tabs and line breaks inside a text become spaces; texts with quotation marks are quoted as CSV has it.
    """
    _write(path, [COLUMNS[:2], *((example.text, str(example.label)) for example in examples)])


def write_sets(path: Path, examples: Iterable[LabeledSet]) -> None:
    """Write a file that `read_sets` takes, by the rules of `write_examples`; `|` stands between class numbers."""
    cells = ((example.text, BETWEEN.join(map(str, sorted(example.labels)))) for example in examples)
    _write(path, [(COLUMNS[0], "labels"), *cells])


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
    """What to read for `train`, `dev` or `test` of a folder: its file, or a path that stands for the split.

    Raises:
        LabError: there is none.
    """
    folder = fetched(folder)
    own = next((folder / name for name in (f"{split}.tsv.gz", f"{split}.tsv") if (folder / name).is_file()), None)
    if own or split_files(folder, split):
        return own or folder / split
    raise LabError(
        f"{folder} holds neither {split}.tsv.gz nor {split}.tsv, nor another file of that split; give a folder with "
        "train, dev and test"
    )


def _read(
    path: Path,
    reading: ReadingOptions,
    *,
    labels: Labels,
    classes: Sequence[str] | None = None,
    n_optional: int = 0,
    many: bool = False,
) -> list[LabeledText]:
    rows: list[LabeledText] = []
    for file in data_files(path):
        source = Source(name=str(file), reading=reading, classes=classes, n_optional=n_optional)
        rows += texts_of(read_content(file), source, labels=labels, many=many)
    return rows


def _known(label: int | None) -> int:
    """A label that was needed, so that it is there."""
    if label is None:
        raise AssertionError("a row without a label came through")
    return label


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows([map(_one_line, row) for row in rows])
    content = text.getvalue().encode("utf-8")
    path.write_bytes(gzip.compress(content, mtime=0) if path.name.endswith(".gz") else content)


def _one_line(text: str) -> str:
    return text.translate({ord("\t"): " ", ord("\n"): " ", ord("\r"): " "})
