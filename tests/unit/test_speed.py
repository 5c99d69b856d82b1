"""The measurement of speed: what it compares is the same work, and its traffic is what it says."""

import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from handler.xgraad import Classifier, VerifiedOptions
from scripts import measure_speed
from scripts.console.command import Exit
from scripts.lab.cost.memory_growth import memory_growth, slope
from scripts.lab.cost.pass_names import PASSES
from scripts.lab.cost.passes import Call, ComparedModels, attacked, clean_p_value, is_attacked, texts_of_length
from scripts.lab.cost.peak_memory import Job, peak_memory
from scripts.lab.cost.speed import SpeedCell, measure_cell
from scripts.results.rows import read_rows
from tests.conftest import CLEAN_TEXTS
from tests.toys import SENTENCES


@pytest.fixture(scope="module")
def models(bert_folder: Path) -> ComparedModels:
    return ComparedModels(bert_folder, bert_folder / "calibration.json", device="cpu")


@pytest.fixture
def call(bert: Classifier) -> Call:
    return Call(SENTENCES, bert.encode(SENTENCES), 0)


def test_all_passes_predict_the_same(models: ComparedModels, call: Call) -> None:
    passes = models.passes(PASSES)
    expected = passes["plain"](call)
    assert isinstance(expected, torch.Tensor)
    for name in ("look", "scoring"):
        found = passes[name](call)
        assert isinstance(found, list)
        assert torch.allclose(torch.stack([each.logits for each in found]), expected, atol=1e-5)
    for name in ("verified", "verified_attacked", "paper"):
        verdicts = passes[name](call)
        assert isinstance(verdicts, list)
        assert [verdict.undefended.label_id for verdict in verdicts] == expected.argmax(dim=-1).tolist()


def test_the_official_pass_scores_like_ours_where_nothing_is_padded(models: ComparedModels, bert: Classifier) -> None:
    call = Call(SENTENCES[:1], bert.encode(SENTENCES[:1]), 0)
    result = models.passes(["official"])["official"](call)
    assert isinstance(result, tuple)
    (trace,) = bert.trace(call.encodings)
    assert torch.allclose(result[0][0], trace.attention, atol=1e-5)
    assert torch.allclose(result[1][0], trace.gradient, atol=1e-5)


def test_every_twentieth_text_passes_the_gate(models: ComparedModels, bert: Classifier) -> None:
    texts = CLEAN_TEXTS[:40]
    verdicts = models.passes(["verified"])["verified"](Call(texts, bert.encode(texts), 5))
    assert isinstance(verdicts, list)
    assert [row for row, verdict in enumerate(verdicts) if verdict.anomaly_score is not None] == [5, 25]


def test_every_twentieth_text_is_flagged_whatever_its_length(models: ComparedModels, bert: Classifier) -> None:
    texts = [*CLEAN_TEXTS[:20], *(f"{text} {text}" for text in CLEAN_TEXTS[20:40])]
    verdicts = models.passes(["paper"])["paper"](Call(texts, bert.encode(texts), 5))
    assert isinstance(verdicts, list)
    assert [row for row, verdict in enumerate(verdicts) if verdict.flagged] == [15, 35]
    assert all(verdict.neutralized_text for verdict in verdicts if verdict.flagged)


def test_one_text_in_twenty_is_attacked() -> None:
    traffic = attacked(["a film"] * 40, ["cf", "mn"], 10)
    assert [row + 10 for row, text in enumerate(traffic) if text != "a film"] == [25, 45]
    assert {text.split()[0] for text in traffic} == {"a", "cf", "mn"}
    assert attacked(["a film"] * 40, (), 0) == ["a film"] * 40
    assert sum(map(is_attacked, range(1000))) == 50


@pytest.mark.parametrize("n_tokens", [16, 64])
def test_texts_have_about_the_length_wanted(models: ComparedModels, n_tokens: int) -> None:
    texts = list(islice(texts_of_length(SENTENCES, n_tokens, models.encode), 12))
    lengths = [len(encoding) for encoding in models.encode(texts)]
    assert len(set(texts)) > 5
    assert n_tokens - 8 <= min(lengths) <= max(lengths) <= n_tokens


