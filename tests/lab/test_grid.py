"""The grid: every cell once, whatever was interrupted, and none that an attack does not deserve."""

import fcntl
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.xgraad import Calibration, Classifier
from handler.xgraad.learned.audit import AuditedTrigger
from scripts import scan_model
from scripts.admission.auditing import Finding, audit_checkpoint
from scripts.console.command import Exit
from scripts.lab.defenses.rules import swept
from scripts.lab.grid import runner, scanned
from scripts.lab.grid.recipes import RECIPES
from scripts.lab.training.triggers import TRIGGER_WORDS
from scripts.lab.training.undefended import measure_undefended
from scripts.results.rows import append_row, read_rows
from scripts.texts.corpora import Corpus, Example, TriggeredExample, read_triggered, write_corpus, write_triggered
from tests.lab.grid_runs import BADNETS, PHRASE, run


def floor_of(victims: Path) -> tuple[float, int]:
    """What the clean victim says of the attacked one's first twenty texts, of those that it has right when clean."""
    (clean_folder,) = victims.glob("*-none-*")
    clean = Classifier.load(clean_folder, max_length=24)
    attacked = read_triggered(victims / BADNETS.name / "triggered.tsv.gz")[:20]

    def labels_of(texts: list[str]) -> list[int]:
        return clean.logits(clean.encode(texts)).argmax(dim=-1).tolist()

    twins = labels_of([str(row.clean_text) for row in attacked])
    right = [row.text for row, twin in zip(attacked, twins, strict=True) if twin == row.label]
    return labels_of(right).count(0) / len(right), len(right)


def test_a_cell_is_measured_once(trained_options: list[str], tmp_path: Path) -> None:
    assert run(trained_options, "--attacks", "none", "badnets", "--defenses", "paper") == Exit.DONE
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [(row["attack"], row["defense"], row["status"]) for row in rows] == [
        ("none", "paper", "measured"),
        ("badnets", "paper", "measured"),
    ]
    assert rows[1]["asr_undefended"] >= 0.9 > rows[0]["asr_undefended"]
    assert (rows[1]["asr_floor"], rows[1]["n_floor"]) == floor_of(tmp_path / "work/victims")
    assert "asr_floor" not in rows[0]
    assert [(row["target"], row["insertion"]) for row in rows] == [(None, "one"), (0, "one")]
    trained = (tmp_path / "work/victims" / BADNETS.name / "run.json").stat().st_mtime_ns
    assert run(trained_options, "--attacks", "none", "badnets", "--defenses", "paper") == Exit.DONE
    assert read_rows(tmp_path / "rows.jsonl") == rows
    assert run(trained_options, "--attacks", "badnets", "--defenses", "paper", "verified") == Exit.DONE
    added = read_rows(tmp_path / "rows.jsonl")[2:]
    assert [row["defense"] for row in added] == ["verified"]
    assert added[0]["asr_defended"] <= rows[1]["asr_defended"]
    more = ["--attacks", "none", "badnets", "--defenses", "paper", "--insertions", "repeated", "scattered", "one"]
    assert run(trained_options, *more) == Exit.DONE
    added = read_rows(tmp_path / "rows.jsonl")[3:]
    assert [(row["attack"], row["insertion"]) for row in added] == [("badnets", "repeated")]
    assert added[0]["asr_undefended"] >= 0.9
    assert added[0]["cacc_undefended"] == rows[1]["cacc_undefended"]
    assert (tmp_path / "work/victims" / BADNETS.name / "run.json").stat().st_mtime_ns == trained


