"""The archive on a real server: REST and gRPC, batches that mix good, bad and explain requests."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from handler.page.page import HEADERS
from handler.xgraad import DEFAULT_RULE, RULES, Defense, Verdict
from scripts import build_archive
from scripts.console.command import Exit
from scripts.serving.client import Client, HttpReply, is_error
from scripts.serving.served_defense import ServedDefense
from scripts.serving.server import serving
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from tests.conftest import CLEAN_TEXTS
from tests.pages import ReadPage

pytestmark = pytest.mark.live
JSON = {"Content-Type": "application/json"}
STRICT = "toy-strict"
STRICT_OPTIONS = ["--rule", "paper", "--on-trigger", "block", "--on-error", "fail_open", "--detail", "label"]


@pytest.fixture(scope="module")
def client(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a toy model served under every rule, and once by strict policies; batches wait 100 ms to fill."""
    folder = tmp_path_factory.mktemp("served")
    served = {name_of(rule): ["--rule", rule] for rule in RULES} | {STRICT: STRICT_OPTIONS}
    for name, chosen in served.items():
        options = ["--name", name, *chosen, "--checkpoint", str(bert_folder)]
        options += ["--calibration", str(bert_folder / "calibration.json"), "--model-store", str(folder / "store")]
        assert build_archive.main([*options, "--max-batch-delay", "100", "--batch-size", "8"]) == Exit.DONE
    server_options = ServerOptions(
        model_store=folder / "store",
        models=archives_named(served),
        workers=1,
        ports=Ports.free(),
        state_dir=folder,
    )
    with serving(server_options) as server, server.client(timeout_s=30) as client:
        yield client


def name_of(rule: str) -> str:
    return "toy" if rule == DEFAULT_RULE else f"toy-{rule}"


@pytest.fixture(scope="module")
def offline(bert_folder: Path) -> dict[str, Verdict]:
    return dict(zip(CLEAN_TEXTS, Defense.load(bert_folder)(CLEAN_TEXTS, explain=True), strict=True))


@pytest.mark.parametrize("rule", RULES)
def test_served_verdicts_equal_the_offline_ones(client: Client, bert_folder: Path, rule: str) -> None:
    served = ServedDefense(client, name_of(rule), n_clients=16)(CLEAN_TEXTS)
    assert {verdict.rule for verdict in served} == {rule}
    offline = Defense.load(bert_folder, rule=rule)(CLEAN_TEXTS)
    if rule != "verified":  # which finds no trigger in a model that has none
        assert {verdict.flagged for verdict in served} == {True, False}
    for verdict, expected in zip(served, offline, strict=True):
        assert verdict.label_id == expected.label_id
        assert verdict.neutralized_text == expected.neutralized_text
        assert verdict.anomaly_score == pytest.approx(expected.anomaly_score, abs=1e-5)


GOOD, BAD, EXPLAIN, LIST = "good", "bad", "explain", "list"


def _send(client: Client, kind: str, text: str) -> HttpReply:
    bodies: dict[str, Any] = {GOOD: {"text": text}, EXPLAIN: {"text": text}, LIST: {"texts": [text, text]}}
    if kind == BAD:
        return client.post("toy", b'{"text": 5}', JSON)
    return client.post("toy", json.dumps(bodies[kind]).encode(), JSON, explain=kind == EXPLAIN)


def test_mixed_batches_answer_each_request_by_itself(client: Client, offline: dict[str, Verdict]) -> None:
    kinds = [GOOD, BAD, EXPLAIN, LIST] * (len(CLEAN_TEXTS) // 4)
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(_send, [client] * len(kinds), kinds, CLEAN_TEXTS))
    for kind, text, reply in zip(kinds, CLEAN_TEXTS, replies, strict=True):
        assert reply.headers["content-type"] == "application/json"
        assert reply.status == (422 if kind == BAD else 200)
        document = reply.document()
        if kind == BAD:
            assert document["error"]["message"] == "text: must be a string, got a number"
            continue
        first = document[0] if kind == LIST else document
        assert first["label_id"] == offline[text].label_id
        assert ("explanation" in first) == (kind == EXPLAIN)