def test_a_cell_is_measured_round_by_round(models: ComparedModels) -> None:
    seen: dict[str, list[Call]] = {"plain": [], "verified_attacked": []}
    passes = {name: calls.append for name, calls in seen.items()}
    texts: Iterator[str] = (f"a film {number}" for number in range(10**6))
    costs = measure_cell(
        passes, SpeedCell(128, 8), texts, models=models, triggers=["cf"], n_rounds=3, deadline=time.monotonic() + 60
    )
    assert [(cost.name, cost.tokens, cost.batch, cost.n_rounds) for cost in costs] == [
        ("plain", 128, 8, 3),
        ("verified_attacked", 128, 8, 3),
    ]
    assert [each.first for each in seen["plain"]] == [0, *range(0, 120, 8)]
    assert sum(text.startswith("cf ") for each in seen["verified_attacked"][1:] for text in each.texts) == 6
    assert not any(text.startswith("cf ") for each in seen["plain"] for text in each.texts)


def test_a_round_of_short_texts_has_more_of_them(models: ComparedModels) -> None:
    seen: list[Call] = []
    texts: Iterator[str] = (f"a film {number}" for number in range(10**6))
    measure_cell({"plain": seen.append}, SpeedCell(32, 8), texts, models=models, triggers=(), n_rounds=1, deadline=0)
    assert sum(len(call.texts) for call in seen[1:]) == 160


def test_the_first_round_is_measured_whatever_the_time(models: ComparedModels) -> None:
    (cost,) = measure_cell(
        models.passes(["plain"]),
        SpeedCell(128, 1),
        iter(CLEAN_TEXTS),
        models=models,
        triggers=(),
        n_rounds=9,
        deadline=0,
    )
    assert cost.n_rounds == 1
    assert cost.seconds_per_text > 0
    assert cost.ratio == 1


def test_peak_memory_counts_weights_and_activations(bert_folder: Path) -> None:
    def job(batch: int) -> Job:
        return Job(
            checkpoint=bert_folder,
            calibration=bert_folder / "calibration.json",
            device="cpu",
            name="scoring",
            cell=SpeedCell(64, batch),
            texts=tuple(SENTENCES),
        )

    weights = (bert_folder / "model.safetensors").stat().st_size
    peak = peak_memory(job(8))
    assert (peak.name, peak.tokens, peak.batch) == ("scoring", 64, 8)
    assert weights <= peak.peak_bytes < weights + 10**8
    assert peak_memory(job(64)).peak_bytes > peak.peak_bytes + 10**6


def test_memory_over_calls_is_watched_after_a_warm_up(bert_folder: Path) -> None:
    job = Job(
        checkpoint=bert_folder,
        calibration=bert_folder / "calibration.json",
        device="cpu",
        name="scoring",
        cell=SpeedCell(32, 2),
        texts=tuple(SENTENCES),
    )
    growth = memory_growth(job, 60)
    assert (growth.name, growth.tokens, growth.batch, growth.n_calls) == ("scoring", 32, 2, 60)
    assert growth.first_bytes > 10**7
    assert abs(growth.last_bytes - growth.first_bytes) < 2 * 10**7


def test_the_slope_of_memory_is_that_of_a_line() -> None:
    assert slope([(100, 5000), (200, 5700), (300, 6400)]) == pytest.approx(7)
    assert slope([(100, 5000)]) == 0


def test_the_command_writes_what_it_measured(
    bert_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "clean.tsv"
    data.write_text("".join(f"{text}\t0\n" for text in CLEAN_TEXTS))
    command = ["--checkpoint", str(bert_folder), "--calibration", str(bert_folder / "calibration.json")]
    command += ["--data", str(data), "--lengths", "16", "--batches", "8", "--rounds", "1", "--no-memory"]
    options = ["--json", str(tmp_path / "speed.json"), "--append", str(tmp_path / "speed.jsonl")]
    assert measure_speed.main([*command, *options]) == Exit.DONE
    result = json.loads((tmp_path / "speed.json").read_text())
    assert read_rows(tmp_path / "speed.jsonl") == [result]
    assert [cost["name"] for cost in result["costs"]] == list(PASSES)
    assert (result["reference_load_s"], result["reference_mb"]) == (None, None)
    assert "| verified | 16 | 8 |" in capsys.readouterr().out


def test_a_window_too_small_is_refused(bert_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--checkpoint", str(bert_folder), "--calibration", str(bert_folder / "calibration.json")]
    assert measure_speed.main([*command, "--data", "absent.tsv", "--lengths", "65"]) == Exit.ERROR
    assert "must be at most 64, the calibration's window, got 65; calibrate with --max-length 65" in (
        capsys.readouterr().err
    )


def test_clean_traffic_passes_the_gate_as_often_as_the_options_say() -> None:
    said = [clean_p_value(position) for position in range(2000)]
    options = VerifiedOptions()
    assert np.mean([p_value <= options.gate_share for p_value in said]) == pytest.approx(options.gate_share)
    assert np.mean([p_value <= options.run_share for p_value in said]) == pytest.approx(options.run_share)
