"""Generated requests to a real server, many at a time, over REST and gRPC: no 5xx, no worker dies, good ones right."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
import requests
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from scripts.packing.archive import ArchiveOptions, build_archive
from scripts.serving.client import Client, is_error
from scripts.serving.grpc_predictions import open_channel, predict_over
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from tests.contract.service_in_process import Answer, Message
from tests.contract.test_fuzz import alike, by_status, hold
from tests.hostile import DEEP_CROWD, GOOD, MARK, MAX_CHARS, MAX_TEXTS, Crowd, members, messages, strict_json
from tests.live.scrape import value, wait_for

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]
CROWD = 8
"""Requests sent at the same time."""
N_WORKERS = 2
TRIES = 3
"""TorchServe resets a connection as soon as it has sent an error, and a reset may overtake what was sent before it."""
LONG_BODY = 8_192
"""Bytes; TorchServe takes what is longer in pieces, and may answer before the last of them."""
LOST = Answer("", "", 0, "no reply", b"", {})
"""Of a stranger's long form: it is refused, and its connection reset, while it is still being sent, at every try."""
HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
HEADER_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff]([\t\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
"""What may be sent at all; the rest no HTTP client lets out."""


@pytest.fixture(scope="module")
def server(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("fuzz")
    options = ArchiveOptions(
        name="toy",
        version="1.0",
        checkpoint=bert_folder,
        calibration=bert_folder / "calibration.json",
        model_store=folder / "store",
        server={"batchSize": CROWD, "maxBatchDelay": 20},
        defense={"rule": "conformal", "max_chars": MAX_CHARS, "max_texts": MAX_TEXTS},
        audit=None,
    )
    build_archive(options)
    served = ServerOptions(
        model_store=folder / "store",
        models=archives_named(["toy"]),
        workers=N_WORKERS,
        ports=Ports.free(),
        state_dir=folder / "state",
    )
    with serving(served) as server:
        yield server


NOT_SENT = ("explain", "url_path", "Transfer-Encoding")
"""Headers that TorchServe adds by itself, by the address, and the one that a client's library sees to."""
PATHS = {
    (True, True): "/explanations/toy",
    (False, True): "/predictions/toy",
    (True, False): "/v2/models/toy/explain",
    (False, False): "/v2/models/toy/infer",
}


def path_of(message: Message) -> str:
    """The address at which a message is handed over with these headers."""
    headers = message["headers"]
    return PATHS[headers["explain"] == "True", "url_path" in headers]


class Caller:
    """Sends messages the way a client would."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.channel = open_channel(client.grpc_inference, timeout_s=10)

    def __call__(self, message: Message) -> Answer:
        return self._by_rest(message) if message["headers"] else self._by_grpc(message)

    def _by_grpc(self, message: Message) -> Answer:
        fields = {field.name: field.value for field in message["fields"]}
        try:
            body = predict_over(self.channel, "toy", fields, key=self.client.key("inference"), timeout_s=60)
        except grpc.RpcError as error:
            return Answer("", "", 500, error.code().name, str(error.details()).encode(), {})
        document = strict_json(body)
        status = document["error"]["code"] if is_error(document) else 200
        return Answer("", "application/json", status, "", body, {})

    def _by_rest(self, message: Message) -> Answer:
        fields, headers = message["fields"], message["headers"]
        explain = headers["explain"] == "True"
        address = f"{self.client.inference}{path_of(message)}"
        is_body = [field.name for field in fields] == ["body"]
        data = fields[0].value if is_body else urlencode({field.name: field.value for field in fields}).encode()
        is_opened = explain and is_body and not data and "Accept" in headers
        legal = {n: v for n, v in headers.items() if HEADER_NAME.fullmatch(n) and HEADER_VALUE.fullmatch(v)}
        sent = {name: content.encode("latin-1") for name, content in legal.items() if name not in NOT_SENT}
        sent["Authorization"] = f"Bearer {self.client.key('inference')}".encode()
        method = "GET" if is_opened else "POST"
        for _ in range(TRIES):
            lost = suppress(requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
            with lost, requests.request(method, address, data=data, headers=sent, timeout=60) as reply:
                kind, head = reply.headers["content-type"], dict(reply.headers)
                return Answer("", kind, reply.status_code, reply.reason, reply.content, head)
        if is_form(message) and len(data) > LONG_BODY:
            return LOST
        pytest.fail(f"no reply to {message}")


@pytest.fixture
def caller(server: RunningServer) -> Iterator[Caller]:
    with server.client(timeout_s=60) as client:
        caller = Caller(client)
        yield caller
        caller.channel.close()


def is_form(message: Message) -> bool:
    """Whether TorchServe takes the body apart itself."""
    kinds = [kind.lower() for name, kind in message["headers"].items() if name.lower() == "content-type"]
    return any(kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")) for kind in kinds)


def is_malformed_form(message: Message, answer: Answer) -> bool:
    """TorchServe's own answer, the one 5xx there is: no worker sees such a request, and nothing here can answer it."""
    if answer == LOST:
        return True
    is_refused = is_form(message) and answer.status == 500
    return is_refused and strict_json(answer.body).get("type") == "ErrorDataDecoderException"


def pids(server: RunningServer, client: Client) -> set[int]:
    return {worker.pid for worker in server.workers(client)}


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # what fails must be told
@pytest.mark.parametrize("n_requests", [80, pytest.param(2_000, marks=pytest.mark.slow)])
def test_a_crowd_is_answered(
    server: RunningServer, caller: Caller, record_fuzz: Callable[[str, Mapping[int, int]], None], n_requests: int
) -> None:
    alone = [caller(message) for message in GOOD]
    assert {answer.status for answer in alone} == {200}
    workers = pids(server, caller.client)
    seen: Counter[Any] = Counter()

    @settings(
        max_examples=n_requests // CROWD + n_requests // 50,
        phases=[Phase.explicit, Phase.generate],  # what fails by chance of time would only fail to shrink
        suppress_health_check=list(HealthCheck),
    )
    @example(crowd=DEEP_CROWD)
    @given(crowd=st.lists(members, min_size=CROWD, max_size=CROWD))
    def answer_all(crowd: Crowd) -> None:
        sent = messages(crowd)
        for member, message, answer in zip(crowd, sent, pool.map(caller, sent), strict=True):
            if not isinstance(member, int) and is_malformed_form(message, answer):
                continue
            hold(message, answer)
            assert not isinstance(member, int) or alike(alone[member], answer)
            seen[answer.status, bool(message["headers"])] += 1

    with ThreadPoolExecutor(CROWD) as pool:
        answer_all()
    assert seen.total() >= n_requests
    assert {status for status, _ in seen} >= {200, 400, 415, 422}
    assert {is_rest for _, is_rest in seen} == {True, False}
    assert pids(server, caller.client) == workers
    assert len(workers) == N_WORKERS
    found = wait_for(server.options.ports.metrics, lambda found: value(found, "xgraad_requests_total") >= seen.total())
    assert value(found, "xgraad_loads_total") == N_WORKERS
    assert value(found, "xgraad_requests_total", outcome="failed") == 0
    logs = "".join(path.read_text(errors="replace") for path in server.logs.iterdir())
    assert MARK not in logs
    record_fuzz(f"{n_requests} live", by_status(seen))
