"""The backdoor vector: up and down in the layer of the known head, and nowhere in a model without one."""

from handler.xgraad import Classifier
from scripts.admission.attribution.inside import look_inside
from scripts.admission.attribution.vector import backdoor_vectors, choose_layer, steer
from tests.unit.attribution.known_head import FINDS, TARGET
from tests.unit.attribution.test_effects import texts_of


def test_it_is_the_trigger_in_the_layer_of_its_head(known: Classifier) -> None:
    plain, triggered = texts_of(known)
    vectors = backdoor_vectors(look_inside(known, plain).first, look_inside(known, triggered).first)
    assert choose_layer(known, plain, triggered, vectors, target=TARGET) == FINDS.layer
    assert steer(known, plain, triggered, vectors, layer=FINDS.layer, target=TARGET) == (1, 0)
    assert steer(known, plain, triggered, vectors, layer=0, target=TARGET) == (0, 1), "the other layer has none of it"
    assert steer(known, plain, triggered, -vectors, layer=FINDS.layer, target=TARGET) == (0, 1), "nor its opposite"


def test_without_a_backdoor_it_moves_nothing(harmless: Classifier) -> None:
    plain, triggered = texts_of(harmless)
    vectors = backdoor_vectors(look_inside(harmless, plain).first, look_inside(harmless, triggered).first)
    assert choose_layer(harmless, plain, triggered, vectors, target=TARGET) == 0, "of equals the lowest"
    for layer in (0, 1):
        assert steer(harmless, plain, triggered, vectors, layer=layer, target=TARGET) == (0, 0)
