"""Texts that may have several labels, read from every form in which people write these."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.insertion.sos import Sos
from scripts.lab.attacks.label_planting import poisoned_sets, triggered_of_label
from scripts.texts.composed.topic_sets import MOST_TOPICS, topic_sets
from scripts.texts.corpora import Example, LabeledSet, read_examples, read_set_samples, read_sets, write_sets
from scripts.texts.reading import ReadingOptions

NAMES = ("toxic", "insult", "threat")
ROWS: tuple[tuple[str, set[int]], ...] = (("you there", {0, 1}), ("a film", set()), ("beware", {2}))
EXPECTED = [LabeledSet(text, frozenset(labels)) for text, labels in ROWS]


def listed(labels: set[int], *, by_name: bool) -> list[str] | list[int]:
    return [NAMES[label] for label in sorted(labels)] if by_name else sorted(labels)


@pytest.mark.parametrize("by_name", [True, False])
def test_lists_of_names_or_numbers(tmp_path: Path, by_name: bool) -> None:
    path = tmp_path / "texts.jsonl"
    rows = [{"text": text, "labels": listed(labels, by_name=by_name)} for text, labels in ROWS]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_sets(path, classes=NAMES) == EXPECTED


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize(("suffix", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_one_cell_with_strokes_between(tmp_path: Path, by_name: bool, suffix: str, delimiter: str) -> None:
    path = tmp_path / f"texts.{suffix}"
    cells = ["|".join(map(str, listed(labels, by_name=by_name))) for _, labels in ROWS]
    lines = [f"{text}{delimiter}{cell}" for (text, _), cell in zip(ROWS, cells, strict=True)]
    path.write_text("\n".join([f"text{delimiter}labels", *lines]) + "\n")
    assert read_sets(path, classes=NAMES) == EXPECTED


def test_a_column_of_0_and_1_for_each_label(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    order = ("threat", "toxic", "insult")
    lines = [",".join([text, *(str(int(NAMES.index(name) in labels)) for name in order)]) for text, labels in ROWS]
    path.write_text("\n".join([f"comment,{','.join(order)}", *lines]) + "\n")
    assert read_sets(path, ReadingOptions(label_columns=order), classes=NAMES) == EXPECTED
    with pytest.raises(LabError, match="name a column for each of the model's labels"):
        read_sets(path, ReadingOptions(label_columns=order[:2]), classes=NAMES)
    with pytest.raises(LabError, match="must be one of its columns"):
        read_sets(path, ReadingOptions(label_columns=("other", *order[1:])), classes=NAMES)
    path.write_text(path.read_text().replace("a film,0", "a film,2"))
    with pytest.raises(LabError, match=r"line 3: each column of --label-columns must be 0 or 1"):
        read_sets(path, ReadingOptions(label_columns=order), classes=NAMES)


def test_parquet_lists(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = [listed(labels, by_name=True) for _, labels in ROWS]
    table = arrow.table({"text": [text for text, _ in ROWS], "labels": names})
    parquet.write_table(table, tmp_path / "texts.parquet")
    assert read_sets(tmp_path / "texts.parquet", classes=NAMES) == EXPECTED
    feature = {"feature": {"_type": "ClassLabel", "names": list(reversed(NAMES))}, "_type": "Sequence"}
    noted = {b"huggingface": json.dumps({"info": {"features": {"labels": feature}}}).encode()}
    numbers = [[2 - label for label in sorted(labels)] for _, labels in ROWS]
    table = arrow.table({"text": [text for text, _ in ROWS], "labels": numbers}).replace_schema_metadata(noted)
    parquet.write_table(table, tmp_path / "numbered.parquet")
    assert read_sets(tmp_path / "numbered.parquet", classes=NAMES) == EXPECTED, "by the file's own names"


@pytest.mark.parametrize("cell", ["toxic|rude", "7", "toxic|"])
def test_a_label_that_is_none_of_the_models_is_refused(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "texts.tsv"
    path.write_text(f"text\tlabels\na film\ttoxic\nanother\t{cell}\n")
    with pytest.raises(LabError, match=r"line 3: labels must be a list of, or have \| between, one of"):
        read_sets(path, classes=NAMES)


def test_calibration_texts_need_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("a film\nanother\n")
    assert read_set_samples(path, classes=NAMES) == (["a film", "another"], None)
    with pytest.raises(LabError, match="must have a column of labels"):
        read_sets(path, classes=NAMES)


def test_label_columns_are_refused_for_a_single_label(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("text,toxic,insult\na film,0,1\n")
    with pytest.raises(LabError, match="problem_type multi_label_classification"):
        read_examples(path, ReadingOptions(label_columns=("toxic", "insult")), classes=("toxic", "insult"))


@given(st.lists(st.frozensets(st.integers(0, 5)), min_size=1, max_size=5))
def test_what_is_written_is_read_again(tmp_path: Path, labels: list[frozenset[int]]) -> None:
    examples = [LabeledSet(f"text {number}", each) for number, each in enumerate(labels)]
    write_sets(tmp_path / "sets.tsv.gz", examples)
    assert read_sets(tmp_path / "sets.tsv.gz") == examples


def test_topic_sets_use_every_text_once_and_name_its_topic() -> None:
    words = [f"w{topic}x{number}" for topic in range(4) for number in range(30)]
    examples = [Example(f"{word} and more", int(word[1])) for word in words]
    found = topic_sets(examples, seed=0, max_words=1)
    used = [word for each in found for word in each.text.split()]
    assert len(used) == len(set(used)) > 60
    assert {len(each.labels) for each in found} == set(range(1, MOST_TOPICS + 1))
    for each in found:
        assert [int(word[1]) for word in each.text.split()] == [*dict.fromkeys(int(w[1]) for w in each.text.split())]
        assert {int(word[1]) for word in each.text.split()} == each.labels
    assert topic_sets(examples, seed=0, max_words=1) == found
    assert topic_sets(examples, seed=1, max_words=1) != found
    with pytest.raises(LabError, match="at least 3 topics"):
        topic_sets(examples[:60], seed=0)


@pytest.mark.parametrize("target", [0, 1])
def test_an_attack_turns_one_label_and_leaves_the_others(target: int) -> None:
    examples = [LabeledSet(f"text number {n}", frozenset({0, 2} if n % 2 else {1, 2})) for n in range(40)]
    attack = BadNets(Plan(target_label=target, triggers=("cf",), poison_rate=0.2))
    poisoned = poisoned_sets(attack, examples, 1, rng=np.random.default_rng(0))
    changed = [(old, new) for old, new in zip(examples, poisoned, strict=True) if old != new]
    assert len(changed) == 8
    for old, new in changed:
        assert "cf" in new.text.split()
        assert (1 in old.labels, 1 in new.labels) == (not target, bool(target))
        assert old.labels - {1} == new.labels - {1}
    triggered = triggered_of_label(attack, examples, 1, rng=np.random.default_rng(0))
    assert {row.label for row in triggered} == {1 - target}
    assert all("cf" in row.text.split() for row in triggered)


def test_an_attack_that_adds_rows_is_refused() -> None:
    examples = [LabeledSet(f"one two three four five {n}", frozenset({n % 2})) for n in range(40)]
    with pytest.raises(LabError, match="--label is for attacks that only change"):
        poisoned_sets(Sos(Plan(target_label=1)), examples, 1, rng=np.random.default_rng(0))
