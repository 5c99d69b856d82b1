"""A model of several labels behind a real server: packed, served, and asked over REST and gRPC."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.xgraad import LabelsDefense, NoRegistry
from scripts.serving.client import Client
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from tests.live.toy import options_for, packed
from tests.several import ATTACKED, GOOD_TEXT

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

NAME = "several"


@pytest.fixture(scope="module")
def server(several_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    place = tmp_path_factory.mktemp("served")
    (place / "store").mkdir()
    packed(several_folder, place / "store", name=NAME)
    with serving(options_for(place, NAME)) as running:
        yield running


def test_a_trigger_is_stopped_in_the_first_text_and_remembered(several_folder: Path, client: Client) -> None:
    cold = LabelsDefense.load(several_folder, registry=NoRegistry())
    for text in (ATTACKED, GOOD_TEXT):
        (expected,) = cold([text])
        for document in (
            client.predict(NAME, {"text": text}),
            client.predict_grpc(NAME, {"text": text.encode()}),
            client.predict(NAME, {"text": text}, explain=True),
        ):
            assert isinstance(document, dict)
            assert document["labels"] == list(expected.defended.labels) == ["praise", "calm"]
            assert document["probabilities"] == pytest.approx(expected.defended.probabilities, abs=1e-4)
            assert document["defense"]["verified"] == (text is ATTACKED)
            assert document["defense"]["undefended"]["labels"] == list(expected.undefended.labels)