def test_grpc_tells_the_status_in_the_body(client: Client) -> None:
    refused = client.predict_grpc("toy", {"text": b" "})
    assert is_error(refused)
    assert refused["error"]["code"] == 422


def test_grpc_explains(client: Client, offline: dict[str, Verdict]) -> None:
    text = CLEAN_TEXTS[0]
    document = client.predict_grpc("toy", {"text": text.encode(), "explain": b"true"})
    words = [score.word.text for score in offline[text].words]
    assert document["words"] == words
    assert document["importances"] == pytest.approx([score.attribution for score in offline[text].words], abs=1e-5)
    assert set(document["explanation"]["words"][0]) == {"word", "start", "end", "attention", "gradient", "attribution"}


def test_grpc_takes_a_json_body(client: Client) -> None:
    assert len(client.predict_grpc("toy", {"body": b'{"texts": ["a plot", "a film"]}'})) == 2


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"plain text", {"Content-Type": "text/plain"}, 200),
        (b"text=a+form+field", {"Content-Type": "application/x-www-form-urlencoded"}, 200),
        (b'{"instances": ["a", "b"]}', JSON, 200),
        (b'{"text": "cut', JSON, 400),
        (b'{"text": "a form"}', {"Content-Type": "application/x-www-form-urlencoded"}, 422),
        (b"\xff\xfe", {}, 400),
        (b"[]", JSON, 422),
        (b'{"text": ""}', JSON, 422),
    ],
)
def test_every_shape_of_request(client: Client, data: bytes, headers: dict[str, str], status: int) -> None:
    reply = client.post("toy", data, headers)
    assert reply.status == status, reply.body
    assert is_error(reply.document()) == (status != 200)


