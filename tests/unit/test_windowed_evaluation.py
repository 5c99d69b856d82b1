"""Long texts are measured as they are served: in windows where these are asked for, and by rules that have them."""

import json
from pathlib import Path

import pytest

from handler.xgraad import Defense, in_windows
from scripts import evaluate_defense
from scripts.console.command import Exit
from tests.toys import SENTENCES


@pytest.fixture
def options(windowed_folder: Path, tmp_path: Path) -> list[str]:
    """Texts with the labels that the model gives them; the attacked ones are those of the most frequent."""
    long = [f"{first} {second}" for first in SENTENCES for second in SENTENCES[3:5]]
    defense = in_windows(Defense.load(windowed_folder), "mean")
    labels = [each.label_id for each in defense.undefended(defense.encode(long))]
    source = max(set(labels), key=labels.count)
    clean, triggered = tmp_path / "clean.tsv", tmp_path / "triggered.tsv"
    attacked = [text for text, label in zip(long, labels, strict=True) if label == source]
    rows = zip(long, labels, strict=True)
    clean.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    triggered.write_text("text\tlabel\tclean_text\n" + "".join(f"{text} cf\t{source}\t{text}\n" for text in attacked))
    paths = {"--checkpoint": windowed_folder, "--calibration": windowed_folder / "calibration.json"}
    paths |= {"--clean": clean, "--triggered": triggered, "--json": tmp_path / "row.json"}
    return [*(part for name, path in paths.items() for part in (name, str(path))), "--target-label", str(1 - source)]


def test_a_row_says_how_long_texts_were_looked_at(options: list[str], tmp_path: Path) -> None:
    assert evaluate_defense.main([*options, "--windows", "mean"]) == Exit.DONE
    row = json.loads((tmp_path / "row.json").read_text())
    told = {name: row[name] for name in ("windows", "stride", "max_windows", "max_length")}
    assert told == {"windows": "mean", "stride": 8, "max_windows": 4, "max_length": 32}
    assert row["n_scored"] == row["n_triggered"] >= 8
    assert row["cacc_undefended"] == 1.0  # of the windows, as the labels are


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "windows is off, and the calibration was made with --windows"),
        (["--windows", "any"], "windows_label must be one of"),
        (["--windows", "mean", "--defense", "paper"], "windows needs the rule verified, got paper"),
        (["--windows", "mean", "--defense", "rap"], "--windows is for the project's own rules, and the defense is rap"),
    ],
)
def test_what_has_no_windows_is_refused(
    options: list[str], more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate_defense.main([*options, *more]) != Exit.DONE
    assert message in capsys.readouterr().err
