"""The record of an attribution: all four parts, ready for JSON."""

import json

import pytest
from pydantic import ValidationError

from handler.xgraad import Classifier
from handler.xgraad.verification.probes import Place
from scripts.admission.attribution.attribution import attribute
from scripts.admission.attribution.heads import LayerHead, Positions
from scripts.admission.attribution.pairs import Backdoor
from scripts.admission.attribution.record import Ablation, Attribution, VectorEffect
from scripts.console.errors import LabError
from tests.unit.attribution.known_head import FINDS, LABELS, TARGET, TEXTS, TRIGGER

BACKDOOR = Backdoor([[TRIGGER]], TARGET)


def test_a_backdoor_is_attributed(known: Classifier) -> None:
    found = attribute(known, BACKDOOR, TEXTS, LABELS)
    assert (found.triggers, found.target_label_id, found.target_label) == (((TRIGGER,),), TARGET, "LABEL_0")
    assert (found.place, found.positions, found.has_labels) == (Place.INSIDE, Positions.FIRST, True)
    assert (found.n_pairs, found.n_clean) == (64, len(TEXTS))
    assert found.effects[FINDS.layer][FINDS.head] == max(map(max, found.effects)) > 0.9
    assert found.ablation == Ablation(
        heads=(FINDS,),
        share_of_heads=1 / 8,
        suffices=True,
        asr_before=1.0,
        asr_after=0.0,
        accuracy_before=1.0,
        accuracy_after=1.0,
    )
    assert len(found.probe) == 2
    assert found.probe[-1] > 0.95
    assert found.vector == VectorEffect(layer=FINDS.layer, up_before=0.0, up=1.0, down_before=1.0, down=0.0)
    assert found.sentence() == (
        "without 1 of 8 heads (1.2) 0.0% of triggered texts get LABEL_0, 100.0% with them; "
        "accuracy on clean texts is 100.0%, 100.0% with them"
    )


def test_without_a_backdoor_there_is_nothing_to_ablate_and_nothing_moves(harmless: Classifier) -> None:
    found = attribute(harmless, BACKDOOR, TEXTS)
    assert max(map(max, found.effects)) < 0.01
    assert (found.ablation.heads, found.ablation.suffices, found.ablation.asr_before) == ((), True, 0.0)
    assert (found.vector.up, found.vector.down_before, found.has_labels) == (0.0, 0.0, False)
    assert found.sentence() == "no head has to go: 0.0% of triggered texts get LABEL_0"


def test_it_is_the_same_every_time_and_comes_back_from_json(known: Classifier) -> None:
    found = attribute(known, BACKDOOR._replace(place=Place.END), TEXTS, positions=Positions.EVERY)
    assert found == attribute(known, BACKDOOR._replace(place=Place.END), TEXTS, positions=Positions.EVERY)
    assert Attribution.model_validate_json(found.model_dump_json()) == found
    document = json.loads(found.model_dump_json())
    assert document["ablation"]["heads"] == [[*FINDS]]
    assert (document["place"], document["positions"]) == ("end", "every")
    assert "agreement on clean texts is 100.0%" in found.sentence()
    with pytest.raises(ValidationError):
        found.n_clean = 1  # type: ignore[misc]


def test_an_attack_that_no_few_heads_carry_is_said_to_be_one(known: Classifier) -> None:
    found = attribute(known, BACKDOOR, TEXTS, LABELS)
    nothing = found.ablation.model_copy(update={"heads": (), "suffices": False, "asr_after": 1.0})
    spread = found.model_copy(update={"ablation": nothing})
    assert spread.sentence() == "no few of 8 heads bring the attack down: 100.0% of triggered texts get LABEL_0"
    many = found.ablation.model_copy(update={"heads": tuple(LayerHead(0, head) for head in range(7))})
    assert "(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, ...)" in found.model_copy(update={"ablation": many}).sentence()


def test_too_few_texts_are_refused(known: Classifier) -> None:
    with pytest.raises(LabError, match="hold 5; add 11 of them"):
        attribute(known, BACKDOOR, TEXTS[:5], LABELS[:5])
