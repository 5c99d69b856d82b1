"""Parquet as people have it: read by the same rules as all other files, or refused with the way out."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.texts import parquet as parquet_module
from scripts.texts.corpora import Example, Sample, read_examples, read_samples, read_texts, texts_in, write_examples
from scripts.texts.reading import ReadingOptions

CLASSES = ("negative", "positive")
ROWS = [("a dull, tired film", 0), ("a fine film", 1), ('the "best"\tfilm\nof all', 1)]
EXAMPLES = [Example(*row) for row in ROWS]
Write = Callable[..., Path]


@pytest.fixture
def pyarrow() -> Any:
    """It is optional: in requirements-dev.txt, so that these tests run where all tools are."""
    pytest.importorskip("pyarrow.parquet")
    return pytest.importorskip("pyarrow")


@pytest.fixture
def write(pyarrow: Any, tmp_path: Path) -> Write:
    def written(columns: dict[str, Any], name: str = "a.parquet", metadata: dict[str, str] | None = None) -> Path:
        table = pyarrow.table(columns)
        pyarrow.parquet.write_table(table.replace_schema_metadata(metadata) if metadata else table, tmp_path / name)
        return tmp_path / name

    return written


def columns(labels: Sequence[Any] = (0, 1, 1)) -> dict[str, Any]:
    return {"id": [7, 8, 9], "label": list(labels), "text": [text for text, _ in ROWS]}


def feature(names: Sequence[str], kind: str = "ClassLabel") -> dict[str, str]:
    """As data sets of the hub note in a file what its integers stand for."""
    return {"huggingface": json.dumps({"info": {"features": {"label": {"names": names, "_type": kind}}}})}


def test_a_table_is_read_by_its_columns(write: Write) -> None:
    path = write(columns())
    assert read_examples(path, classes=CLASSES) == EXAMPLES
    assert read_samples(path) == [Sample(*row) for row in ROWS]
    assert read_texts(path) == [text for text, _ in ROWS]
    assert texts_in(path.read_bytes(), "standard input") == read_texts(path)
    assert read_texts(path.rename(path.with_name("a"))) == [text for text, _ in ROWS]  # known by its first bytes


def test_columns_have_names(write: Write) -> None:
    path = write({"phrase": ["good", "bad"], "gold": ["Positive", "negative"], "text ": ["x", "y"]})
    wanted = ReadingOptions(text_column="phrase", label_column="gold")
    assert read_examples(path, wanted, classes=CLASSES) == [Example("good", 1), Example("bad", 0)]
    assert read_examples(path, ReadingOptions(text_column="1", label_column="2"), classes=CLASSES)[0].text == "good"
    with pytest.raises(LabError, match=r"--label-column must be .* is 'none'; it has columns named 'phrase', 'gold'"):
        read_examples(path, ReadingOptions(text_column="phrase", label_column="none"), classes=CLASSES)
    with pytest.raises(LabError, match=r"must have a column of labels .*, has columns named 'phrase', 'gold', 'text '"):
        read_examples(path, classes=CLASSES)
    with pytest.raises(LabError, match=r"known for texts \(text, .*\), has columns named 'phrase', 'gold'; name them"):
        read_texts(write({"phrase": ["good"], "gold": [1]}))


@pytest.mark.parametrize(
    "make",
    [
        lambda arrow, cells: arrow.array(cells, arrow.large_string()),
        lambda arrow, cells: arrow.array(cells).dictionary_encode(),
        lambda arrow, cells: arrow.chunked_array([cells[:1], cells[1:]]),
    ],
)
def test_strings_are_kept_in_several_ways(write: Write, pyarrow: Any, make: Callable[[Any, list[str]], Any]) -> None:
    texts = [text for text, _ in ROWS]
    names = [CLASSES[label] for _, label in ROWS]
    path = write({"text": make(pyarrow, texts), "label": make(pyarrow, names)})
    assert read_examples(path, classes=CLASSES) == EXAMPLES


@pytest.mark.parametrize("labels", [[0, 1, 1], [0.0, 1.0, 1.0], ["0", "1", "1"], ["negative", "positive", "POSITIVE"]])
def test_labels_are_numbers_or_names(write: Write, labels: list[Any]) -> None:
    assert read_examples(write(columns(labels)), classes=CLASSES) == EXAMPLES


def test_integers_with_names_are_the_classes_of_these_names(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(columns([1, 0, 0]), metadata=feature(["positive", "Negative"]))
    assert read_examples(path, classes=CLASSES) == EXAMPLES
    assert read_examples(path) == [Example(text, 1 - label) for text, label in ROWS]  # no model to tell the order
    assert not capsys.readouterr().err
    assert read_examples(path, classes=("LABEL_0", "LABEL_1"))[0].label == 1
    assert r"labels are taken by number; their names there (0 positive, 1 Negative)" in capsys.readouterr().err
    with pytest.raises(LabError, match=r"row 3: label must be one of .*\(0 negative, 1 positive\), is 'neutral'"):
        read_examples(write(columns([0, 1, 2]), metadata=feature([*CLASSES, "neutral"])), classes=CLASSES)


def test_minus_one_is_no_label_where_integers_have_names(write: Write) -> None:
    unknown = columns([-1, -1, -1])
    assert {sample.label for sample in read_samples(write(unknown, metadata=feature(CLASSES)), classes=CLASSES)} == {
        None
    }
    with pytest.raises(LabError, match=r"row 1: label must be one of .* missing"):
        read_examples(write(unknown, metadata=feature(CLASSES)), classes=CLASSES)
    with pytest.raises(LabError, match=r"row 1: label must be one of .* is '-1'"):
        read_examples(write(unknown), classes=CLASSES)


@pytest.mark.parametrize(
    "metadata",
    [
        {"huggingface": "{"},
        {"huggingface": "[" * 100_000},
        {"huggingface": "7"},
        {"huggingface": json.dumps({"info": {"features": {"label": {"names": {"a": 1}, "_type": "ClassLabel"}}}})},
        feature(["positive", "negative"], kind="Value"),
        {"pandas": "{}"},
    ],
    ids=range(6),
)
def test_other_notes_in_a_file_name_nothing(write: Write, metadata: dict[str, str]) -> None:
    assert read_examples(write(columns(), metadata=metadata), classes=CLASSES) == EXAMPLES


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"text": [["a"], ["b"], []]}, r"column 'text' must hold strings, holds list<.*--text-column"),
        ({"text": [{"a": "b"}] * 3}, "column 'text' must hold strings, holds struct<"),
        ({"text": [b"a", b"b", b"c"]}, "column 'text' must hold strings, holds binary"),
        ({"text": [1, 2, 3]}, "column 'text' must hold strings, holds int64"),
        ({"text": ["a", None, "c"]}, "a.parquet, row 2: the text must be a string, is missing"),
        ({"text": [None, None, None]}, "row 1: the text must be a string, is missing"),
        ({"label": [0, 2, 1]}, r"row 2: label must be one of the model's classes \(0 negative, 1 positive\), is '2'"),
        ({"label": [0, None, 1]}, "row 2: label must be one of .* missing"),
        ({"label": [0, float("nan"), 1.0]}, "row 2: label must be one of .* missing"),
        ({"label": [True, False, True]}, "row 1: label must be one of .* is 'True'"),
        ({"label": [[0], [1], [1]]}, "row 1: label must be one of .* is a list"),
        ({"id": [], "text": [], "label": []}, "holds no rows with a text"),
    ],
)
def test_what_cannot_be_read_is_named(write: Write, changed: dict[str, Any], message: str) -> None:
    path = write(columns() | changed)
    with pytest.raises(LabError, match=message) as caught:
        read_examples(path, classes=CLASSES)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_that_are_not_needed_may_be_anything(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(columns([[0], [1], []]))
    assert [sample.label for sample in read_samples(path, classes=CLASSES)] == [None, None, None]
    assert "is a list; if its columns are others" in capsys.readouterr().err
    gaps = read_samples(write(columns([0, None, 1])), classes=CLASSES)
    assert [sample.label for sample in gaps] == [0, None, 1]


def test_blank_texts_are_skipped_and_counted(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_texts(write({"text": ["a", "", " "]})) == ["a"]
    assert "2 blank row(s) skipped" in capsys.readouterr().err


def test_columns_that_nobody_looks_at_are_not_read(write: Write) -> None:
    assert read_examples(write(columns() | {"embedding": [[0.5]] * 3, "text.raw": [b"\xff"] * 3})) == EXAMPLES


def test_two_columns_of_one_name_are_refused(pyarrow: Any, tmp_path: Path) -> None:
    twice = pyarrow.table([["a"], ["b"], [1]], names=["text", "text", "label"])
    pyarrow.parquet.write_table(twice, tmp_path / "a.parquet")
    with pytest.raises(LabError, match="has two columns named 'text'"):
        read_texts(tmp_path / "a.parquet", ReadingOptions(text_column="1"))


def test_damage_is_told_in_a_line(write: Write, tmp_path: Path) -> None:
    path = write(columns())
    whole = path.read_bytes()
    for content in (
        b"",
        b"PAR1",
        whole[:-9],
        whole[4:],
        b"text,label\ngood,1\n",
    ):
        path.write_bytes(content)
        with pytest.raises(LabError, match=r"a\.parquet: .*; fetch it again") as caught:
            read_texts(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    with pytest.raises(LabError, match="is a Git LFS pointer"):
        read_texts(path)
    path.write_bytes(whole)
    assert len(read_texts(path)) == 3


def test_pages_with_a_checksum_are_compared_with_it(pyarrow: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns()), path, write_page_checksum=True, compression="none")
    assert read_examples(path) == EXAMPLES
    path.write_bytes(path.read_bytes().replace(b"tired", b"timid"))
    with pytest.raises(LabError, match=r"checksum.*; fetch it again"):
        read_examples(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_is_a_traceback(write: Write, data: st.DataObject) -> None:
    path = write(columns())
    content = bytearray(path.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=4)):
        content[place] = value
    path.write_bytes(content)
    try:
        texts = read_texts(path, ReadingOptions(format="parquet"))
    except LabError:
        return
    assert all(isinstance(text, str) for text in texts)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 5)), min_size=1
    )
)
def test_a_table_says_what_the_same_rows_say_elsewhere(
    write: Write, tmp_path: Path, rows: list[tuple[str, int]]
) -> None:
    """As JSON lines, which hold any text unchanged."""
    path = write({"text": [text for text, _ in rows], "label": [label for _, label in rows]})
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in rows))
    try:
        expected: list[Example] | str = read_examples(lines)
    except LabError:
        expected = "refused"
    try:
        found: list[Example] | str = read_examples(path)
    except LabError:
        found = "refused"
    assert found == expected


def test_without_pyarrow_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(parquet_module, "import_module", missing)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(LabError, match=r"a\.parquet: reading Parquet takes pyarrow, .*: pip install pyarrow$"):
        read_texts(tmp_path / "a.parquet")
    write_examples(tmp_path / "a.tsv", EXAMPLES[:2])
    assert read_examples(tmp_path / "a.tsv") == EXAMPLES[:2]
