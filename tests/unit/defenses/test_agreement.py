"""Agreement: labels of the suspect count where a reference says the same."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.console.errors import LabError
from scripts.lab.defenses.repairs.agreement import Agreement
from scripts.lab.training import tuner
from scripts.texts.corpora import Example, write_examples
from tests.unit.defenses.planted_reviews import TARGET, Planted, planted, repaired


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted(tmp_path_factory.getbasetemp())


class Distillation(Agreement):
    """The same, but the suspect is believed whatever the reference says."""

    def base(self) -> tuple[Any, Any]:
        return self.suspect()


def test_the_backdoor_is_gone_although_further_texts_have_the_trigger(victim: Planted, tmp_path: Path) -> None:
    out = repaired(Agreement, victim.material(tmp_path), tmp_path / "out")
    accuracy, asr = victim.of(out)
    assert accuracy >= 0.95
    assert asr <= victim.of(victim.folder / "clean")[1] + 0.1


def test_where_the_reference_is_no_other_model_the_backdoor_stays(
    victim: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Distillation, "EPOCHS", 1)
    assert victim.of(repaired(Distillation, victim.material(tmp_path), tmp_path / "out"))[1] >= 0.9


def test_only_labels_agreed_on_are_learned(victim: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: four further texts, of which suspect and reference agree on the first and the last read."""
    write_examples(tmp_path / "more.tsv", [Example(f"text {number}", TARGET) for number in range(5)])
    answers = iter(([0, 1, 1, 1], [0, 0, 0, 1]))
    asked: list[Sequence[str]] = []

    def said(model: Any, tokenizer: Any, texts: Sequence[str], **_: Any) -> Any:
        asked.append(texts)
        return np.array(next(answers))

    learned: list[Sequence[Example]] = []
    monkeypatch.setattr(tuner, "predict_labels", said)
    monkeypatch.setattr(Agreement, "N_MORE", 4)
    monkeypatch.setattr(Agreement, "fit", lambda self, model, tokenizer, examples, **_: learned.append(examples))
    material = victim.material(tmp_path, more=tmp_path / "more.tsv")
    Agreement(material).write(tmp_path / "out")
    clean = material.clean_examples()
    assert asked == [[f"text {number}" for number in range(4)]] * 2
    assert learned == [clean, [*clean, Example("text 0", 0), Example("text 3", 1)]], "the base, then the base anew"


@pytest.mark.parametrize(("lacking", "option"), [("more", "--texts"), ("trusted_base", "--trusted-base")])
def test_what_it_needs_is_named(victim: Planted, tmp_path: Path, lacking: str, option: str) -> None:
    assert Agreement.NEEDS_BASE
    assert Agreement.NEEDS_MORE
    material = victim.material(tmp_path, **dict[str, Any]({lacking: None}))
    with pytest.raises(LabError, match=f"{option} must name"):
        Agreement(material).write(tmp_path / "out")
