"""Two classifiers whose weights are set by hand, one with a backdoor; read only."""

import pytest

from handler.xgraad import Classifier
from tests.unit.attribution.known_head import write_known


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_known(tmp_path_factory.mktemp("known") / "checkpoint"))


@pytest.fixture(scope="session")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier.load(write_known(tmp_path_factory.mktemp("harmless") / "checkpoint", has_backdoor=False))
