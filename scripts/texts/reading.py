"""How a file of texts is to be read, as far as its user says so: options that all commands with such files share."""

import argparse
import codecs
from dataclasses import dataclass
from typing import Any, Literal, Self

Format = Literal["csv", "jsonl", "lines", "parquet", "tsv"]
Quoting = Literal["csv", "none"]

FORMATS: tuple[Format, ...] = ("csv", "jsonl", "lines", "parquet", "tsv")
QUOTINGS: tuple[Quoting, ...] = ("csv", "none")


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What the user says of a file; None is found out from the file."""

    encoding: str | None = None
    """As Python names it; None is UTF-8."""
    format: Format | None = None
    """`lines` holds one text a line and nothing else."""
    quoting: Quoting | None = None
    """Whether quotes around a field are quoting, as in CSV, or part of it."""
    text_column: str | None = None
    """A name in the header, or a number from 1 up."""
    label_column: str | None = None
    pair_column: str | None = None
    """Of the second text of each pair; None where texts are single ones."""
    label_columns: tuple[str, ...] = ()
    """Of a model of several labels at once: one column of 0 and 1 for each label, by its name."""
    by: str | None = None
    """Column that names the domain of each text."""

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """What the options of `add_reading_options` say."""
        return cls(
            encoding=arguments.encoding,
            format=arguments.format,
            quoting=arguments.quoting,
            text_column=arguments.text_column,
            label_column=arguments.label_column,
            pair_column=arguments.pair_column,
            label_columns=arguments.label_columns,
            by=getattr(arguments, "by", None),
        )


DESCRIPTION = """\
CSV, TSV, JSON lines, Parquet (with pyarrow) or one text a line, gzip or not; a folder of tables, where FOLDER/SPLIT
  is one of its splits (train, dev, test); or NAME@REVISION or NAME@REVISION/SPLIT of the hub, with HF_HUB_OFFLINE=0"""
AS_FOUND = ReadingOptions()
"""Nothing is said."""


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Give a command the options of `ReadingOptions`."""
    group: Any = parser.add_argument_group("how files of texts are read", DESCRIPTION)
    group.add_argument("--text-column", metavar="NAME", help="of the header, or a number from 1 up (text, sentence, …)")
    group.add_argument("--label-column", metavar="NAME", help="of the header, or a number from 1 up (label, class, …)")
    group.add_argument(
        "--pair-column", metavar="NAME", help="of the second text where the model judges pairs (texts are single ones)"
    )
    group.add_argument(
        "--label-columns",
        metavar="NAME,NAME",
        type=columns,
        default=(),
        help="where a text may have several labels: a column of 0 and 1 for each, named as the label is (one column "
        "of lists, or of names with | between them)",
    )
    group.add_argument("--encoding", type=encoding, help="such as utf-16 or windows-1252 (utf-8)")
    group.add_argument("--format", choices=FORMATS, help="lines: one text a line (by name and content)")
    group.add_argument(
        "--quoting", choices=QUOTINGS, help="whether quotes around a field belong to it (as it is found)"
    )


def columns(text: str) -> tuple[str, ...]:
    """Argument type: names of columns with commas between them."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"must be names with commas between them, each once, got {text!r}")
    return names


def encoding(text: str) -> str:
    """Argument type: the name of a character encoding."""
    try:
        if not codecs.lookup(text)._is_text_encoding:
            raise LookupError(text)
    except (LookupError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"must be a character encoding such as utf-16, got {text!r}") from error
    return text
