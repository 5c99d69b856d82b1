"""Rebuilding from a trusted base: nothing of the suspect is left, and everything of the base is."""

from pathlib import Path

import pytest

from handler.xgraad import Classifier
from handler.xgraad.files.fingerprint import hash_weights
from scripts.console.errors import LabError
from scripts.lab.defenses.repairs.rebuild import Rebuild
from scripts.lab.training.synthetic import LABEL_NAMES
from tests.unit.defenses.planted_reviews import Planted, planted, repaired


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted(tmp_path_factory.getbasetemp())


def test_the_backdoor_is_gone_and_what_was_known_is_not(victim: Planted, tmp_path: Path) -> None:
    assert victim.of(victim.folder / "suspect") >= (0.95, 0.9)
    out = repaired(Rebuild, victim.material(tmp_path), tmp_path / "out")
    floor = victim.of(victim.folder / "clean")[1]
    accuracy, asr = victim.of(out)
    assert accuracy >= 0.95
    assert asr <= floor + 0.1
    assert Classifier.load(out).labels == LABEL_NAMES, "an ordinary checkpoint, with the suspect's names"


def test_nothing_depends_on_the_suspects_weights(victim: Planted, tmp_path: Path) -> None:
    found = {
        suspect: hash_weights(repaired(Rebuild, victim.material(tmp_path, suspect, seed=seed), tmp_path / suspect))
        for suspect, seed in (("suspect", 1), ("clean", 1))
    }
    other = repaired(Rebuild, victim.material(tmp_path, seed=2), tmp_path / "other")
    assert found["suspect"] == found["clean"] != hash_weights(other)


def test_a_base_that_is_backdoored_stays_so(victim: Planted, tmp_path: Path) -> None:
    material = victim.material(tmp_path, trusted_base=str(victim.folder / "suspect"))
    assert victim.of(repaired(Rebuild, material, tmp_path / "out"))[1] >= 0.6


def test_without_a_base_it_is_refused(victim: Planted, tmp_path: Path) -> None:
    assert Rebuild.NEEDS_BASE
    assert not Rebuild.NEEDS_MORE
    with pytest.raises(LabError, match="--trusted-base must name an encoder"):
        Rebuild(victim.material(tmp_path, trusted_base=None)).write(tmp_path / "out")
    assert not (tmp_path / "out").exists()
