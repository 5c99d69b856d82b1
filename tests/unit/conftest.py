"""Fixtures of the unit tests: a checkpoint to damage, a defense that flags what the test wants."""

from collections.abc import Callable
from pathlib import Path

import pytest

from handler.xgraad import Calibration, Defense
from tests.samples import copy_of, shifted

DefenseMaker = Callable[..., Defense]


@pytest.fixture
def damaged(bert_folder: Path, tmp_path: Path) -> Path:
    """A calibrated BERT checkpoint of the test's own."""
    return copy_of(bert_folder, tmp_path / "checkpoint")


@pytest.fixture(scope="session")
def calibration(bert_folder: Path) -> Calibration:
    return Calibration.read(bert_folder / "calibration.json")


@pytest.fixture
def flag_all(bert_folder: Path, tmp_path: Path) -> DefenseMaker:
    """Makes a defense that flags every text with a word in it."""
    return lambda neutralizer="noise", key=b"test": with_offset(
        bert_folder, -50, tmp_path / "flag_all.json", neutralizer=neutralizer, key=key
    )


@pytest.fixture
def flag_nothing(bert_folder: Path, tmp_path: Path) -> Defense:
    return with_offset(bert_folder, 50, tmp_path / "flag_nothing.json")


def with_offset(
    folder: Path, offset: float, path: Path, *, neutralizer: str = "noise", key: bytes = b"test"
) -> Defense:
    """A defense by the conformal rule whose calibration, written to `path`, is made by hand."""
    path.write_text(shifted(Calibration.read(folder / "calibration.json"), offset).to_json())
    return Defense.load(folder, rule="conformal", calibration=path, neutralizer=neutralizer, key=key)
