"""A model that judges pairs of texts: calibrated, packed, and asked in TorchServe's own service."""

import json
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest

from handler.xgraad import Calibration, Defense
from handler.xgraad.errors import TextError
from handler.xgraad.words.pair import join_pair
from scripts import build_archive, calibrate, verify_archive
from scripts.console.command import Exit
from tests.contract.service_in_process import Field, Worker, at_kserve, grpc, post, request
from tests.contract.test_metrics import make_worker
from tests.contract.test_page import BROWSER, FORM, opened, read
from tests.framings import binary_pairs
from tests.toys import SENTENCES, make_checkpoint

PAIR = {"text": "a film about a plot", "text_pair": "the actors are good"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy, calibrated by the command on a file with two columns of texts."""
    folder = make_checkpoint(tmp_path_factory.mktemp("pairs") / "toy", "bert")
    data = folder.with_name("pairs.jsonl")
    lines = [json.dumps({"text": first, "other": second}) for first, second in product(SENTENCES, SENTENCES)]
    data.write_text("\n".join(lines), encoding="utf-8")
    paths = ["--checkpoint", str(folder), "--data", str(data), "--out", str(folder / "calibration.json")]
    assert calibrate.main([*paths, "--pair-column", "other", "--max-length", "64"]) == Exit.DONE
    return folder


@pytest.fixture(scope="module")
def worker(folder: Path, torchserve: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    return make_worker(folder, torchserve, tmp_path_factory.mktemp("served") / "toy")


def test_the_calibration_says_that_it_is_about_pairs(folder: Path) -> None:
    assert Calibration.read(folder / "calibration.json").fingerprint.takes_pairs
    defense = Defense.load(folder)
    assert defense.takes_pairs
    (verdict,) = defense([join_pair(*PAIR.values())], explain=True)
    assert [score.word.text for score in verdict.words] == " ".join(PAIR.values()).split()
    with pytest.raises(TextError, match="judges pairs"):
        defense(["a film"])


def test_every_way_of_asking_gives_the_same_answer(folder: Path, worker: Worker) -> None:
    (expected,) = Defense.load(folder)([join_pair(*PAIR.values())])
    entries = {name: text.encode() for name, text in PAIR.items()}
    form = request(*(Field(text, name) for name, text in entries.items()), Content_Type=FORM)
    one, over_grpc, of_form, many = worker(post(PAIR), grpc(**entries), form, post({"texts": [PAIR, PAIR]}))
    (raw,) = worker(at_kserve(binary_pairs([(PAIR["text"], PAIR["text_pair"])] * 2)))
    answers = [json.loads(each) for each in raw.document["outputs"][-1]["data"]]
    assert len(answers) == 2
    for document in (one.document, over_grpc.document, of_form.document, *many.document, *answers):
        assert document["label"] == expected.label
        assert document["score"] == pytest.approx(expected.score, abs=1e-5)


def test_a_single_text_is_refused_beside_an_answered_pair(worker: Worker) -> None:
    (answer,) = worker(post({"texts": [PAIR, "a film"]}))
    answered, refused = answer.document
    assert "label" in answered
    assert refused["error"]["type"] == "missing_text_pair"


def test_the_page_has_two_boxes_before_and_after(worker: Worker) -> None:
    sent = {"explain": "True", "Accept": BROWSER, "Content_Type": FORM}
    blank, explained = worker(opened(), request(*(Field(text.encode(), name) for name, text in PAIR.items()), **sent))
    assert blank.body.count(b"<textarea") == explained.body.count(b"<textarea") == 2
    assert read(explained).text == PAIR["text"]


def test_an_archive_of_pairs_is_made_and_passes(folder: Path, tmp_path: Path) -> None:
    arguments = ["--checkpoint", str(folder), "--calibration", str(folder / "calibration.json"), "--name", "pairs"]
    assert build_archive.main([*arguments, "--model-store", str(tmp_path)]) == Exit.DONE
    assert verify_archive.main([str(tmp_path / "pairs.mar")]) == Exit.DONE
