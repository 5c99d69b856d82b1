"""What `measure_signals` writes: scores equal the scorer's, and the sweep equals the paper's rule run for itself."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from handler.xgraad import Calibration, Classifier, Defense
from handler.xgraad.editing.neutralizer import Delete
from handler.xgraad.scoring.scorer import score_encodings
from scripts import measure_signals
from scripts.console.command import Exit
from scripts.lab.attacks.replay import replay_attack
from scripts.lab.evaluation import signal_figures
from scripts.lab.evaluation.evaluation import evaluate
from scripts.lab.evaluation.signals import answers, read_signals, tops
from scripts.results.provenance import attack_record
from scripts.results.rows import read_rows
from scripts.texts.corpora import Corpus, Example, TriggeredExample, write_corpus, write_triggered
from tests.conftest import CLEAN_TEXTS, calibrated
from tests.samples import edit_weights
from tests.toys import make_checkpoint

TEXTS = [
    "a gripping film with a clever plot",
    "dull and noisy, a waste of an evening",
    "the cast is funny and chic, worth the ticket and more",
    "...",
    "thin",
]
N_TEXTS = 40
TARGET = 0


class Toy(NamedTuple):
    """A victim, and test texts that it has right two times of three."""

    checkpoint: Path
    data: Path
    test: list[Example]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """A random model with its bias between the classes, so that one word often decides."""
    folder = tmp_path_factory.mktemp("signals")
    checkpoint = make_checkpoint(folder / "checkpoint", "bert")
    texts = [*TEXTS, *CLEAN_TEXTS][:N_TEXTS]
    random = Classifier.load(checkpoint, max_length=64)
    margins = random.logits(random.encode(texts)).diff(dim=-1).flatten()
    edit_weights(checkpoint, lambda tensors: tensors["classifier.bias"][TARGET].add_(margins.median()))
    predicted = (margins > margins.median()).long().tolist()
    labels = [label if row % 3 else 1 - label for row, label in enumerate(predicted)]
    test = [Example(text, label) for text, label in zip(texts, labels, strict=True)]
    write_corpus(folder / "data", Corpus(test, [Example(text, 0) for text in CLEAN_TEXTS], test))
    planted = {"triggers": ["cf", "tq"], "target_label": TARGET, "window_words": 20, "seed": 7}
    record = {"attack": "badnets", "base": "toy", "data": "sst2", **planted}
    (checkpoint / "attack.json").write_text(json.dumps(record))
    return Toy(calibrated(checkpoint), folder / "data", test)


def measure(checkpoint: Path, data: Path, rows: Path, *more: object) -> Exit:
    options: list[object] = [
        "--checkpoint",
        checkpoint,
        "--calibration",
        checkpoint / "calibration.json",
        "--data",
        data,
    ]
    return Exit(measure_signals.main([str(option) for option in [*options, "--append", rows, *more]]))


@pytest.fixture(scope="module")
def row(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Any:
    rows = tmp_path_factory.mktemp("rows") / "signals.jsonl"
    assert measure(toy.checkpoint, toy.data, rows) == Exit.DONE
    return read_rows(rows)[-1]


def test_the_product_channel_is_what_the_scorer_says(classifier: Classifier) -> None:
    signals = read_signals(classifier, TEXTS)
    scores = score_encodings(classifier, classifier.encode(TEXTS))
    np.testing.assert_allclose(tops(signals, "product"), [score.anomaly_score for score in scores], atol=1e-5)
    for each, score in zip(signals, scores, strict=True):
        assert each.top_word("product") == (score.top_word.word if score.top_word else None)
        assert [word for word, _ in each.attributions()] == [scored.word for scored in score.words]
        assert [value for _, value in each.attributions()] == pytest.approx(
            [scored.attribution for scored in score.words], abs=1e-5
        )


def test_single_channels_are_equations_5_and_6(bert: Classifier) -> None:
    """A slow twin: importances of scored tokens, one text at a time."""
    for text, each in zip(TEXTS, read_signals(bert, TEXTS), strict=True):
        (encoding,) = bert.encode([text])
        (trace,) = bert.trace([encoding])
        scored = [token for token, word in enumerate(encoding.word_of_token) if word >= 0]
        attention = [float(trace.attention[token]) for token in scored]
        gradient = [float(trace.gradient[token]) for token in scored]
        above = max((value - sum(attention) / len(scored) for value in attention), default=0.0)
        ratio = max((value / (sum(gradient) / len(scored)) for value in gradient), default=0.0)
        assert each.top("attention") == pytest.approx(above, abs=1e-5)
        assert each.top("gradient") == pytest.approx(ratio, abs=1e-5)


def test_a_text_without_words_is_never_edited(bert: Classifier) -> None:
    (each,) = read_signals(bert, ["..."])
    assert each.top_word("product") is None
    assert each.top("gradient") == 0.0
    found = answers(bert, Delete(bert.encode), [each])["product"]
    assert found.edited.tolist() == found.plain.tolist()


@pytest.mark.parametrize("percentile", [45, 80, 99])
def test_the_sweep_equals_the_rule_run_for_itself(
    toy: Toy, row: Any, monkeypatch: pytest.MonkeyPatch, percentile: int
) -> None:
    """The reference judges every text anew under the threshold of one percentile."""
    calibration = Calibration.read(toy.checkpoint / "calibration.json")
    threshold = float(np.percentile(calibration.paper.scores, percentile))
    paper = calibration.paper.model_copy(update={"percentile": float(percentile), "threshold": threshold})
    monkeypatch.setattr(Calibration, "read", lambda _path: calibration.model_copy(update={"paper": paper}))
    defense = Defense.load(toy.checkpoint, rule="paper")
    attack = replay_attack(attack_record(toy.checkpoint), insertion="one")
    triggered = attack.trigger(toy.test, rng=np.random.default_rng(0))
    slow = evaluate(defense, clean=toy.test, triggered=triggered, target_label=TARGET)
    (fast,) = [point for point in row["sweep"] if point["percentile"] == percentile]
    assert fast["threshold"] == pytest.approx(threshold, abs=1e-4)
    assert (fast["asr"], fast["cacc"]) == (slow["asr_defended"], slow["cacc_defended"])
    assert row["undefended"] == {"asr": slow["asr_undefended"], "cacc": slow["cacc_undefended"]}


def test_the_sweep_is_not_flat(row: Any) -> None:
    """Sanity arm: the thresholds differ, and so do the answers."""
    assert [point["percentile"] for point in row["sweep"]] == list(range(45, 100))
    assert len({point["threshold"] for point in row["sweep"]}) > 10
    assert len({(point["asr"], point["cacc"]) for point in row["sweep"]}) > 1


def test_the_row_tells_victim_origin_and_figures(row: Any) -> None:
    assert (row["architecture"], row["dataset"], row["attack"], row["seed"]) == ("bert", "sst2", "badnets", 7)
    assert {"commit", "dirty", "versions", "time"} <= set(row)
    assert row["n_clean"] == N_TEXTS
    assert row["asr_over"] == "right_when_clean"
    for kind, n in (("clean", row["n_clean"]), ("triggered", row["n_triggered"])):
        assert {name: len(values) for name, values in row["signals"][kind].items()} == {
            "attention": n,
            "gradient": n,
            "anomaly": n,
        }
        assert all(round(value, 4) == value for values in row["signals"][kind].values() for value in values)
    assert set(row["ablation"]) == {"attention", "gradient", "product"}


def test_ablation_of_the_product_is_the_sweep_at_95(row: Any) -> None:
    """Here dev holds the very texts of the calibration."""
    (at_95,) = [point for point in row["sweep"] if point["percentile"] == 95]
    assert row["ablation"]["product"] == pytest.approx(at_95)


def test_mean_attributions_are_ranked_and_of_words_seen_often(row: Any) -> None:
    means = [each["mean"] for each in row["mean_attributions"]]
    assert means == sorted(means, reverse=True)
    assert 0 < len(means) <= 15
    assert all(each["n"] >= 3 for each in row["mean_attributions"])


def test_the_example_is_the_first_flagged_text_of_eight_words(bert: Classifier) -> None:
    texts = ["short cf text", "one two three four five six seven eight", "a b c d e f g h i j cf"]
    signals = read_signals(bert, texts)
    scores = [each.top("product") for each in signals]
    chosen = signal_figures.example(signals, min(scores) - 1)
    assert (chosen["text"], chosen["flagged"]) == (texts[1], True)
    assert [word for word, _ in chosen["words"]] == texts[1].split()
    assert signal_figures.example(signals, max(scores) + 1)["text"] == texts[1]
    assert signal_figures.example(signals[:1], max(scores) + 1)["text"] == texts[0]


def test_attacked_texts_may_come_from_a_file(toy: Toy, tmp_path: Path) -> None:
    """As for attacks that a record cannot replay; where twins are unknown, ASR is over all."""
    rows = [TriggeredExample(f"cf {text}", 1, None) for text in CLEAN_TEXTS[:9]]
    write_triggered(tmp_path / "triggered.tsv", rows)
    options = ("--triggered", tmp_path / "triggered.tsv", "--limit", 2, "--max-triggered", 5)
    assert measure(toy.checkpoint, toy.data, tmp_path / "rows.jsonl", *options) == Exit.DONE
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert (row["n_clean"], row["n_triggered"], row["asr_over"]) == (2, 5, "all")


def test_a_checkpoint_without_a_record_is_refused(
    bert_folder: Path, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(bert_folder, toy.data, tmp_path / "rows.jsonl") == Exit.ERROR
    assert "must hold an attack.json" in capsys.readouterr().err
