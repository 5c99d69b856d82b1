"""Which path asks for what, and what is said where there is nothing: as TorchServe was seen to answer."""

import json

import pytest

from deploy.ray.addresses import address_of, directed
from deploy.ray.calls import Address, Answered
from deploy.ray.server_errors import failed, lost, no_method, no_room
from scripts.serving.client import error_document
from scripts.serving.retrying import may_pass

PREDICTED = Address("toy", None, explain=False, is_kserve=False)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/predictions/toy", PREDICTED),
        ("/predictions/toy/", PREDICTED),
        ("/predictions/toy/1.0", PREDICTED._replace(version="1.0")),
        ("/predictions/toy/1.0/some/path", PREDICTED._replace(version="1.0")),
        ("/explanations/toy", PREDICTED._replace(explain=True)),
        ("/v1/models/toy:predict", PREDICTED._replace(is_kserve=True)),
        ("/v1/models/toy:explain", Address("toy", None, explain=True, is_kserve=True)),
        ("/v2/models/toy/infer", PREDICTED._replace(is_kserve=True)),
        ("/v2/models/toy/explain", Address("toy", None, explain=True, is_kserve=True)),
        *(
            (path, None)
            for path in (
                "/", "/predictions", "/predictions/", "//predictions/toy", "/v1/models/toy", "/v1/models/toy:other",
                "/v2/models/toy", "/v2/models/toy/versions/1.0/infer", "/v2/health/ready", "/nothing",
            )
        ),
    ],
)  # fmt: skip
def test_addresses(path: str, address: Address | None) -> None:
    assert address_of(path) == address


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("/nothing", "ResourceNotFoundException", "Requested resource is not found, please refer to API document."),
        ("/predictions/nope", "ModelNotFoundException", "Model not found: nope"),
        ("/predictions/no\npe<b>", "ModelNotFoundException", "Model not found: no\npe<b>"),
        (
            "/predictions/toy/2.0",
            "ModelVersionNotFoundException",
            "Model version: 2.0 does not exist for model: toy",
        ),
    ],
)
def test_nothing_there(path: str, kind: str, message: str) -> None:
    found = directed(path, {"toy": "1.0"})
    assert isinstance(found, Answered)
    assert found.status == 404
    assert json.loads(found.body) == {"code": 404, "type": kind, "message": message}
    assert found.body.startswith(b'{\n  "code": 404,\n  "type"')
    assert found.body.endswith(b"\n}\n")


def test_the_version_that_is_served() -> None:
    assert directed("/predictions/toy/1.0", {"toy": "1.0"}) == PREDICTED._replace(version="1.0")


def test_clients_know_which_errors_pass() -> None:
    for answer, passes in ((no_room("toy"), True), (lost("toy"), True), (failed("toy"), True), (no_method(), False)):
        said = json.loads(answer.body)
        assert answer.status == said["code"]
        assert may_pass(error_document(said["code"], said["type"], said["message"])) is passes
