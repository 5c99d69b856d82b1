"""The ablation runs every variant, and the variants differ from each other where they should."""

from pathlib import Path

import pytest

from handler.xgraad import Calibration, Classifier, VerifiedOptions
from handler.xgraad.editing.neutralizer import Delete
from handler.xgraad.memory.registry import MemoryRegistry
from handler.xgraad.rules.verified_rule import VerifiedParts
from handler.xgraad.verification.reference import LabelReference
from handler.xgraad.verification.transplant import Transplant
from scripts import ablate_defense
from scripts.console.command import Exit
from scripts.lab.evaluation.ablation import GATE_SHARES, Arm, Bench
from scripts.results.rows import read_rows
from scripts.texts.corpora import Corpus, Example, write_corpus
from tests.conftest import CLEAN_TEXTS
from tests.samples import copy_of
from tests.unit.rule_based import RuleBased, parts_of, tying

TEXTS = ["a gripping film with a clever plot", "dull and noisy, a waste of an evening", "the cast is funny and chic"]


def bench_of(classifier: Classifier, calibration: Calibration, *, trusted: Transplant | None = None) -> Bench:
    parts = VerifiedParts.of(
        classifier,
        calibration,
        trusted=trusted,
        neutralize=Delete(classifier.encode),
        options=VerifiedOptions(),
        registry=MemoryRegistry(),
    )
    return Bench(parts, labels=LabelReference(calibration.labels.tied(), parts.transplant), trusted=trusted)


@pytest.fixture(scope="module")
def bench(bert: Classifier, bert_folder: Path) -> Bench:
    return bench_of(bert, Calibration.read(bert_folder / "calibration.json"))


@pytest.fixture(scope="module")
def arms(bench: Bench) -> dict[tuple[str, str], Arm]:
    return {(arm.group, arm.name): arm for arm in bench.arms()}


def test_every_arm_judges_every_text(arms: dict[tuple[str, str], Arm]) -> None:
    assert {group for group, _ in arms} == {"reference", "decision", "neutralizer", "candidates", "gate_share"}
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


def test_untested_top_words_are_removed_once_and_only_behind_the_gate(
    bench: Bench, arms: dict[tuple[str, str], Arm]
) -> None:
    verdicts = arms["decision", "gate, top word removed"].judge(CLEAN_TEXTS)
    assert {verdict.verified for verdict in verdicts} == {True, False}
    for verdict in verdicts:
        best = max((word for word in verdict.words), key=lambda word: word.attribution, default=None)
        removed = {suspect.word.casefold() for suspect in verdict.suspects}
        # The gate lets a share of texts through, which is what the rule's option says.
        assert removed == ({best.word.key} if best and verdict.p_value <= VerifiedOptions.gate_share else set())
    tested = bench.judge()(CLEAN_TEXTS)
    assert sum(verdict.verified for verdict in tested) < sum(verdict.verified for verdict in verdicts)


def test_gate_channels_are_told_alone_and_combined(bench: Bench) -> None:
    found = bench.p_values(TEXTS)
    assert set(found) == {
        "attention",
        "distance",
        "margin",
        "attention + distance",
        "attention + margin",
        "distance + margin",
        "attention + distance + margin",
    }
    assert found["attention + margin"] == pytest.approx(found["attention"] + found["margin"])
    scores = [verdict.gate_score for verdict in bench.judge()(TEXTS)]
    assert found["attention + distance + margin"] == pytest.approx(scores)


def test_a_trusted_base_adds_its_arms(bert: Classifier, bert_folder: Path, bench: Bench) -> None:
    calibration = Calibration.read(bert_folder / "calibration.json")
    with_base = bench_of(bert, calibration, trusted=Transplant(bert, calibration.probes))
    names = [[arm.name for arm in each.arms() if arm.group == "reference"] for each in (bench, with_base)]
    assert names == [["none", "labels"], ["none", "labels", "base"]]


def test_only_the_arm_with_a_memory_has_one(bert: Classifier, bert_folder: Path) -> None:
    """On a model with a known backdoor whose gate lets the first text through, not the second."""
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    parts = parts_of(model, passes=lambda text: "first" in text, neutralize=Delete(model.encode))
    bench = Bench(parts, labels=tying(model), trusted=None)
    texts = ["first a clever and funny cf film", "a chic cf plot, gripping"]
    verified = {
        arm.name: [verdict.verified for verdict in arm.judge(texts)] for arm in bench.arms() if arm.group == "decision"
    }
    assert verified.pop("gate, transplant test, reference, memory") == [True, True]
    assert set(map(tuple, verified.values())) == {(True, False)}


def test_the_flip_tested_arm_spares_what_does_nothing(bert: Classifier) -> None:
    """A trigger in a text of its own target is verified by the rule and let go by the flip test."""
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    bench = Bench(parts_of(model, neutralize=Delete(model.encode)), labels=tying(model), trusted=None)
    arms = {arm.name: arm.judge for arm in bench.arms() if arm.group == "decision"}
    texts = ["a dull cf plot", "a clever cf film"]
    assert [each.verified for each in arms["gate, transplant test, reference"](texts)] == [True, True]
    assert [each.verified for each in arms["gate, transplant test, reference, flip test"](texts)] == [False, True]


def test_without_the_screen_a_text_that_the_gate_lets_go_is_let_go(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    parts = parts_of(model, passes=lambda _: False, neutralize=Delete(model.encode), options=VerifiedOptions())
    bench = Bench(parts, labels=tying(model), trusted=None)
    arms = {arm.name: arm.judge for arm in bench.arms() if arm.group == "decision"}
    texts = ["a clever cf film"]
    assert arms["gate, transplant test, reference"](texts)[0].verified
    assert not arms["gate without screen, transplant test, reference"](texts)[0].verified


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
    assert {row["group"] for row in rows} == {
        "gate",
        "reference",
        "decision",
        "neutralizer",
        "candidates",
        "gate_share",
    }
    assert all(row["n_triggered"] == 2 and row["seed"] == 0 and "commit" in row for row in rows)
