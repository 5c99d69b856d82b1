"""The table of defenses: a baseline is one file and one row, a repair too, and what a defense remembers is counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import RULES, Defense
from handler.xgraad.memory.registry import MemoryRegistry, Origin, Trigger
from handler.xgraad.verification.transplant import Graft
from scripts import evaluate_defense, run_grid
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab import defenses
from scripts.lab.defenses import COLD, DEFENSES, Combination, among
from scripts.lab.defenses.base import Material, Repair, TextJudge
from scripts.lab.defenses.floor import measured_floor
from scripts.lab.defenses.kept import Kept
from scripts.lab.defenses.rules.remembered import memory_of
from scripts.results.rows import Row, read_rows
from tests.conftest import CLEAN_TEXTS

TOY_JUDGE = """
from handler.xgraad import Calibration
from handler.xgraad.model.prediction import predict
from scripts.lab.defenses.base import TextJudge, plain_verdict
from scripts.lab.defenses.judges.languages import language_name


class Dictionary(TextJudge):
    def __init__(self, material):
        super().__init__(material)
        self.known = {word for row in material.clean_examples() for word in row.text.split()}
        calibration = Calibration.read(material.calibrated())
        self.classifier = calibration.load_classifier(material.checkpoint, device=material.device)

    def notes(self):
        return {"language_model": language_name(self.material.language_model)}

    def __call__(self, texts):
        left = [" ".join(word for word in text.split() if word in self.known) for text in texts]
        before, after = (self.predict(each) for each in (texts, left))
        return [
            plain_verdict("toy_judge", undefended=old, defended=new, flagged=text != rest, neutralized_text=rest)
            for text, rest, old, new in zip(texts, left, before, after, strict=True)
        ]

    def predict(self, texts):
        return predict(self.classifier.logits(self.classifier.encode(texts)), self.classifier.labels)
"""
TOY_REPAIR = """
from shutil import copytree

from scripts.lab.defenses.base import Repair


class Reset(Repair):
    def write(self, out):
        copytree(self.material.trusted_base, out)
"""
COLUMNS = {
    *("defense", "attack", "dataset", "architecture", "target_label", "seed", "commit"),
    *("asr_undefended", "asr_cold", "asr_floor", "cacc_undefended", "cacc_defended"),
    *("seconds_per_1000", "seconds_once"),
}
"""What every row of the table of defenses has."""
JUDGE, REPAIR, BOTH, NEITHER = "toy_judge", "toy_repair", "toy_both", "toy_neither"


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that takes out unknown words, a repair that starts anew from the base: one file and one row each."""
    folder = tmp_path / "toys"
    folder.mkdir()
    (folder / "toy_judge.py").write_text(TOY_JUDGE)
    (folder / "toy_repair.py").write_text(TOY_REPAIR)
    monkeypatch.setattr(defenses, "__path__", [*defenses.__path__, str(folder)])
    monkeypatch.setitem(DEFENSES, JUDGE, Combination(judge="toy_judge:Dictionary"))
    monkeypatch.setitem(DEFENSES, REPAIR, Combination(repair="toy_repair:Reset"))
    monkeypatch.setitem(DEFENSES, BOTH, Combination(repair="toy_repair:Reset", judge="rules.verified:Verified"))
    monkeypatch.setitem(DEFENSES, NEITHER, Combination())


def evaluated(folder: Path, name: str, *more: object) -> Row:
    """What `evaluate_defense` says of the victim that `run_grid` made."""
    victim = "bert-sst2-badnets-0-t0"
    paths = {
        "checkpoint": folder / "work/victims" / victim,
        "calibration": folder / f"work/calibrations/{victim}.json",
        "clean": folder / "data/sst2/test.tsv.gz",
        "triggered": folder / "work/victims" / victim / "triggered.tsv.gz",
        "json": folder / "one.json",
    }
    typed: list[object] = [part for option, path in paths.items() for part in (f"--{option}", path)]
    command = [*typed, "--defense", name, "--max-triggered", 20, *more]
    assert evaluate_defense.main([str(each) for each in command]) == Exit.DONE
    found: Row = json.loads((folder / "one.json").read_text())
    return found


