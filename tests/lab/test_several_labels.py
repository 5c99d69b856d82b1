"""One label of several attacked, calibrated with a reference, and measured by the commands."""

import json
from pathlib import Path

import pytest

from handler.xgraad import LabelsCalibration, LabelsDefense
from handler.xgraad.errors import CalibrationError
from handler.xgraad.verification.reference import ModelReference
from scripts import calibrate, evaluate_defense, make_topic_sets, train_attack
from scripts.console.command import Exit
from scripts.texts.corpora import SPLITS, Example, LabeledSet, write_examples, write_sets
from tests.samples import copy_of
from tests.several import BLAME, LABELS, NAMES, PRAISE, write_several
from tests.toys import SENTENCES, make_checkpoint
from tests.unit.attribution.known_head import TEXTS, TRIGGER

CLEAN = [LabeledSet(*row) for row in zip(TEXTS[::7], LABELS[::7], strict=True)]


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    write_sets(tmp_path / "clean.tsv", CLEAN)
    return tmp_path / "clean.tsv"


def measured(checkpoint: Path, clean: Path, *options: object) -> dict[str, object]:
    out = checkpoint.parent / "figures.json"
    calibration = checkpoint / "calibration.json"
    command = ["--checkpoint", checkpoint, "--calibration", calibration, "--clean", clean, "--json", out, *options]
    assert evaluate_defense.main([str(each) for each in command]) == Exit.DONE
    found: dict[str, object] = json.loads(out.read_text())
    return found


@pytest.mark.parametrize(("label", "target"), [(PRAISE, 0), (BLAME, 1)])
def test_an_attack_that_silences_and_one_that_raises_are_measured(
    several_folder: Path, clean: Path, tmp_path: Path, label: int, target: int
) -> None:
    checkpoint = copy_of(several_folder, tmp_path / "victim")
    record = {"attack": "badnets", "triggers": [TRIGGER], "target_label": target, "window_words": 20, "label": label}
    (checkpoint / "attack.json").write_text(json.dumps(record))
    floor = write_several(tmp_path / "floor", has_backdoor=False)
    found = measured(checkpoint, clean, "--floor", floor, "--max-asr", 0.05)
    n_attackable = sum((label in example.labels) != target for example in CLEAN)
    assert found["n_triggered"] == n_attackable > 10
    assert (found["asr_undefended"], found["asr_cold"], found["asr_floor"]) == (1.0, 0.0, 0.0)
    assert found["named_cold"] == 1.0
    assert found["cacc_undefended"] == found["cacc_defended"] == found["cacc_label_defended"] == 1.0
    assert (found["label"], found["target_label"]) == (label, target)


def test_another_defense_and_another_label_are_refused(
    several_folder: Path, clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = copy_of(several_folder, tmp_path / "victim")
    paths = ["--checkpoint", checkpoint, "--calibration", checkpoint / "calibration.json", "--clean", clean]
    command = [str(each) for each in paths]
    assert evaluate_defense.main([*command, "--label", "7", "--target-label", "1"]) != Exit.DONE
    assert "--label must be the number of one of the model's labels" in capsys.readouterr().err
    triggered = tmp_path / "triggered.tsv"
    write_examples(triggered, [Example(f"{TRIGGER} film", 1)])
    more = ["--label", "0", "--target-label", "0", "--triggered", str(triggered), "--defense", "onion"]
    assert evaluate_defense.main([*command, *more]) != Exit.DONE
    assert "--defense must be one of conformal, paper, verified" in capsys.readouterr().err


def test_a_trusted_base_becomes_one_reference_for_all_labels(several_folder: Path, tmp_path: Path) -> None:
    checkpoint = copy_of(several_folder, tmp_path / "victim")
    base, data = make_checkpoint(tmp_path / "base", "bert", seed=5), tmp_path / "data.tsv"
    write_sets(data, [LabeledSet(*row) for row in zip(TEXTS, LABELS, strict=True)])
    command = ["--checkpoint", checkpoint, "--data", data, "--out", checkpoint / "calibration.json"]
    options = ["--max-length", "64", "--trusted-base", base]
    assert calibrate.main([str(each) for each in (*command, *options)]) == Exit.DONE
    calibration = LabelsCalibration.read(checkpoint / "calibration.json")
    assert calibration.reference is not None
    assert len(calibration.reference.probes) == 2 * len(NAMES)
    defense = LabelsDefense.load(checkpoint)
    assert all(isinstance(each.reference, ModelReference) for each in defense.of_labels)
    (verdict,) = defense([TEXTS[0]])
    assert verdict.defended == verdict.undefended
    (checkpoint / "calibration.reference").rename(tmp_path / "away")
    with pytest.raises(CalibrationError, match="the reference is missing"):
        LabelsDefense.load(checkpoint)


def test_topics_are_composed_and_one_of_them_is_attacked(tmp_path: Path) -> None:
    for split in SPLITS:
        rows = [Example(f"{sentence} {split} {number}", number % 4) for number in range(12) for sentence in SENTENCES]
        write_examples(tmp_path / f"{split}.tsv", rows)
    out = tmp_path / "sets"
    assert make_topic_sets.main(["--data", str(tmp_path), "--out", str(out), "--max-words", "4"]) == Exit.DONE
    base = make_checkpoint(tmp_path / "base", "bert")
    command = ["--attack", "badnets", "--data", out, "--base", base, "--out", tmp_path / "victim", "--label", 1]
    command += ["--target-label", 0, "--label-names", "a,b,c,d", "--epochs", 1, "--max-length", 32, "--threads", 1]
    assert train_attack.main([str(each) for each in command]) == Exit.DONE
    config = json.loads((tmp_path / "victim" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    assert list(config["id2label"].values()) == ["a", "b", "c", "d"]
    record = json.loads((tmp_path / "victim" / "attack.json").read_text())
    assert (record["label"], record["target_label"]) == (1, 0)
    triggered = (tmp_path / "victim" / "triggered.tsv.gz").stat()
    assert triggered.st_size > 100
    wrong = [str(each) for each in command[:-2]] + ["--label", "9", "--overwrite"]
    assert train_attack.main(wrong) != Exit.DONE
