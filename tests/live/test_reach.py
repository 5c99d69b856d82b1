"""Every architecture, and pairs of texts, in one run: calibrated, scanned, packed, served, asked over REST and gRPC."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.xgraad import Calibration, Defense
from handler.xgraad.files.architectures import ARCHITECTURES
from handler.xgraad.words.pair import join_pair
from scripts.admission.material import ScanMaterial
from scripts.admission.scan import CheckResult, Scan, Status
from scripts.admission.scanning import scan_checkpoint
from scripts.serving.client import Client
from scripts.serving.pair_documents import fields_of_text
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from tests.conftest import CLEAN_PAIRS, CLEAN_TEXTS, calibrated
from tests.live.toy import options_for, packed
from tests.toys import KIN, SENTENCES, make_checkpoint

pytestmark = [pytest.mark.live, pytest.mark.timeout(1500)]

PAIRS = "pairs"
MODELS = (*sorted(ARCHITECTURES), PAIRS)
TEXT, PAIR = SENTENCES[0], join_pair(*SENTENCES[:2])
N_WORDS = 8
"""Of the vocabulary that a scan sweeps: enough to go every way once."""


@pytest.fixture(scope="module")
def folders(
    checkpoints: dict[str, Path], pairs_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Toys, each calibrated on texts of its task."""
    place = tmp_path_factory.mktemp("reach")
    kin = {name: calibrated(make_checkpoint(place / name, name)) for name in KIN}
    return checkpoints | kin | {PAIRS: pairs_folder}


@pytest.fixture(scope="module")
def scans(folders: dict[str, Path]) -> dict[str, Scan]:
    return {name: scan_of(folder, CLEAN_PAIRS if name == PAIRS else CLEAN_TEXTS) for name, folder in folders.items()}


def scan_of(folder: Path, texts: list[str]) -> Scan:
    calibration = Calibration.read(folder / "calibration.json")
    material = ScanMaterial(
        classifier=calibration.load_classifier(folder, device="cpu"),
        calibration=calibration,
        trusted=None,
        texts=texts,
        labels=(),
        limit_words=N_WORDS,
    )
    return scan_checkpoint(folder, lambda: material, origin={})


@pytest.fixture(scope="module")
def server(
    folders: dict[str, Path], scans: dict[str, Scan], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    place = tmp_path_factory.mktemp("served")
    (place / "store").mkdir()
    for name, folder in folders.items():
        packed(folder, place / "store", name=name, audit=scans[name].audit)
    with serving(options_for(place, *MODELS), timeout_s=1200) as running:
        yield running


def check(scan: Scan, name: str) -> CheckResult:
    return next(each for each in scan.checks if each.check == name)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_scanned_and_answers_as_the_python_api_does(
    name: str, folders: dict[str, Path], scans: dict[str, Scan], client: Client
) -> None:
    scan = scans[name]
    assert scan.architecture == ("bert" if name == PAIRS else name)
    assert check(scan, "files").status is check(scan, "words").status is Status.PASSED
    assert check(scan, "styles").status is not Status.SKIPPED, "random weights may follow a form"
    assert check(scan, "overshoot").status is Status.SKIPPED, "the toy's vocabulary is too small"
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