def test_kserves_addresses(client: Client) -> None:
    """Both versions of its protocol, without an envelope, and with answers for what shares the batch."""

    def asked(path: str, document: Any) -> Any:
        key = {"Authorization": f"Bearer {client.key('inference')}"}
        reply = requests.post(f"{client.inference}{path}", json=document, headers=key, timeout=30)
        return reply.status_code, reply.headers["content-type"], reply.json()

    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["a plot"]}
    calls = [
        ("/v1/models/toy:predict", {"instances": ["a plot"]}),
        ("/v1/models/toy:explain", {"instances": ["a plot"]}),
        ("/v2/models/toy/infer", {"id": "7", "inputs": [tensor]}),
        ("/v2/models/toy/explain", {"id": "8", "inputs": [tensor]}),
        ("/v2/models/toy/infer", {"id": "9", "inputs": [tensor | {"datatype": "FP32"}]}),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        found = list(pool.map(lambda call: asked(*call), calls))
    assert [(status, kind) for status, kind, _ in found] == [(200, "application/json")] * 4 + [
        (422, "application/json")
    ]
    predicted, explained, inferred, shown, _ = (document for _, _, document in found)
    assert ["words" in predicted["predictions"][0], "words" in explained["explanations"][0]] == [False, True]
    assert [(each["model_name"], each["model_version"], each["id"]) for each in (inferred, shown)] == [
        ("toy", "1.0", "7"),
        ("toy", "1.0", "8"),
    ]
    label, label_id, answer = inferred["outputs"]
    assert (label["data"], label_id["data"]) == (
        [predicted["predictions"][0]["label"]],
        [predicted["predictions"][0]["label_id"]],
    )
    assert json.loads(answer["data"][0])["truncated"] is False


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_browser_gets_a_page(client: Client, offline: dict[str, Verdict]) -> None:
    """Opened, and with a text that came by its form; its headers reach the browser."""
    url = f"{client.inference}/explanations/toy"
    opened = requests.get(url, headers=BROWSER | {"Authorization": f"Bearer {client.key('inference')}"}, timeout=30)
    typed = urlencode({"text": f"{CLEAN_TEXTS[0]} <script>"}).encode()
    posted = client.post("toy", typed, BROWSER | FORM, explain=True)
    for status, headers, body in (
        (opened.status_code, opened.headers, opened.content),
        (posted.status, posted.headers, posted.body),
    ):
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert {name: headers[name] for name, _ in HEADERS} == dict(HEADERS)
        assert "no-store" in headers["Cache-Control"]
        assert "textarea" in ReadPage(body).tags
    assert ReadPage(posted.body).text == f"{CLEAN_TEXTS[0]} <script>"
    assert offline[CLEAN_TEXTS[0]].label in ReadPage(posted.body).words


def test_the_page_has_the_status_of_its_error(client: Client) -> None:
    for data in (b"text=", b"text=+++"):
        refused = client.post("toy", data, BROWSER | FORM, explain=True)
        assert refused.status == 422
        assert "(Status 422, empty)" in ReadPage(refused.body).words


def test_the_page_tells_no_more_than_the_json(client: Client) -> None:
    page = ReadPage(client.post(STRICT, b"text=a+plot", BROWSER | FORM, explain=True).body)
    assert "tells the label alone" in page.words
    assert "%" not in page.words


def test_the_same_form_gives_json_to_everybody_else(client: Client) -> None:
    reply = client.post("toy", b"text=a+plot", FORM, explain=True)
    assert "explanation" in reply.document()
    assert client.post("toy", b'{"text": "a plot"}', BROWSER | JSON, explain=True).document()["label"]


def test_blocked_texts_get_422_and_the_others_a_label(client: Client, bert_folder: Path) -> None:
    verdicts = Defense.load(bert_folder, rule="paper")(CLEAN_TEXTS)
    assert {verdict.flagged for verdict in verdicts} == {True, False}
    with ThreadPoolExecutor(16) as pool:
        bodies = [json.dumps({"text": text}).encode() for text in CLEAN_TEXTS]
        replies = list(pool.map(lambda body: client.post(STRICT, body, JSON), bodies))
    for verdict, reply in zip(verdicts, replies, strict=True):
        assert reply.status == (422 if verdict.flagged else 200)
        if verdict.flagged:
            assert reply.document()["error"]["type"] == "trigger_blocked"
        else:
            assert reply.document() == {"label": verdict.label, "label_id": verdict.label_id, "truncated": False}


def test_grpc_reads_a_block_and_a_withheld_explanation_in_the_body(client: Client, bert_folder: Path) -> None:
    verdicts = Defense.load(bert_folder, rule="paper")(CLEAN_TEXTS)
    text = next(text for text, verdict in zip(CLEAN_TEXTS, verdicts, strict=True) if verdict.flagged).encode()
    assert client.predict_grpc(STRICT, {"text": text})["error"]["code"] == 422
    assert client.predict_grpc(STRICT, {"text": text, "explain": b"true"})["error"]["code"] == 403
    assert client.post(STRICT, b'{"text": "a plot"}', JSON, explain=True).status == 403


def test_describe_tells_labels_and_thresholds(client: Client) -> None:
    description = client.describe("toy")
    assert description is not None
    custom = description["customizedMetadata"]
    assert custom["labels"] == ["LABEL_0", "LABEL_1"]
    assert custom["defense"]["thresholds"]["paper"]["percentile"] == 95.0
    assert custom["limits"]["max_length"] == 64


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "APPLICATION/X-WWW-FORM-URLENCODED", "multipart/form-data; boundary=b"]
)
@pytest.mark.parametrize("path", ["predictions/toy", "models/toy/invoke", "toy/predict", "invocations?model_name=toy"])
def test_a_client_cannot_ask_for_the_description(client: Client, path: str, kind: str) -> None:
    """Neither at the address of predictions nor at the old ones, where TorchServe does not mark what clients send."""
    headers = {"describe": "True", "Content-Type": kind, "Authorization": f"Bearer {client.key('inference')}"}
    data = b"--b--\r\n" if "boundary" in kind else b""
    for method in ("POST", "GET", "PUT"):
        reply = requests.request(method, f"{client.inference}/{path}", data=data, headers=headers, timeout=30)
        assert reply.status_code >= 400
        assert b"fingerprint" not in reply.content