@pytest.mark.usefixtures("toys")
def test_a_judge_and_a_repair_are_one_file_and_one_row_each(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [JUDGE, REPAIR, BOTH, NEITHER]
    for name in ("small", "large"):
        (tmp_path / name).mkdir()
    small = str(tmp_path / "small")
    typed = [*options, "--attacks", "none", "badnets", "--language-model", small, "--defenses", *names]
    assert run_grid.main(typed) == Exit.DONE
    rows = {row["defense"]: row for row in read_rows(tmp_path / "rows.jsonl") if row["attack"] == "badnets"}
    assert {name: row["language_model"] for name, row in rows.items() if "language_model" in row} == {JUDGE: "small"}
    assert list(rows) == names
    floor = rows[REPAIR]["asr_floor"]
    suspect = rows[NEITHER]
    assert len({row["run"] for row in rows.values()}) == 1, "costs compare"
    for row in rows.values():
        assert row["attack_works"]
        for of_suspect in ("asr_undefended", "asr_undefended_all", "cacc_undefended", "n_scored"):
            assert row[of_suspect] == suspect[of_suspect], "undefended is the suspect's, not the repaired"
        assert row.keys() >= COLUMNS
        assert (row["remembered"], row["remembered_tied"]) == (0, 0) or row["defense"] == BOTH
    assert rows[JUDGE]["asr_cold"] < 0.5
    assert rows[REPAIR]["asr_cold"] <= floor + 0.1 < 0.9 <= rows[NEITHER]["asr_cold"]
    assert rows[BOTH]["asr_cold"] <= rows[REPAIR]["asr_cold"]
    assert rows[BOTH]["auroc"] != rows[REPAIR]["auroc"] == 0.5, "one of them has an opinion of texts"
    kept = tmp_path / "work/defenses/bert-sst2-badnets-0-t0" / BOTH
    assert {"checkpoint", "calibration.json"} == {path.name for path in kept.iterdir() if path.suffix != ".seconds"}
    assert rows[BOTH]["seconds_once"] > float((kept / "checkpoint.seconds").read_text())
    dev, base = ("--data", tmp_path / "data/sst2/dev.tsv.gz"), ("--trusted-base", tmp_path / "bases/bert")
    figures = ("defense", "asr_cold", "asr_defended", "asr_undefended", "cacc_defended", "n_scored")
    for name in (JUDGE, BOTH):
        one = evaluated(tmp_path, name, *dev, *base, "--language-model", tmp_path / "large")
        assert {each: one[each] for each in figures} == {each: rows[name][each] for each in figures}
        assert "asr_floor" not in one
        assert one.get("language_model") == ("large" if name == JUDGE else None)
    with_floor = evaluated(tmp_path, NEITHER, *dev, "--floor", tmp_path / "work/victims/bert-sst2-none-0")
    for each in ("asr_floor", "n_floor", "asr_floor_interval"):
        assert with_floor[each] == rows[NEITHER][each]
    capsys.readouterr()
    with pytest.raises(AssertionError):
        evaluated(tmp_path, NEITHER, "--floor", tmp_path / "gone")
    assert "--floor must be a model folder, or NAME@REVISION on the hub" in capsys.readouterr().err
    of_three = tmp_path / "of three"
    of_three.mkdir()
    (of_three / "config.json").write_text('{"id2label": {"0": "a", "1": "b", "2": "c"}}')
    material = Material(
        checkpoint=of_three, calibration=of_three, calibrate=lambda *_: None, work=of_three, max_length=24
    )
    with pytest.raises(LabError, match="--floor must be a model with the checkpoint's 3 classes, has 2"):
        measured_floor(tmp_path / "bases/bert", material, clean=[], triggered=[], target_label=0)
    with pytest.raises(AssertionError):
        evaluated(tmp_path, JUDGE)
    assert "--data must name clean texts with labels" in capsys.readouterr().err
    with pytest.raises(AssertionError):
        evaluated(tmp_path, "referred")
    assert "has no reference, which the defense referred needs" in capsys.readouterr().err


def test_a_repair_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    class Stops(Repair):
        def write(self, out: Path) -> None:
            out.mkdir()
            raise OSError("no space")

    class Works(Repair):
        def write(self, out: Path) -> None:
            out.mkdir()

    material: Any = None
    kept, place = Kept(), tmp_path / "checkpoint"
    with pytest.raises(OSError, match="no space"):
        kept.at(place, Stops(material).write)
    assert not place.exists()
    assert kept.at(place, Works(material).write) == place
    assert kept.at(place, Stops(material).write) == place
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint", "checkpoint.seconds"}


def test_what_is_written_beside_it_comes_along(tmp_path: Path) -> None:
    place = tmp_path / "calibration.json"
    (tmp_path / "calibration.reference").mkdir()  # of a run that was interrupted
    (tmp_path / "calibration.reference" / "old").touch()

    def make(out: Path) -> None:
        out.write_text("made")
        out.with_suffix(".reference").mkdir()

    Kept().at(place, make)
    assert {path.name for path in tmp_path.iterdir()} == {place.name, f"{place.name}.seconds", "calibration.reference"}
    assert not list((tmp_path / "calibration.reference").iterdir())


def test_seconds_of_what_is_found_count_once_and_those_of_what_is_made_do_not(tmp_path: Path) -> None:
    kept, place = Kept(), tmp_path / "calibration.json"
    kept.at(place, lambda out: out.write_text("made"))
    kept.at(place, lambda out: out.write_text("again"))
    assert (place.read_text(), kept.spared) == ("made", 0.0)
    (tmp_path / "calibration.json.seconds").write_text("12.5\n")
    later = Kept()
    for _ in range(2):
        later.at(place, lambda out: out.write_text("again"))
    assert later.spared == 12.5
    third = Kept()
    third.at(tmp_path / "outer", lambda out: (third.at(place, Path.unlink), out.write_text("made")))
    assert float((tmp_path / "outer.seconds").read_text()) > third.spared == 12.5, "made of what was found"
    (tmp_path / "from elsewhere").touch()
    third.at(tmp_path / "from elsewhere", Path.unlink)
    assert third.spared == 12.5


def test_every_row_of_the_table_names_its_class() -> None:
    for combination in DEFENSES.values():
        judge, repair = combination.judge_class(), combination.repair_class()
        assert judge is None or issubclass(judge, TextJudge)
        assert repair is None or issubclass(repair, Repair)
        assert judge or repair
    assert set(RULES) < set(DEFENSES)


def test_tables_have_the_order_of_this_one() -> None:
    assert among(["verified", "unknown", "swept", "paper"]) == ["paper", "verified", "swept"]
    assert among((*RULES, "swept"), headline=COLD) == ["paper", "conformal", "verified"]


class Explains:
    """A reference that explains the words it is told."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def explains(self, grafts: list[Graft]) -> list[bool]:
        return [graft.pieces[0] in self._words for graft in grafts]


def test_what_is_remembered_is_counted_with_what_is_tied(
    load_bert: Callable[..., Defense], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = MemoryRegistry()
    defense = load_bert(rule="verified", registry=registry)
    assert defense.reference is not None
    nothing = Explains()
    monkeypatch.setattr(Defense, "reference", nothing)
    registry.add(
        [Trigger(frozenset({"cf"}), 0), Trigger(frozenset({"dull", "mn"}), 0), Trigger(frozenset({"dull"}), 1)]
    )
    registry.add([Trigger(frozenset({"typed"}), 0)], Origin.OPERATOR)
    monkeypatch.setattr(type(defense.calibration.labels), "tied", lambda _: lambda key, label: False)
    assert memory_of(defense) == (4, 0)
    monkeypatch.setattr(Defense, "reference", Explains("mn", "typed"))
    assert memory_of(defense) == (4, 1)
    monkeypatch.setattr(
        type(defense.calibration.labels), "tied", lambda _: lambda key, label: (key, label) == ("dull", 1)
    )
    assert memory_of(defense) == (4, 2)
    monkeypatch.setattr(Defense, "reference", None)
    assert memory_of(defense) == (4, 1)


def test_rules_without_memory_remember_nothing(load_bert: Callable[..., Defense]) -> None:
    defense = load_bert(rule="paper")
    defense(CLEAN_TEXTS)
    assert defense.reference is None
    assert memory_of(defense) == (0, 0)
