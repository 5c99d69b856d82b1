"""Every architecture, and pairs of texts, behind one real server: calibrated, packed, asked over REST and gRPC."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from handler.xgraad import Calibrator, Classifier, Defense
from handler.xgraad.files.fingerprint import fingerprint
from handler.xgraad.words.pair import join_pair
from scripts.serving.client import Client
from scripts.serving.pair_documents import fields_of_text
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from tests.conftest import CLEAN_TEXTS, calibrated
from tests.live.toy import options_for, packed
from tests.toys import KIN, SENTENCES, make_checkpoint

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

PAIRS = "pairs"
MODELS = (*KIN, PAIRS)
TEXT, PAIR = SENTENCES[0], join_pair(*SENTENCES[:2])


def paired(folder: Path) -> Path:
    """A toy of pairs, calibrated on pairs."""
    classifier = Classifier.load(folder, max_length=64, takes_pairs=True)
    calibrator = Calibrator(classifier, fingerprint(folder, max_length=64, takes_pairs=True))
    pairs = [join_pair(first, second) for first, second in pairwise(CLEAN_TEXTS)]
    calibration = calibrator.update(pairs).calibrate(max_fpr=0.1)
    (folder / "calibration.json").write_text(calibration.to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("reach")
    toys = {name: calibrated(make_checkpoint(place / name, name)) for name in KIN}
    return toys | {PAIRS: paired(make_checkpoint(place / PAIRS, "bert"))}


@pytest.fixture(scope="module")
def server(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    place = tmp_path_factory.mktemp("served")
    (place / "store").mkdir()
    for name, folder in folders.items():
        packed(folder, place / "store", name=name)
    with serving(options_for(place, *MODELS)) as running:
        yield running


@pytest.mark.parametrize("name", MODELS)
def test_a_model_answers_as_the_python_api_does(name: str, folders: dict[str, Path], client: Client) -> None:
    text = PAIR if name == PAIRS else TEXT
    (expected,) = Defense.load(folders[name])([text])
    fields = fields_of_text(text)
    over_grpc = client.predict_grpc(name, {part: each.encode() for part, each in fields.items()})
    for document in (client.predict(name, fields), over_grpc):
        assert isinstance(document, dict)
        assert document["label"] == expected.label
        assert document["score"] == pytest.approx(expected.score, abs=1e-4)
        assert document["defense"]["gate_score"] == pytest.approx(expected.gate_score, abs=1e-3)


def test_what_a_model_does_not_judge_is_refused(client: Client) -> None:
    single, pair = client.predict(PAIRS, {"text": TEXT}), client.predict(KIN[0], fields_of_text(PAIR))
    assert isinstance(single, dict)
    assert isinstance(pair, dict)
    assert single["error"]["type"] == "missing_text_pair"
    assert "single texts" in pair["error"]["message"]
