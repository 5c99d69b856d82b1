"""Effects and ablation where one head is known to carry the trigger, and where none does."""

import pytest
import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.words.encoding import Encoding
from scripts.admission.attribution.ablation import LEFT, ablated, choose_heads, doublings, share_of
from scripts.admission.attribution.effects import indirect_effects, that_matter
from scripts.admission.attribution.heads import LayerHead, Positions
from scripts.admission.attribution.inside import look_inside
from scripts.admission.attribution.pairs import Backdoor, draw_clean, make_pairs
from tests.unit.attribution.known_head import FINDS, LABELS, TARGET, TEXTS, TRIGGER, WEIGHS

BACKDOOR = Backdoor([[TRIGGER]], TARGET)


def texts_of(classifier: Classifier) -> tuple[list[Encoding], list[Encoding]]:
    """As they are and with the trigger."""
    pairs = make_pairs(classifier, BACKDOOR, draw_clean(classifier, TEXTS, LABELS))[:24]
    return [pair.clean for pair in pairs], [pair.triggered for pair in pairs]


def effects_in(classifier: Classifier, positions: Positions = Positions.FIRST) -> Tensor:
    plain, triggered = texts_of(classifier)
    outputs = look_inside(classifier, triggered).at(positions)
    return indirect_effects(classifier, plain, outputs, target=TARGET, positions=positions)


def said_in_clean_texts(classifier: Classifier) -> Tensor:
    return look_inside(classifier, classifier.encode(TEXTS)).at(Positions.EVERY)


@pytest.mark.parametrize("positions", Positions)
def test_the_map_names_the_head_that_finds_the_trigger(known: Classifier, positions: Positions) -> None:
    effects = effects_in(known, positions)
    assert effects[FINDS] > 0.9
    effects[FINDS] = 0
    assert effects.abs().max() < 0.01


@pytest.mark.parametrize("positions", Positions)
def test_without_a_backdoor_no_head_has_an_effect(harmless: Classifier, positions: Positions) -> None:
    assert effects_in(harmless, positions).abs().max() < 0.01


def test_without_its_head_the_attack_fails_and_clean_answers_stay(known: Classifier) -> None:
    _, triggered = texts_of(known)
    outputs, clean = said_in_clean_texts(known), draw_clean(known, TEXTS, LABELS)
    found = choose_heads(known, triggered, that_matter(effects_in(known)), outputs, target=TARGET)
    assert found == ([FINDS], True)
    assert (share_of(known, triggered, TARGET), clean.accuracy(known)) == (1, 1)
    with ablated(known, found.heads, outputs):
        assert (share_of(known, triggered, TARGET), clean.accuracy(known)) == (0, 1)
    with ablated(known, [WEIGHS], outputs):
        assert share_of(known, triggered, TARGET) == 1, "another head is no cure"
        assert clean.accuracy(known) < 0.8


def test_where_nothing_attacks_no_head_goes(harmless: Classifier) -> None:
    _, triggered = texts_of(harmless)
    outputs = said_in_clean_texts(harmless)
    assert choose_heads(harmless, triggered, [FINDS], outputs, target=TARGET) == ([], True)


def test_heads_go_by_doubling_until_one_of_them_is_the_right_one(known: Classifier) -> None:
    _, triggered = texts_of(known)
    outputs = said_in_clean_texts(known)
    silent = [LayerHead(0, 0), LayerHead(0, 2), LayerHead(0, 3), LayerHead(1, 0)]

    def chosen(*order: LayerHead, left: float = LEFT) -> tuple[list[LayerHead], bool]:
        return choose_heads(known, triggered, order, outputs, target=TARGET, left=left)

    assert chosen(silent[0], FINDS, *silent[1:]) == ([silent[0], FINDS], True)
    assert chosen(*silent[:2], FINDS, *silent[2:]) == ([*silent[:2], FINDS, silent[2]], True)
    assert chosen(*silent) == ([], False), "what brings nothing down does not go"
    assert chosen() == ([], False)
    assert chosen(silent[0], FINDS, left=-1.0) == ([silent[0], FINDS], False), "what brings it down most does"
    assert [*doublings(6)] == [1, 2, 4, 6]
    assert [*doublings(4)] == [1, 2, 4]
    assert [*doublings(0)] == []


def test_heads_that_matter_have_an_effect_and_are_a_third_at_most() -> None:
    effects = torch.tensor([[0.1, 0.0, 0.5], [0.3, 0.2, -0.4]])
    assert that_matter(effects) == [(0, 2), (1, 0)]
    assert that_matter(-effects) == [(1, 2)]
    assert that_matter(torch.zeros(2, 3)) == []
