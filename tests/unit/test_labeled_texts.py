"""The files of texts that people have: read as what they are, or refused with the way out."""

import csv
import io
import json
from pathlib import Path

import pytest

from handler.xgraad.words.pair import SEPARATOR, join_pair
from scripts.console.errors import LabError
from scripts.texts.corpora import Example, Sample, TriggeredExample, read_examples, read_samples, read_texts, texts_in
from scripts.texts.corpora import read_triggered as read_attacked
from scripts.texts.reading import ReadingOptions

CLASSES = ("negative", "positive")
ROWS = [("a dull, tired film", 0), ("a fine film", 1), ('the "best" film', 1)]
EXAMPLES = [Example(*row) for row in ROWS]


def written(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding))
    return path


def table(header: list[str] | None, *, delimiter: str = "\t", quoting: int = csv.QUOTE_MINIMAL) -> str:
    text = io.StringIO()
    rows: list[list[object]] = [[*row] for row in ROWS]
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerows(rows if header is None else [header, *rows])  # type: ignore[arg-type]
    return text.getvalue()


@pytest.mark.parametrize(
    "header", [None, ["text", "label"], ["sentence", "label"], ["Text", " Label"], ["Review", "class"]]
)
@pytest.mark.parametrize(("name", "delimiter"), [("a.tsv", "\t"), ("a.csv", ","), ("a.csv", ";"), ("a.txt", "\t")])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_tables_are_read_whatever_writer_made_them(
    tmp_path: Path, name: str, delimiter: str, header: list[str] | None, quoting: int
) -> None:
    path = written(tmp_path / name, table(header, delimiter=delimiter, quoting=quoting))
    assert read_examples(path, classes=CLASSES) == EXAMPLES
    assert read_samples(path, classes=CLASSES) == [Sample(*row) for row in ROWS]
    assert read_texts(path) == [text for text, _ in ROWS]


def test_a_table_in_a_text_file_is_known_by_its_header(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", table(["text", "label"], delimiter=","))
    assert read_texts(path) == [text for text, _ in ROWS]


def test_json_lines_are_read_by_their_keys(tmp_path: Path) -> None:
    lines = [{"id": 7, "label": label, "Text": text} for text, label in ROWS]
    path = written(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")
    assert read_examples(path, classes=CLASSES) == EXAMPLES
    named = [{"phrase": text, "gold": CLASSES[label]} for text, label in ROWS]
    path = written(tmp_path / "b.txt", "\n".join(map(json.dumps, named)))
    with pytest.raises(LabError, match=r"must have one column with a name known for texts .*--text-column"):
        read_texts(path)
    wanted = ReadingOptions(text_column="phrase", label_column="gold")
    assert read_examples(path, wanted, classes=CLASSES) == EXAMPLES


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1, 2]", r"line 2: must be a JSON object such as \{.*is a list"),
        ('{"text": "good"', "line 2: must be a JSON object: JSON lines have one on each line"),
        ('{"text": 7}', "line 2: the text must be a string, is a int"),
        ('{"label": 1}', "line 2: the text must be a string, is missing"),
        ('{"text": "a \\ud800 film"}', "line 2: character 2 of the text is a lone surrogate"),
        ("[" * 100_000, "line 2: must be a JSON object"),
    ],
)
def test_json_lines_that_hold_no_text_are_named(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path / "a.jsonl", '{"text": "good"}\n' + line)
    with pytest.raises(LabError, match=message):
        read_texts(path)


def test_quotes_are_read_for_what_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published = '"great" , they said , and "odd"\t1\n"great" \t0\na 12" disc\t1\n'
    assert [text for text, _ in read_examples(written(tmp_path / "a.tsv", published))] == [
        '"great" , they said , and "odd"',
        '"great" ',
        'a 12" disc',
    ]
    every = '"a film"\t0\n"another"\t1\n'
    assert read_texts(written(tmp_path / "b.tsv", every)) == ["a film", "another"]
    assert read_texts(written(tmp_path / "b.txt", '"a film"\n"another"\n')) == ["a film", "another"]
    assert "--quoting none keeps them" in capsys.readouterr().err
    lines = 'a film\n"another"\n'
    assert read_texts(written(tmp_path / "c.txt", lines)) == ["a film", '"another"']
    several = 'a film\t0\n"one line\nand two"\t1\n'
    assert read_texts(written(tmp_path / "d.tsv", several)) == ["a film", "one line\nand two"]
    assert not capsys.readouterr().err


