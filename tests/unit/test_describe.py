"""What is told of a served model, and what is kept where replies hold no scores."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from handler.describe import describe
from handler.settings import Detail, Settings
from handler.xgraad import Calibration, Defense
from handler.xgraad.learned.trusted_model import TrustedModel
from handler.xgraad.verification.label_evidence import LabelEvidence

LABELS = LabelEvidence.of([{"dull"}, {"funny"}], [0, 1], n_labels=2)


@pytest.fixture
def defense(load_bert: Callable[..., Defense]) -> Defense:
    return load_bert()


def with_calibration(defense: Defense, **changed: object) -> Defense:
    defense.calibration = defense.calibration.model_copy(update=changed)
    return defense


@pytest.mark.parametrize(("labels", "told"), [(LABELS, True), (LabelEvidence.none(), False)])
def test_whether_people_labelled_the_clean_texts(defense: Defense, labels: LabelEvidence, *, told: bool) -> None:
    described = describe(with_calibration(defense, labels=labels), Settings())
    assert described["defense"]["reference"] == {"labels": told, "trusted_model": None}


def test_a_trusted_model_is_named_without_its_probes(defense: Defense) -> None:
    calibration = defense.calibration
    trusted = TrustedModel(
        base="toy",
        seed=3,
        n_texts=40,
        accuracy=0.9,
        fingerprint=calibration.fingerprint,
        probes=calibration.probes,
    )
    described = describe(with_calibration(defense, reference=trusted), Settings())
    assert described["defense"]["reference"]["trusted_model"] == {
        "base": "toy",
        "seed": 3,
        "n_texts": 40,
        "accuracy": 0.9,
    }


@pytest.mark.parametrize("origin", [None, f"someone/model@{'a' * 40}"])
def test_where_the_checkpoint_came_from(defense: Defense, origin: str | None) -> None:
    assert describe(with_calibration(defense, origin=origin), Settings())["origin"] == origin


@pytest.mark.parametrize("untested", [(), (0, 1)])
@pytest.mark.parametrize("detail", get_args(Detail))
def test_labels_that_are_not_tested_are_named(defense: Defense, untested: tuple[int, ...], detail: Detail) -> None:
    described = describe(with_calibration(defense, untested=untested), Settings(detail=detail))
    assert described["defense"]["untested"] == [f"LABEL_{label}" for label in untested]


@pytest.mark.parametrize("rule", ["paper", "conformal"])
def test_rules_without_tests_name_no_label(load_bert: Callable[..., Defense], rule: str) -> None:
    defense = with_calibration(load_bert(rule=rule), untested=(0, 1))
    assert describe(defense, Settings(rule=rule))["defense"]["untested"] is None


@pytest.mark.parametrize("screen", [True, False])
def test_thresholds_are_those_that_decide(defense: Defense, bert_folder: Path, *, screen: bool) -> None:
    fitted = Calibration.read(bert_folder / "calibration.json")
    thresholds = describe(defense, Settings(screen=screen, gate_share=0.1))["defense"]["thresholds"]
    assert thresholds["verified"] == {
        "gate_share": 0.1,
        "screen": screen,
        "single": fitted.verification.single,
        "together": fitted.verification.together,
    }
    assert thresholds["paper"]["threshold"] == fitted.paper.threshold


@pytest.mark.parametrize("detail", ["verdict", "label"])
def test_without_scores_in_replies_there_are_no_thresholds(defense: Defense, detail: Detail) -> None:
    assert "thresholds" in describe(defense, Settings())["defense"]
    assert not {"thresholds", "max_fpr"} & set(describe(defense, Settings(detail=detail))["defense"])
