"""A label without calibration texts: refused, unless it is named; then every command and every reply says so."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from handler.settings import Detail
from handler.xgraad import Calibration, Classifier, Defense
from scripts import build_archive, calibrate, verify_archive
from scripts.admission.auditing import audit_checkpoint
from scripts.console.command import Exit
from tests.conftest import CLEAN_TEXTS
from tests.contract.service_in_process import Worker, at_kserve, grpc, plain, post
from tests.contract.test_metrics import events, make_worker, measured
from tests.contract.test_page import read, typed
from tests.samples import copy_of, edit_json
from tests.toys import make_checkpoint

RARE = 2
"""The label that has no texts, and its name."""
NAME = "rare kind"
LABELS = ["bad", "good", NAME]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, not calibrated."""
    folder = make_checkpoint(tmp_path_factory.mktemp("three") / "toy", "bert", n_labels=3)
    edit_json(
        folder / "config.json",
        id2label={str(number): name for number, name in enumerate(LABELS)},
        label2id={name: number for number, name in enumerate(LABELS)},
    )
    return folder


@pytest.fixture(scope="module")
def texts(toy: Path) -> list[list[str]]:
    """The clean texts by the label that the model predicts."""
    classifier = Classifier.load(toy, max_length=64)
    predicted = classifier.logits(classifier.encode(CLEAN_TEXTS)).argmax(dim=-1).tolist()
    return [[text for text, label in zip(CLEAN_TEXTS, predicted, strict=True) if label == each] for each in range(3)]


