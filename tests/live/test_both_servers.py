"""One list of calls to TorchServe and to Ray Serve, serving the same archive: the same statuses and the same bytes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handler.xgraad import Defense
from scripts.serving.ray_server import RayServer
from scripts.serving.server import serving
from tests.live.http_calls import CALLS, TEXT, HttpCall, HttpReply, send, typed
from tests.live.on_ray import needs_ray
from tests.live.toy import one_thread, options_for, packed

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
Replies = dict[str, HttpReply]
SERVERS = [pytest.param("torchserve"), pytest.param("ray", marks=needs_ray)]


@pytest.fixture(scope="module")
def torchserve_replies(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replies]:
    folder = tmp_path_factory.mktemp("torchserve")
    packed(bert_folder, folder / "store", rule="conformal", max_chars=400, max_texts=4)
    with one_thread(), serving(replace(options_for(folder, "toy"), token_auth=False)) as server:
        address = f"http://127.0.0.1:{server.options.ports.inference}"
        yield {name: send(address, call) for name, call in CALLS.items()}


@pytest.fixture(scope="module")
def ray_replies(ray_server: RayServer) -> Replies:
    return {name: send(ray_server.address, call) for name, call in CALLS.items()}


@pytest.fixture(params=SERVERS)
def replies(request: pytest.FixtureRequest) -> Replies:
    found: Replies = request.getfixturevalue(f"{request.param}_replies")
    return found


@pytest.mark.parametrize("name", CALLS)
def test_every_call_gets_its_status(replies: Replies, name: str) -> None:
    found, call = replies[name], CALLS[name]
    assert (found.status, found.kind) == (call.status, call.kind), found.body[:500]


@needs_ray
@pytest.mark.parametrize("name", CALLS)
def test_the_bytes_are_the_same(torchserve_replies: Replies, ray_replies: Replies, name: str) -> None:
    assert ray_replies[name] == torchserve_replies[name]


def test_the_answer_is_the_defenses(replies: Replies, bert_folder: Path) -> None:
    (verdict,) = Defense.load(bert_folder, rule="conformal")([TEXT])
    assert f'"label": "{verdict.label}", "label_id": {verdict.label_id}'.encode() in replies["JSON"].body


@needs_ray
def test_a_form_that_is_none_is_not_quoted(ray_server: RayServer) -> None:
    """TorchServe answers it by itself, with 500, and quotes it."""
    for call in (typed("application/x-www-form-urlencoded", b"text=%s3cret"), HttpCall(method="OPTIONS", status=405)):
        reply = send(ray_server.address, call)
        assert reply.status in (400, 405)
        assert b"s3cret" not in reply.body
