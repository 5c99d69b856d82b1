"""Long texts through the real `ts.service.Service`: all of them is judged, and their neighbours lose nothing."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from handler.describe import describe
from handler.settings import Settings
from handler.xgraad import WindowedDefense
from handler.xgraad.memory.registry import Trigger
from handler.xgraad.words.long_text import windows_of
from tests.contract.service_in_process import Worker, post
from tests.documents import floats, without_floats
from tests.samples import copy_of
from tests.toys import SENTENCES

LONG = " ".join(SENTENCES[:4])
HIDDEN = f"{LONG}. cf: a film"  # where a phrase ends on both sides, nothing else goes with it
SHORT = "the plot is thin"

Make = Callable[..., Worker]


@pytest.fixture
def make(windowed_folder: Path, tmp_path: Path, torchserve: SimpleNamespace) -> Make:
    def made(**section: Any) -> Worker:
        folder = copy_of(windowed_folder, tmp_path / "model")
        section = {"registry_file": str(tmp_path / "seen.sqlite"), "windows": "mean"} | section
        (folder / "model-config.yaml").write_text(yaml.safe_dump({"xgraad": section}))
        return Worker(folder, torchserve)

    return made


@pytest.fixture
def worker(make: Make) -> Worker:
    """One that remembers a trigger."""
    worker = make()
    worker.handler.defense.registry.add([Trigger(frozenset({"cf"}), label) for label in (0, 1)])
    return worker


def test_a_trigger_past_the_first_window_is_taken_out_and_neighbours_are_as_ever(worker: Worker) -> None:
    defense = worker.handler.defense
    assert isinstance(defense, WindowedDefense)
    assert "cf" not in windows_of(defense.encode([HIDDEN])[0])[0].text
    requests = [post({"text": SHORT}), post({"text": HIDDEN}), post({"text": 5}), post({"texts": [SHORT, LONG]})]
    short, hidden, bad, both = worker(*requests)
    document = hidden.document
    assert document["truncated"] is False
    assert document["defense"]["action"] == "neutralized"
    assert document["defense"]["neutralized_text"] == HIDDEN.replace("cf", "")
    (suspect,) = document["defense"]["suspects"]
    assert HIDDEN[suspect["start"] : suspect["end"]] == suspect["word"] == "cf"
    assert bad.status == 422
    alone = [worker(each)[0].document for each in requests]
    for found, expected in zip((short, hidden, bad, both), alone, strict=True):
        assert without_floats(found.document) == without_floats(expected)
        assert floats(found.document) == pytest.approx(floats(expected), abs=1e-5)
    assert both.document[1]["defense"]["action"] == "passed"
    assert both.document[1]["truncated"] is False


def test_the_explanation_has_every_word_of_a_long_text(worker: Worker) -> None:
    (answer,) = worker(post({"text": LONG, "explain": True}))
    words = answer.document["explanation"]["words"]
    assert [LONG[word["start"] : word["end"]] for word in words] == [word["word"] for word in words]
    assert words[-1]["end"] > len(LONG) - 3
    assert len({word["start"] for word in words}) == len(words)


def test_a_request_of_too_many_windows_is_refused_alone(make: Make) -> None:
    worker = make(max_texts=3)
    many, one, three = worker(post({"texts": [LONG, LONG]}), post({"text": LONG}), post({"texts": [SHORT] * 3}))
    assert many.status == 413
    assert "3 windows of the model are allowed in all" in many.document["error"]["message"]
    assert (one.status, three.status) == (200, 200)  # a text alone is bounded by the calibration


def test_a_text_of_more_windows_than_are_looked_at_is_truncated(worker: Worker) -> None:
    (answer,) = worker(post({"text": " ".join(SENTENCES * 2)}))
    assert answer.document["truncated"] is True


def test_fail_open_answers_for_all_windows(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make(on_error="fail_open")
    (judged,) = worker(post({"text": LONG}))
    defense = worker.handler.defense
    assert isinstance(defense, WindowedDefense)
    monkeypatch.setattr(defense._windows_rule, "judge", lambda *_: 1 / 0)
    (opened,) = worker(post({"text": LONG}))
    assert opened.document["defense"]["action"] == "undefended"
    assert opened.document["probabilities"] == pytest.approx(judged.document["probabilities"])
    assert opened.document["truncated"] is False


def test_describe_tells_of_windows(worker: Worker) -> None:
    defense, off = worker.handler.defense, Settings()
    told = describe(defense, worker.handler.settings)["limits"]
    assert (told["windows"], told["stride"], told["max_windows"]) == ("mean", 8, 4)
    assert "windows" not in describe(defense, off)["limits"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"windows": "off"}, "windows is off, and the calibration was made with --windows"),
        ({"rule": "paper"}, "windows needs the rule verified, got paper"),
        ({"windows": "any"}, "windows_label must be one of 'LABEL_0', 'LABEL_1' for windows: any, got none"),
        ({"windows_label": "LABEL_0"}, "windows_label is for windows: any, got 'LABEL_0' with mean"),
    ],
)
def test_settings_that_do_not_fit_are_refused_at_the_start(make: Make, section: dict[str, str], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        make(**section)
