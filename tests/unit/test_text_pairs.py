"""A model for pairs of texts is served on single ones, and not without a word."""

from pathlib import Path

import pytest
from transformers import AutoConfig

from handler.describe import describe
from handler.settings import Settings
from handler.xgraad import Defense
from handler.xgraad.files.text_pairs import pair_sign
from scripts import calibrate
from scripts.console.command import Exit
from tests.conftest import CLEAN_TEXTS, calibrated
from tests.samples import edit_json


def signs(folder: Path, *labels: str, **keys: object) -> str | None:
    names = {str(number): name for number, name in enumerate(labels)}
    edit_json(folder / "config.json", id2label=names, label2id={name: int(key) for key, name in names.items()}, **keys)
    config = AutoConfig.from_pretrained(folder)
    assert pair_sign(config, takes_pairs=True) is None
    return pair_sign(config, takes_pairs=False)


@pytest.mark.parametrize("labels", [("entailment", "not_entailment"), ("other", "Contradiction"), ("no", "PARAPHRASE")])
def test_labels_that_name_a_relation(damaged: Path, labels: tuple[str, ...]) -> None:
    assert "a relation of two texts" in str(signs(damaged, *labels))


def test_a_task_of_pairs(damaged: Path) -> None:
    assert "finetuning_task qqp" in str(signs(damaged, "no", "yes", finetuning_task="QQP"))


@pytest.mark.parametrize("task", ["sst-2", None, 5])
@pytest.mark.parametrize("labels", [("negative", "positive"), ("neutral", "angry"), ("not_toxic", "toxic")])
def test_what_says_nothing_of_pairs(damaged: Path, labels: tuple[str, ...], task: object) -> None:
    assert signs(damaged, *labels, finetuning_task=task) is None


def test_it_is_said_when_calibrated_and_described(damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = damaged.parent / "clean.txt"
    data.write_text("".join(f"{text}\n" for text in CLEAN_TEXTS), encoding="utf-8")
    command = ["--checkpoint", str(damaged), "--data", str(data), "--out", str(damaged / "calibration.json")]
    for labels, is_said in ((("entailment", "not_entailment"), True), (("bad", "good"), False)):
        signs(damaged, *labels)
        assert calibrate.main([*command, "--max-fpr", "0.1"]) == Exit.DONE
        assert ("note: config.json: a label is 'entailment'" in capsys.readouterr().err) == is_said
        described = describe(Defense.load(calibrated(damaged)), Settings())
        assert ("a relation of two texts" in str(described["text_pairs"])) == is_said
