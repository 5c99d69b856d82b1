"""The texts that a file's bytes hold, as Parquet or as characters."""

from dataclasses import replace

from scripts.texts.file_text import LFS_POINTER, decoded
from scripts.texts.labeled_texts import LabeledText, Labels, labeled_texts
from scripts.texts.parquet import is_parquet, parquet_table
from scripts.texts.records import Source, read_table


def texts_of(content: bytes, source: Source, *, labels: Labels, many: bool = False) -> list[LabeledText]:
    """All texts, in order.

    Args:
        content: of a file, unpacked, or of standard input.
        source: where it comes from, and how it is to be read.
        labels: see `labeled_texts`.
        many: whether a text may have several labels.

    Raises:
        LabError: it cannot be read as its format, or holds no texts, or labels that are not the model's.
    """
    if is_parquet(content, source) and not content.startswith(LFS_POINTER):
        source = replace(source, unit="row")
        return labeled_texts(parquet_table(content, source), source, labels=labels, many=many)
    text = decoded(content, source.name, encoding=source.reading.encoding)
    return labeled_texts(read_table(text, source), source, labels=labels, many=many)
