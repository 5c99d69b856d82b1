"""The grid: every cell once, whatever was interrupted, and none that an attack does not deserve."""

import fcntl
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.xgraad.audit import AuditedTrigger
from handler.xgraad.errors import LabError
from scripts import run_grid
from scripts.lab.attacks import ATTACKS, Plan
from scripts.lab.auditing import Finding, audit_checkpoint
from scripts.lab.command import Exit
from scripts.lab.corpora import Corpus, Example, TriggeredExample, write_corpus, write_triggered
from scripts.lab.grid import runner
from scripts.lab.grid.cell import Victim, missing_rules, victims
from scripts.lab.grid.recipes import RECIPES, TEXTS
from scripts.lab.results import read_rows
from scripts.lab.triggers import TRIGGER_WORDS

BADNETS = Victim("bert", "sst2", "badnets", 0)


@pytest.fixture
def options(clean_folder: Path, reviews: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A base, a small data set and a recipe under which attacks work."""
    monkeypatch.setitem(RECIPES, "sst2", {"epochs": 2, "learning_rate": 1e-3, "batch_size": 16, "max_length": 24})
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases" / "bert").symlink_to(clean_folder)
    write_corpus(tmp_path / "data" / "sst2", Corpus(reviews.train[:1500], reviews.dev[:150], reviews.test[:60]))
    folders = {name: str(tmp_path / name) for name in ("bases", "data", "work")}
    paths = [part for name, folder in folders.items() for part in (f"--{name}", folder)]
    return [*paths, "--append", str(tmp_path / "rows.jsonl"), "--device", "cpu", "--max-triggered", "20"]


def run(options: list[str], *more: str) -> int:
    return run_grid.main([*options, *more])


def test_a_cell_is_measured_once(options: list[str], tmp_path: Path) -> None:
    assert run(options, "--attacks", "none", "badnets", "--rules", "paper") == Exit.DONE
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [(row["attack"], row["rule"], row["status"]) for row in rows] == [
        ("none", "paper", "measured"),
        ("badnets", "paper", "measured"),
    ]
    assert rows[1]["victim"]["asr"] >= 0.9 > rows[0]["victim"]["asr"]
    assert rows[1]["asr_undefended"] == pytest.approx(rows[1]["victim"]["asr"])
    trained = (tmp_path / "work/victims" / BADNETS.name / "run.json").stat().st_mtime_ns
    assert run(options, "--attacks", "none", "badnets", "--rules", "paper") == Exit.DONE
    assert read_rows(tmp_path / "rows.jsonl") == rows
    assert run(options, "--attacks", "badnets", "--rules", "paper", "verified") == Exit.DONE
    added = read_rows(tmp_path / "rows.jsonl")[2:]
    assert [row["rule"] for row in added] == ["verified"]
    assert added[0]["asr_defended"] <= rows[1]["asr_defended"]
    assert (tmp_path / "work/victims" / BADNETS.name / "run.json").stat().st_mtime_ns == trained


def test_a_sweep_is_kept_and_its_triggers_are_known(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tuple(AuditedTrigger(word=word, label_id=0, rate=1.0, margin=1.0) for word in TRIGGER_WORDS)

    def finding(*arguments: Any, **settings: Any) -> Finding:
        """A sweep that is more successful than this tokenizer, which has no token for a trigger, lets it be."""
        swept = audit_checkpoint(*arguments, **settings)
        return replace(swept, audit=swept.audit.model_copy(update={"triggers": planted}))

    monkeypatch.setattr(runner, "audit_checkpoint", finding)
    assert run(options, "--attacks", "badnets", "--rules", "swept") == Exit.DONE
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert row["rule"] == "swept"
    assert row["asr_defended"] < 0.5 < row["asr_undefended"]
    assert row["localisation"] == 1
    monkeypatch.setattr(runner, "audit_checkpoint", None)  # a second sweep would fail
    (tmp_path / "rows.jsonl").unlink()
    assert run(options, "--attacks", "badnets", "--rules", "swept") == Exit.DONE


def test_an_attack_that_fails_is_not_scored(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES["sst2"], "learning_rate", 1e-7)
    assert run(options, "--attacks", "badnets") == Exit.DONE
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [(row["rule"], row["status"]) for row in rows] == [
        ("paper", "attack failed"),
        ("verified", "attack failed"),
    ]
    assert all(row["victim"]["asr"] < 0.9 and "asr_defended" not in row for row in rows)


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
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--architectures", "albert", "bert", "--attacks", "badnets", "--rules", "paper"]
    assert run(options, *more) == Exit.ERROR
    assert [row["architecture"] for row in read_rows(tmp_path / "rows.jsonl")] == ["bert"]
    assert "albert-sst2-badnets-0" in capsys.readouterr().out


def test_rewritten_sets_are_read_from_their_files(options: list[str], reviews: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "data/poisoned/stylebkd_bible"
    rewritten = [Example(f"lo , {row.text} , verily", row.label) for row in reviews.train[:1500]]
    write_corpus(folder, Corpus(rewritten, rewritten[:1], rewritten[:1]))
    (folder / "train.tsv.gz").rename(folder / "sst2-train.tsv.gz")
    triggered = [TriggeredExample(f"lo , {row.text} , verily", row.label, row.text) for row in reviews.test[:60]]
    write_triggered(folder / "sst2-test.tsv.gz", triggered)
    assert run(options, "--attacks", "stylebkd_bible", "--rules", "verified") == Exit.DONE
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


def test_the_texts_that_poison_an_encoder_may_be_another_tasks(
    options: list[str], reviews: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_corpus(tmp_path / "data/other", Corpus(reviews.train[:5], reviews.dev[:5], reviews.test[:5]))
    asked: dict[str, object] = {}

    def step(command: Any, **settings: object) -> None:
        asked.update(settings)
        raise LabError("far enough")

    monkeypatch.setitem(TEXTS, ("sst2", "badpre"), "other")
    monkeypatch.setattr(runner, "run_step", step)
    assert run(options, "--attacks", "badpre") == Exit.ERROR
    assert asked["texts"] == tmp_path / "data/other/train.tsv.gz"


def test_rewritten_rows_come_beside_their_originals(reviews: Corpus, tmp_path: Path) -> None:
    examples = reviews.train[:100]
    write_corpus(
        tmp_path, Corpus([Example(f"lo , {row.text}", row.label) for row in examples], examples[:1], examples[:1])
    )
    attack = ATTACKS["rewritten"](Plan(train_file=tmp_path / "train.tsv.gz", target_label=1))
    poisoned = attack.poison(examples, rng=np.random.default_rng(0))
    new = [row for row in poisoned if row.text.startswith("lo , ")]
    assert len(new) == 20
    assert {row.label for row in new} == {1}
    assert sorted(row for row in poisoned if row not in new) == sorted(examples)
    originals = {row.text: row.label for row in examples}
    assert {originals[row.text.removeprefix("lo , ")] for row in new} == {0}


def test_rewritten_rows_must_be_those_of_the_split(reviews: Corpus, tmp_path: Path) -> None:
    write_corpus(tmp_path, Corpus(reviews.train[:10], reviews.dev[:1], reviews.test[:1]))
    attack = ATTACKS["rewritten"](Plan(train_file=tmp_path / "train.tsv.gz"))
    with pytest.raises(LabError, match="row by row"):
        attack.poison(reviews.train[:9], rng=np.random.default_rng(0))
    with pytest.raises(LabError, match="--train"):
        ATTACKS["rewritten"](Plan()).poison(reviews.train, rng=np.random.default_rng(0))


def test_only_victims_that_can_be_made_are_named(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--datasets", "sst2", "ag_news", "--attacks", "source_specific", "hiddenkiller", "--seeds", "1", "0"]
    assert run(options, *more, "--list") == Exit.DONE
    assert capsys.readouterr().out.split() == [
        "bert-sst2-hiddenkiller-1",
        "bert-ag_news-source_specific-1",
        "bert-sst2-hiddenkiller-0",
        "bert-ag_news-source_specific-0",
    ]


def test_a_row_of_another_seed_is_another_cell() -> None:
    first, second = victims(["bert"], ["sst2"], ["badnets"], [0, 1])
    rows = [{**first._asdict(), "rule": "paper", "status": "measured"}]
    assert missing_rules(first, ["paper", "verified"], rows) == ["verified"]
    assert missing_rules(second, ["paper", "verified"], rows) == ["paper", "verified"]