@pytest.mark.parametrize("content", ['a film\t0\n"another"\t1\n', '"a\t0\nb"\t1\n', '"a ""b"""\t0\n7" c\t1\n'])
def test_quotes_that_could_be_either_are_refused_until_somebody_says(tmp_path: Path, content: str) -> None:
    path = written(tmp_path / "a.tsv", content)
    with pytest.raises(LabError, match=r"line \d: its quotes may belong .*--quoting none or --quoting csv"):
        read_texts(path)
    plain = [line.split("\t")[0] for line in content.splitlines()]
    assert read_texts(path, ReadingOptions(quoting="none")) == plain
    assert '"another"' not in read_texts(path, ReadingOptions(quoting="csv"))


def test_broken_csv_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'text,label\n"good" film,1\n')
    with pytest.raises(LabError, match=r"is not valid CSV: line 2: .*--quoting none"):
        read_texts(path)
    assert read_texts(path, ReadingOptions(quoting="none")) == ['"good" film']


def test_a_csv_file_with_two_possible_separators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"more than one of .* may separate its columns"):
        read_texts(written(tmp_path / "a.csv", "good; fine,1\nbad; dull,0\n"))
    assert read_texts(written(tmp_path / "b.csv", "text,label\ngood; fine,1\n")) == ["good; fine"]


def test_blank_rows_are_skipped_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.tsv", 'good\t1\n\n \t0\n\t\n""\t1\nbad\t0\n\n')
    assert read_examples(path) == [Example("good", 1), Example("bad", 0)]
    assert "5 blank row(s) skipped" in capsys.readouterr().err
    read_examples(written(tmp_path / "b.tsv", "good\t1\n"))
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["0", "1"], [0, 1]),
        (["0.0", "1.0"], [0, 1]),
        ([" 0", "1 "], [0, 1]),
        (["negative", "Positive"], [0, 1]),
    ],
)
def test_labels_are_numbers_or_names(tmp_path: Path, cells: list[str], labels: list[int]) -> None:
    path = written(tmp_path / "a.tsv", "".join(f"a film\t{cell}\n" for cell in cells))
    assert [example.label for example in read_examples(path, classes=CLASSES)] == labels


@pytest.mark.parametrize("cell", ["2", "-1", "0.5", "1e0", "nan", "neutral", "１", "", "true"])
def test_labels_that_are_none_of_the_classes_are_refused_where_they_are_needed(
    tmp_path: Path, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "a.tsv", f"a film\t0\nanother\t{cell}\n")
    with pytest.raises(LabError, match=r"a\.tsv, line 2: label must be one of .*\(0 negative, 1 positive\)"):
        read_examples(path, classes=CLASSES)
    assert read_texts(path) == ["a film", "another"]
    assert read_samples(path, classes=CLASSES) == [Sample("a film", None if cell else 0), Sample("another", None)]
    assert ("the labels of this file are not used" in capsys.readouterr().err) == bool(cell)


def test_a_long_label_may_be_a_text_and_is_not_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "1\tthis film is nothing that others should read\n")
    with pytest.raises(LabError, match="--text-column") as caught:
        read_examples(path, classes=CLASSES)
    assert "others" not in str(caught.value)


def test_numbers_that_are_names_of_other_classes_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "bad\t1\nalso bad\t1\n")
    with pytest.raises(LabError, match="numbers of the classes and, in another order, their names"):
        read_examples(path, classes=("1", "2"))
    path = written(tmp_path / "b.tsv", "bad\t1\ngood\t2\n")
    assert [label for _, label in read_examples(path, classes=("1", "2"))] == [0, 1]
    assert [label for _, label in read_examples(path, classes=("0", "1", "2"))] == [1, 2]


@pytest.mark.parametrize(
    "content",
    ["0\tgood\n1\tbad\n", "7\tgood\t0\n8\tbad\t1\n", "phrase\tlabel\ngood\t1\n", "phrase\tstars\ngood\t1\nbad\t0\n"],
)
def test_other_columns_are_told_apart_by_the_user(tmp_path: Path, content: str) -> None:
    path = written(tmp_path / "a.tsv", content)
    with pytest.raises(LabError, match="--text-column and --label-column"):
        read_samples(path, classes=CLASSES)
    header = content.startswith("phrase")
    n_columns = content.splitlines()[0].count("\t") + 1
    text, label = ("phrase", content.split()[1]) if header else ("2", {2: "1", 3: "3"}[n_columns])
    reading = ReadingOptions(text_column=text, label_column=label)
    assert read_texts(path, reading)[0] == "good"
    assert len(read_examples(path, reading, classes=CLASSES)) == content.count("\n") - header


def test_a_column_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", table(["text", "label"], delimiter=","))
    for column in ("review", "0", "3"):
        with pytest.raises(LabError, match=f"--text-column must be one of its columns, is '{column}'.*'text', 'label'"):
            read_texts(path, ReadingOptions(text_column=column))
    with pytest.raises(LabError, match="--label-column must be one of its columns"):
        read_examples(path, ReadingOptions(label_column="stars"))


