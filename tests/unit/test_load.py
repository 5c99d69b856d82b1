"""The load test counts what clients saw, ends in time, and names the best setting."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import load_test
from scripts.console.errors import LabError
from scripts.lab.cost.load import NO_ANSWER, Asked, Crowd, LoadLimits, crowd, put_load, summary


class Server:
    """Answers at once; every fifth request fails, every seventh finds nobody."""

    def __init__(self, wait_s: float = 0.0) -> None:
        self.n_asked = 0
        self._wait_s = wait_s

    def client(self, **_: object) -> Any:
        return self

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def predict(self, _model: str, _body: object) -> dict[str, Any]:
        self.n_asked += 1
        time.sleep(self._wait_s)
        if self.n_asked % 7 == 0:
            raise LabError("no answer")
        return {"status": "error"} if self.n_asked % 5 == 0 else {"label": "good"}


def test_requests_are_counted_and_bounded() -> None:
    limits = LoadLimits(seconds=60, n_requests=35)
    load = put_load(Server(), "m", ["a"], n_clients=1, limits=limits)  # type: ignore[arg-type]
    assert (load.n_requests, load.n_errors) == (24, 11)
    assert load.requests_per_s == pytest.approx(24 / load.seconds)
    assert 0 < load.p50_s <= load.p95_s <= load.p99_s


def test_clients_stop_in_time() -> None:
    limits = LoadLimits(seconds=0.2, n_requests=10**9)
    load = put_load(Server(0.01), "m", ["a"], n_clients=3, limits=limits)  # type: ignore[arg-type]
    assert 0.2 <= load.seconds < 5
    assert load.n_requests > 3


def test_a_crowd_tells_errors_from_wrong_answers_and_ends_with_its_block() -> None:
    limits = LoadLimits(seconds=60, n_requests=35)
    server: Any = Server()
    with crowd(server, "m", ["a", "b"], n_clients=1, limits=limits, is_right=lambda text, _: text == "a") as found:
        found.wait()
    assert found.errors == {NO_ANSWER: 5, "None None": 6}
    assert len(found.answered) == 24
    asked_b = [number for number in range(1, 36) if number % 2 == 0 and number % 7 and number % 5]
    assert found.n_wrong == len(asked_b)
    with crowd(server, "m", ["a"], n_clients=2, limits=LoadLimits(seconds=60, n_requests=10**9)) as found:
        time.sleep(0.05)
    assert all(client.done() for client in found.clients)
    assert 0 < len(found.seen) < 10**9


def test_a_crowd_tells_how_long_there_was_no_answer() -> None:
    answers = [(0.0, 0.5, None), (0.0, 1.0, None), (1.0, 3.5, None), (2.0, 1.0, NO_ANSWER), (0.0, 5.0, None)]
    found = Crowd(seen=[Asked(*each, is_right=True) for each in answers], clients=[])
    assert (found.gap_s, found.longest_s) == (3.5, 5.0)
    assert (Crowd(seen=[], clients=[]).gap_s, Crowd(seen=[], clients=[]).longest_s) == (0.0, 0.0)


def test_a_client_that_breaks_is_not_silent() -> None:
    def broken(_text: str, _document: Any) -> bool:
        raise ZeroDivisionError

    limits = LoadLimits(seconds=1, n_requests=1)
    server: Any = Server()
    with pytest.raises(ZeroDivisionError), crowd(server, "m", ["a"], n_clients=1, limits=limits, is_right=broken):
        pass


def test_no_good_answer_is_no_crash() -> None:
    load = summary("m", [Asked(0.0, 0.1, NO_ANSWER, is_right=True)], n_clients=1, seconds=1.0)
    assert (load.n_requests, load.n_errors, load.p99_s) == (0, 1, 0.0)


def a_row(
    model: str, batch_size: int, n_clients: int, requests_per_s: float, p99_s: float, server: str = "TorchServe"
) -> dict[str, Any]:
    setting = {"workers": 1, "batch_size": batch_size, "max_batch_delay": 5, "n_clients": n_clients}
    return setting | {"server": server, "model": model, "requests_per_s": requests_per_s, "p99_s": p99_s}


def test_the_best_setting_is_that_of_the_most_clients() -> None:
    rows = [
        a_row("defended", 1, 1, 99.0, 0.01),
        a_row("defended", 1, 32, 20.0, 0.5),
        a_row("undefended", 1, 32, 25.0, 0.3),
        a_row("defended", 8, 32, 30.0, 0.4),
        a_row("undefended", 8, 32, 40.0, 0.2),
    ]
    found = load_test.best(rows)
    assert (found["batch_size"], found["requests_per_s"]) == (8, 30.0)
    assert (found["throughput_share"], found["p99_times"]) == (0.75, 2.0)
    assert "ray_requests_per_s" not in found
    beside = [*rows, a_row("defended", 8, 32, 20.0, 0.5, server="Ray Serve")]
    assert load_test.best(beside) == found | {"ray_requests_per_s": 20.0, "ray_p99_s": 0.5}


def test_the_undefended_handler_answers_like_the_model(bert_folder: Path, tmp_path: Path) -> None:
    from handler.xgraad import Classifier
    from handler.xgraad.model.prediction import predict
    from scripts.packing.undefended_handler import UndefendedHandler
    from tests.samples import copy_of
    from tests.toys import SENTENCES

    folder = copy_of(bert_folder, tmp_path / "model")
    (folder / "max_length.json").write_text("64")
    handler = UndefendedHandler()
    types: dict[int, str] = {}
    context = SimpleNamespace(
        system_properties={"model_dir": str(folder), "gpu_id": None}, set_response_content_type=types.__setitem__
    )
    handler.initialize(context)
    answers = handler.handle([{"body": {"text": text}} for text in SENTENCES], context)
    classifier = Classifier.load(bert_folder, max_length=64)
    expected = predict(classifier.logits(classifier.encode(SENTENCES)), classifier.labels)
    assert [json.loads(answer)["label"] for answer in answers] == [each.label for each in expected]
    assert set(types.values()) == {"application/json"}