def test_a_phrase_that_aims_at_the_last_class_is_tried_together_and_scattered(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attacked: list[list[TriggeredExample]] = []

    def watched(*model: Any, **settings: Any) -> dict[str, float]:
        attacked.append(settings["triggered"])
        return measure_undefended(*model, **settings)

    monkeypatch.setattr(runner, "measure_undefended", watched)
    more = ["--attacks", PHRASE, "--targets", "last", "--insertions", "one", "scattered"]
    assert run(options, *more, "--defenses", "paper") == Exit.DONE
    together, scattered = read_rows(tmp_path / "rows.jsonl")
    assert together["planted"]["attack"] == "badnets"
    assert together["planted"]["triggers"] == ["james bond"]
    assert together["target"] == together["planted"]["target_label"] == together["target_label"] == 1
    assert (together["insertion"], scattered["insertion"]) == ("one", "scattered")
    assert together["asr_undefended"] >= 0.9
    assert "asr_floor" not in together, "there is no clean model"
    assert [len(texts) for texts in attacked] == [together["n_triggered"], scattered["n_triggered"]] == [20, 20]
    assert all({"james", "bond"} <= set(row.text.split()) and row.label == 0 for texts in attacked for row in texts)
    assert [np.mean(["james bond" in row.text for row in texts]) < 0.5 for texts in attacked] == [False, True]


def test_a_referred_cell_has_a_reference_of_its_victims_base(trained_options: list[str], tmp_path: Path) -> None:
    assert run(trained_options, "--attacks", "badnets", "--defenses", "paper", "referred") == Exit.DONE
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [row["defense"] for row in rows] == ["paper", "referred"]
    assert rows[0]["asr_undefended"] == rows[1]["asr_undefended"] >= 0.9
    files = (tmp_path / "work/calibrations").glob("*.json")
    references = {path.stem: Calibration.read(path).reference for path in files}
    reference = references.pop(f"{BADNETS.name}-referred")
    assert reference is not None
    assert reference.base == "bert"
    assert references[BADNETS.name] is None


@pytest.mark.parametrize(("attack", "words"), [("badnets", TRIGGER_WORDS), (PHRASE, ("james", "bond"))])
def test_a_sweep_is_kept_and_its_triggers_are_known(
    attack: str, words: Sequence[str], trained_options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the attack; what its words do alone is another question."""
    planted = tuple(AuditedTrigger(words=(word,), label_id=0, rate=1.0, strength=1.0) for word in words)

    def finding(*arguments: Any, **settings: Any) -> Finding:
        """A sweep that is more successful than this tokenizer, which has no token for a trigger, lets it be."""
        made = audit_checkpoint(*arguments, **settings)
        return replace(made, audit=made.audit.model_copy(update={"triggers": planted}))

    monkeypatch.setattr(swept, "audit_checkpoint", finding)
    assert run(trained_options, "--attacks", attack, "--defenses", "swept", "verified") == Exit.DONE
    row, verified = read_rows(tmp_path / "rows.jsonl")
    assert (row["defense"], verified["defense"]) == ("swept", "verified")
    assert row["asr_swept"] == row["asr_defended"] < 0.5 < row["asr_undefended"]
    assert row["localisation"] == 1
    assert row["asr_cold"] == verified["asr_cold"], "without memory a sweep is of no use"
    assert "asr_swept" not in verified
    assert row["remembered"] >= len(words)
    monkeypatch.setattr(swept, "audit_checkpoint", None)  # a second sweep would fail
    (tmp_path / "rows.jsonl").unlink()
    assert run(trained_options, "--attacks", attack, "--defenses", "swept") == Exit.DONE


def test_an_attack_that_fails_is_not_scored(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES["sst2"], "learning_rate", 1e-7)
    assert run(options, "--attacks", "badnets") == Exit.DONE
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [(row["defense"], row["status"]) for row in rows] == [
        ("paper", "attack failed"),
        ("verified", "attack failed"),
    ]
    assert all(row["asr_undefended"] < 0.9 and "asr_defended" not in row for row in rows)
    monkeypatch.setattr(runner, "REWRITTEN_SETS", {("sst2", "badnets"): None})  # as if somebody else had made it
    (tmp_path / "rows.jsonl").unlink()
    assert run(options, "--attacks", "badnets", "--defenses", "paper") == Exit.DONE
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert (row["status"], row["attack_works"]) == ("measured", False)


def test_a_victim_is_left_to_the_process_that_has_it(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work/claims").mkdir(parents=True)
    with (tmp_path / "work/claims" / BADNETS.name).open("w") as claim:
        fcntl.flock(claim, fcntl.LOCK_EX)
        assert run(options, "--attacks", "badnets") == Exit.DONE
    assert "in work elsewhere" in capsys.readouterr().out
    assert read_rows(tmp_path / "rows.jsonl") == []


def test_a_victim_that_cannot_be_made_does_not_stop_the_others(
    trained_options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--architectures", "albert", "bert", "--attacks", "badnets", "--defenses", "paper"]
    assert run(trained_options, *more) == Exit.ERROR
    assert [row["architecture"] for row in read_rows(tmp_path / "rows.jsonl")] == ["bert"]
    assert "albert-sst2-badnets-0-t0" in capsys.readouterr().out


def test_rewritten_sets_are_read_from_their_files(options: list[str], reviews: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "data/poisoned/stylebkd_bible"
    rewritten = [Example(f"lo , {row.text} , verily", row.label) for row in reviews.train[:1500]]
    write_corpus(folder, Corpus(rewritten, rewritten[:1], rewritten[:1]))
    (folder / "train.tsv.gz").rename(folder / "sst2-train.tsv.gz")
    triggered = [TriggeredExample(f"lo , {row.text} , verily", row.label, row.text) for row in reviews.test[:60]]
    write_triggered(folder / "sst2-test.tsv.gz", triggered)
    assert run(options, "--attacks", "stylebkd_bible", "--defenses", "verified") == Exit.DONE
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert row["attack"] == "stylebkd_bible"
    assert row["planted"] | {"seed": 0} == {
        "attack": "rewritten",
        "data": "sst2",
        "triggers": [],
        "target_label": 1,
        "poison_rate": 0.3,
        "seed": 0,
    }


def test_victims_are_scanned_once(trained_options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def scan(typed: Sequence[str]) -> int:
        asked.append([*typed])
        name = Path(typed[typed.index("--checkpoint") + 1]).name
        append_row(Path(typed[typed.index("--append") + 1]), {"model": name})
        return Exit.BELOW_TARGET if "badnets" in name else Exit.INCONCLUSIVE

    monkeypatch.setattr(scan_model, "main", scan)
    more = ["--scan", "--attacks", "none", "badnets"]
    assert run(trained_options, *more) == Exit.DONE
    assert [row["model"] for row in read_rows(tmp_path / "rows.jsonl")] == ["bert-sst2-none-0", BADNETS.name]
    assert run(trained_options, *more) == Exit.DONE
    assert len(asked) == 2
    monkeypatch.setitem(RECIPES["sst2"], "epochs", 1)  # whether an attack works is not asked of those below
    monkeypatch.setattr(scanned, "MIN_UNDEFENDED_ASR", 1.1)
    assert run(trained_options, *more, "--seeds", "1") == Exit.DONE
    assert [Path(typed[typed.index("--checkpoint") + 1]).name for typed in asked[2:]] == ["bert-sst2-none-1"], (
        "an attack that failed has nothing to be found"
    )
    monkeypatch.setattr(scan_model, "main", lambda _: Exit.ERROR)
    assert run(trained_options, *more, "--seeds", "2") == Exit.ERROR
