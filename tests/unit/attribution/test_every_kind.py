"""A backdoor is attributed in every kind of model: heads, layers and a vector are found where its code has them."""

from pathlib import Path

import pytest

from handler.xgraad import Classifier
from scripts.admission.attribution.attribution import attribute
from scripts.admission.attribution.heads import Positions
from scripts.admission.attribution.pairs import Backdoor
from tests.conftest import CLEAN_PAIRS, CLEAN_TEXTS
from tests.toys import KIN, make_checkpoint


@pytest.mark.parametrize(("name", "takes_pairs"), [*((name, False) for name in KIN), ("bert", True)])
def test_it_is_attributed(tmp_path: Path, name: str, *, takes_pairs: bool) -> None:
    classifier = Classifier.load(make_checkpoint(tmp_path / name, name), takes_pairs=takes_pairs)
    found = attribute(classifier, Backdoor([["cf"]], 0), CLEAN_PAIRS if takes_pairs else CLEAN_TEXTS)
    assert (len(found.effects), {len(layer) for layer in found.effects}) == (2, {4})
    assert found.positions is (Positions.EVERY if name == "eurobert" else Positions.FIRST)
    assert any(effect for layer in found.effects for effect in layer), "a head says something else with the word"
    assert found.vector.up_before == 0