def test_texts_alone_need_no_labels_and_commands_that_need_them_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "a.txt", "a good, fine film\r\nanother\r\n")
    assert read_texts(path) == ["a good, fine film", "another"]
    assert read_samples(path, classes=CLASSES) == [Sample("a good, fine film", None), Sample("another", None)]
    with pytest.raises(LabError, match="must have a column of labels beside the texts"):
        read_examples(path, classes=CLASSES)
    assert not capsys.readouterr().err
    assert read_texts(written(tmp_path / "b.txt", "text\ngood\n")) == ["good"]
    assert "'text' is taken for a header" in capsys.readouterr().err
    for first in ("text", "label"):  # --format lines says that every line is a text
        lines = written(tmp_path / "c.txt", f"{first}\ngood\n")
        assert read_texts(lines, ReadingOptions(format="lines")) == [first, "good"]


def test_a_tab_in_one_of_many_lines_is_no_column_when_somebody_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "good\tfilm\nanother\n")
    with pytest.raises(LabError, match=r"line 2: must have 2 columns .*--format lines"):
        read_texts(path)
    assert read_texts(path, ReadingOptions(format="lines")) == ["good\tfilm", "another"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "windows-1252", "shift_jis"])
def test_other_encodings_are_read_when_they_are_named(tmp_path: Path, encoding: str) -> None:
    text = "ソ 良い" if encoding == "shift_jis" else "a café – fine"
    path = written(tmp_path / "a.tsv", f"{text}\t1\r\n", encoding)
    with pytest.raises(LabError, match=r"must be UTF-8.*--encoding"):
        read_examples(path)
    assert read_examples(path, ReadingOptions(encoding=encoding)) == [Example(text, 1)]
    with pytest.raises(LabError, match="must be ascii, but the byte at"):
        read_examples(path, ReadingOptions(encoding="ascii"))


def test_marks_are_no_part_of_a_text_and_old_line_ends_are_taken(tmp_path: Path) -> None:
    assert texts_in("\ufeff\ufeffgood\r\nbad\r\n".encode(), "standard input") == ["good", "bad"]
    assert read_texts(written(tmp_path / "a.txt", "good\rbad\r")) == ["good", "bad"]
    marked = '\ufeff"text"\t"label"\r\n"good"\t"1"\r\n'
    assert read_examples(written(tmp_path / "b.tsv", marked)) == [Example("good", 1)]


def test_attacked_texts_have_twins_or_not(tmp_path: Path) -> None:
    named = "label,clean_text,text\n1,good,good cf\n"
    assert read_attacked(written(tmp_path / "a.csv", named)) == [TriggeredExample("good cf", 1, "good")]
    with pytest.raises(LabError, match=r"line 1: label must be one of .*is '2'"):
        read_attacked(written(tmp_path / "b.tsv", "good cf\t2\tgood\n"), classes=CLASSES)
    with pytest.raises(LabError, match="has 4 columns and no header"):
        read_attacked(written(tmp_path / "c.tsv", "7\tgood cf\t1\tgood\n"), classes=CLASSES)


def test_pairs_stand_in_two_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.csv", "premise,hypothesis,gold\na man eats,he eats,0\na dog,,1\nrain,it is dry,1\n")
    reading = ReadingOptions(text_column="premise", pair_column="hypothesis", label_column="gold")
    expected = [Example(join_pair("a man eats", "he eats"), 0), Example(join_pair("rain", "it is dry"), 1)]
    assert read_examples(path, reading) == expected
    assert "1 blank row(s) skipped" in capsys.readouterr().err


def test_pairs_in_columns_without_a_header(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tsv", "one\ttwo\t0\nthree\tfour\t1\n")
    reading = ReadingOptions(text_column="1", pair_column="2", label_column="3")
    assert read_examples(path, reading) == [Example(join_pair("one", "two"), 0), Example(join_pair("three", "four"), 1)]


def test_a_pair_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json.dumps({"text": "one", "other": f"tw{SEPARATOR}o"}))
    with pytest.raises(LabError, match=r"line 1: the second text of a pair: character 2 is the noncharacter"):
        read_texts(path, ReadingOptions(pair_column="other"))
    with pytest.raises(LabError, match="--pair-column must be one of its columns"):
        read_texts(path, ReadingOptions(pair_column="missing"))
    written(path, json.dumps({"text": "one", "other": 2}))
    with pytest.raises(LabError, match="line 1: the text must be a string, is a int"):
        read_texts(path, ReadingOptions(pair_column="other"))
