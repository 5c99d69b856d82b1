"""A column that names each text's domain, in tables of every kind."""

import json
from pathlib import Path

import pytest

from scripts.console.errors import LabError
from scripts.texts.corpora import Sample, read_examples, read_samples
from scripts.texts.reading import ReadingOptions

BY = ReadingOptions(by="source")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "a.tsv"
    path.write_text("text\tlabel\tsource\na fine film\t1\tfilms\n\t\t\na dull book\t0\tbooks.2\n")
    return path


def test_domains_are_read_where_they_are_asked_for(table: Path) -> None:
    assert read_samples(table, BY) == [Sample("a fine film", 1, "films"), Sample("a dull book", 0, "books.2")]
    assert [sample.domain for sample in read_samples(table)] == [None, None]
    assert [example.label for example in read_examples(table, BY)] == [1, 0]


def test_by_number_without_a_header_and_by_key(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a fine film,films\na dull book,books\n")
    wanted = ReadingOptions(text_column="1", by="2")
    assert read_samples(path, wanted) == [Sample("a fine film", None, "films"), Sample("a dull book", None, "books")]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, "source": n}) for n, text in enumerate(("one", "two"))))
    assert [sample.domain for sample in read_samples(path, BY)] == ["0", "1"]


@pytest.mark.parametrize("cell", ["", "a secret, of a user", "x" * 41, "-a", "née"])
def test_what_is_no_name_is_refused_and_not_told(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(f"text\tsource\na fine film\tfilms\na dull book\t{cell}\n")
    with pytest.raises(LabError, match=r"a\.tsv, line 3: the domain of --by must be a name: 40 letters") as caught:
        read_samples(path, BY)
    assert not cell or cell not in str(caught.value).split("must be a name")[0]


def test_a_column_that_is_not_there_is_refused(table: Path) -> None:
    with pytest.raises(LabError, match="--by must be one of its columns, is 'domain'"):
        read_samples(table, ReadingOptions(by="domain"))