@pytest.fixture(scope="module")
def data(texts: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file sorted by class, whose last class is cut off."""
    path = tmp_path_factory.mktemp("data") / "sorted.txt"
    path.write_text("".join(f"{text}\n" for text in (*texts[0], *texts[1])), encoding="utf-8")
    return path


def run(toy: Path, data: Path, out: Path, *options: str) -> int:
    paths = ["--checkpoint", str(toy), "--data", str(data), "--out", str(out)]
    return calibrate.main([*paths, "--max-fpr", "0.1", "--max-length", "64", *options])


@pytest.fixture(scope="module")
def calibrated(toy: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_of(toy, tmp_path_factory.mktemp("calibrated") / "toy")
    assert run(toy, data, folder / "calibration.json", "--allow-untested", NAME) == Exit.DONE
    return folder


def refused(code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line."""
    err = capsys.readouterr().err
    assert code == Exit.ERROR
    (line,) = [line for line in err.splitlines() if ": error: " in line]
    assert "Traceback" not in err
    return line


def test_a_file_without_a_class_is_refused_and_writes_nothing(
    toy: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(run(toy, data, tmp_path / "calibration.json"), capsys)
    assert f"'{NAME}' has 0 from 0 text(s) predicted as it: add about 16 others" in line
    assert "'bad' has" not in line
    assert line.endswith(f"--allow-untested '{NAME}'")
    assert not (tmp_path / "calibration.json").exists()


def test_one_text_over_and_over_is_refused_before_the_model_is_loaded(
    toy: Path,
    texts: list[list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "repeated.txt").write_text(f"{texts[0][0]}\n" * 99 + f"{texts[1][0]}\n", encoding="utf-8")
    monkeypatch.setattr(Classifier, "load", None)
    line = refused(run(toy, tmp_path / "repeated.txt", tmp_path / "calibration.json"), capsys)
    assert "needs at least 20 clean texts, got 100, 98 of them repeats" in line


def test_texts_longer_than_the_window_are_refused_for_that(
    toy: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(run(toy, data, tmp_path / "calibration.json", "--max-length", "8"), capsys)
    assert "clean texts are longer than the window of 8 tokens" in line


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        (["no such"], "--allow-untested must be one of the model's classes (0 bad, 1 good, 2 rare kind), has 7 char"),
        (["3"], "must be one of the model's classes (0 bad, 1 good, 2 rare kind), is '3'"),
        ([""], "must be one of the model's classes (0 bad, 1 good, 2 rare kind), missing"),
        ([NAME, "good"], "--allow-untested 'good': has"),
        (["bad"], f"'{NAME}' has 0 from 0"),
    ],
)
def test_what_may_be_named(
    toy: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], named: Sequence[str], reason: str
) -> None:
    options = [part for label in named for part in ("--allow-untested", label)]
    assert reason in refused(run(toy, data, tmp_path / "calibration.json", *options), capsys)


@pytest.mark.parametrize("name", [NAME, "2", NAME.upper()])
def test_a_label_is_named_by_name_or_number(
    toy: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(toy, data, tmp_path / "calibration.json", "--allow-untested", name) == Exit.DONE
    assert f"NOT TESTED: '{NAME}'; a trigger for such a label" in capsys.readouterr().out
    assert Calibration.read(tmp_path / "calibration.json").untested == (RARE,)


def test_archive_and_its_check_say_so(
    calibrated: Path, bert_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, folder, is_told in (("rare", calibrated, True), ("usual", bert_folder, False)):
        paths = ["--checkpoint", str(folder), "--calibration", str(folder / "calibration.json")]
        assert build_archive.main(["--name", name, "--model-store", str(tmp_path), *paths]) == Exit.DONE
        assert (f"NOT TESTED: '{NAME}'" in capsys.readouterr().out) == is_told
        assert verify_archive.main([str(tmp_path / f"{name}.mar")]) == Exit.DONE
        assert (f"NOT TESTED: '{NAME}'" in capsys.readouterr().out) == is_told


def test_the_sweep_says_so(calibrated: Path, bert_folder: Path) -> None:
    """No trigger found for a label says nothing where none could be."""
    rare, usual = (
        audit_checkpoint(folder, folder / "calibration.json", limit_words=5) for folder in (calibrated, bert_folder)
    )
    assert (rare.summary()["untested"], usual.summary()["untested"]) == ([NAME], [])
    calm = replace(rare, audit=rare.audit.model_copy(update={"triggers": ()}))
    assert calm.sentence().endswith(f"; not tested for {NAME}: the calibration has too few texts")
    assert "not tested" not in replace(usual, audit=calm.audit).sentence()


def test_the_python_api_says_so(calibrated: Path, texts: list[list[str]]) -> None:
    verdicts = Defense.load(calibrated)([texts[0][0], texts[1][0], texts[RARE][0]])
    assert [verdict.tested for verdict in verdicts] == [
        RARE not in (verdict.label_id, verdict.undefended.label_id) for verdict in verdicts
    ]
    assert verdicts[RARE].tested is False
    assert any(verdict.tested for verdict in verdicts)
    for rule in ("paper", "conformal"):
        assert {verdict.tested for verdict in Defense.load(calibrated, rule=rule)(texts[RARE][:3])} == {None}


@pytest.fixture
def make(calibrated: Path, torchserve: SimpleNamespace, tmp_path: Path) -> Callable[..., Worker]:
    return lambda **section: make_worker(calibrated, torchserve, tmp_path / "toy", registry=False, **section)


def is_tested(document: dict[str, Any]) -> bool | None:
    answer: bool | None = document.get("defense", {}).get("tested")
    return answer


def in_outputs(document: dict[str, Any]) -> list[Any]:
    (answers,) = [output["data"] for output in document["outputs"] if output["name"] == "answer"]
    return [json.loads(answer) for answer in answers]


@pytest.mark.parametrize("detail", get_args(Detail))
def test_every_form_of_reply_says_so(make: Callable[..., Worker], texts: list[list[str]], detail: Detail) -> None:
    worker, rare = make(detail=detail), texts[RARE][0]
    other = next(text for text in texts[0] if worker.handler.defense([text])[0].tested)
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": [rare, other]}
    one, text, many, instances, inputs, called, page, usual = worker(
        post({"text": rare}),
        plain(rare),
        post({"texts": [rare, other]}),
        post({"instances": [rare, other]}),
        at_kserve(post({"inputs": [tensor]})),
        grpc(text=rare.encode()),
        typed(rare),
        typed(other),
    )
    assert [is_tested(answer.document) for answer in (one, text, called)] == [False] * 3
    told = None if detail == "label" else True
    for documents in (many.document, instances.document["predictions"], in_outputs(inputs.document)):
        assert [is_tested(document) for document in documents] == [False, told]
    assert "calibrated with too few texts" in read(page).words
    assert "calibrated with too few texts" not in read(usual).words


def test_description_metrics_and_log_say_so(
    make: Callable[..., Worker], texts: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    worker = make()
    (loaded,) = [event for event in events(caplog) if event["event"] == "loaded"]
    assert loaded["untested_label_ids"] == [RARE]
    (described,) = worker({"fields": [], "headers": {"describe": "True"}})
    assert described.document["defense"]["untested"] == [NAME]
    caplog.clear()
    worker(post({"texts": texts[RARE][:2]}))
    (line,) = [line for line in measured(caplog) if line.name == "xgraad_untested_texts_total"]
    assert line.value == 2
