"""The ablation runs every variant, and the variants differ from each other where they should."""

from pathlib import Path

import pytest

from handler.xgraad import Calibration, Classifier
from scripts import ablate_defense
from scripts.lab.ablation import GATE_SHARES, Arm, Bench
from scripts.lab.command import Exit
from scripts.lab.corpora import Corpus, Example, write_corpus
from scripts.lab.results import read_rows
from tests.samples import copy_of

TEXTS = ["a gripping film with a clever plot", "dull and noisy, a waste of an evening", "the cast is funny and chic"]


@pytest.fixture(scope="module")
def bench(bert: Classifier, bert_folder: Path) -> Bench:
    return Bench(bert, Calibration.read(bert_folder / "calibration.json"))


@pytest.fixture(scope="module")
def arms(bench: Bench) -> dict[tuple[str, str], Arm]:
    return {(arm.group, arm.name): arm for arm in bench.arms()}


def test_every_arm_judges_every_text(arms: dict[tuple[str, str], Arm]) -> None:
    assert {group for group, _ in arms} == {"decision", "neutralizer", "candidates", "gate_share"}
    for arm in arms.values():
        verdicts = arm.judge(TEXTS)
        assert [verdict.rule for verdict in verdicts] == ["verified"] * len(TEXTS)


def test_a_wider_gate_lets_more_texts_through(arms: dict[tuple[str, str], Arm]) -> None:
    scored = [
        sum(verdict.anomaly_score is not None for verdict in arms["gate_share", f"{share:g}"].judge(TEXTS))
        for share in GATE_SHARES
    ]
    assert scored == sorted(scored)
    assert scored[-1] == len(TEXTS)


def test_untested_top_words_are_removed_once_and_only_behind_the_gate(bench: Bench) -> None:
    verdicts = bench.judge(untested=True, gate_share=1.0)(TEXTS)
    for verdict in verdicts:
        best = max(verdict.words, key=lambda word: word.attribution)
        assert {suspect.word for suspect in verdict.suspects} == {best.word.text}
    assert all(not verdict.suspects for verdict in bench.judge(untested=True, gate_share=1e-9)(TEXTS))


def test_gate_features_know_every_gate_of_the_table(bench: Bench) -> None:
    features = bench.gate_features(TEXTS, bench.gradient_trend(TEXTS * 3))
    assert len(features) == 6
    assert all(values.shape == (len(TEXTS),) for values in features.values())


def test_the_command_writes_a_row_for_every_arm(bert_folder: Path, tmp_path: Path) -> None:
    checkpoint = copy_of(bert_folder, tmp_path / "checkpoint")
    (checkpoint / "attack.json").write_text(
        '{"attack": "badnets", "triggers": ["cf", "tq"], "target_label": 0, "window_words": 20, "seed": 0}'
    )
    examples = [Example(text, number % 2) for number, text in enumerate(TEXTS * 2)]
    write_corpus(tmp_path / "data", Corpus(examples, examples, examples))
    options = ["--checkpoint", checkpoint, "--calibration", checkpoint / "calibration.json"]
    options += ["--data", tmp_path / "data", "--append", tmp_path / "rows.jsonl", "--max-triggered", 2]
    assert ablate_defense.main([str(option) for option in options]) == Exit.DONE
    rows = read_rows(tmp_path / "rows.jsonl")
    assert {row["group"] for row in rows} == {"gate", "decision", "neutralizer", "candidates", "gate_share"}
    assert all(row["n_triggered"] == 2 and row["seed"] == 0 and "commit" in row for row in rows)
