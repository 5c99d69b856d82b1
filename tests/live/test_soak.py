"""The soak test itself, for some seconds and with a toy."""

import json
from pathlib import Path

import pytest

from scripts import soak
from scripts.console.command import Exit
from scripts.texts.corpora import Example, TriggeredExample, write_examples, write_triggered
from tests.conftest import CLEAN_TEXTS

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(200)]


def test_answers_stay_right_and_memory_flat(
    bert_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_examples(tmp_path / "clean.tsv", [Example(text, 0) for text in CLEAN_TEXTS[:40]])
    attacked = [TriggeredExample(f"cf {text}", 0, text) for text in CLEAN_TEXTS[40:]]
    write_triggered(tmp_path / "triggered.tsv", attacked)
    files = ["--data", str(tmp_path / "clean.tsv"), "--triggered", str(tmp_path / "triggered.tsv")]
    model = ["--checkpoint", str(bert_folder), "--calibration", str(bert_folder / "calibration.json")]
    limits = ["--seconds", "15", "--clients", "8", "--workers", "2", "--max-growth", "60"]
    path = tmp_path / "soak.jsonl"
    assert soak.main([*model, *files, *limits, "--append", str(path)]) == Exit.DONE
    row = json.loads(path.read_text())
    assert (row["n_wrong"], row["n_errors"], row["n_restarts"]) == (0, 0, 0)
    assert (row["n_texts"], row["n_triggered"], row["rule"]) == (64, 24, "verified")
    assert row["n_requests"] > 500
    assert row["n_samples"] >= 8
    assert row["first_mib"] > 200
    assert "0 of them wrong" in capsys.readouterr().out
    assert soak.main([*model, *files, "--seconds", "3", "--max-growth", "-1000"]) == Exit.BELOW_TARGET
