"""How the application is put together: what the archive says, what options overrule, and the file for a cluster."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from scripts.console.errors import LabError
from scripts.serving.server_options import PROJECT
from tests.live.on_ray import needs_ray
from tests.live.toy import packed

pytestmark = [needs_ray, pytest.mark.filterwarnings("ignore")]  # which Ray gives about itself
SERVER = {
    "minWorkers": 2,
    "maxWorkers": 3,
    "batchSize": 4,
    "maxBatchDelay": 30,
    "jobQueueSize": 7,
    "responseTimeout": 9,
}


@pytest.fixture(scope="module")
def archive(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(bert_folder, tmp_path_factory.mktemp("store"), server=SERVER, rule="conformal")


def built(archive: Path, folder: Path, **options: Any) -> tuple[Any, dict[str, Any]]:
    """What a replica of the model is told, and its deployment's configuration."""
    from deploy.ray.application import ApplicationOptions, build

    door = build(ApplicationOptions(archives={"toy": archive}, folder=folder, **options))
    models, versions, _ = door._bound_deployment.init_args
    assert versions == {"toy": "1.0"}
    model = models["toy"]._bound_deployment
    options = model._deployment_config.model_dump() | {"actor": model.ray_actor_options}
    return model.init_args[0], options


def test_the_archive_says_how_it_is_served(archive: Path, tmp_path: Path) -> None:
    given, options = built(archive, tmp_path)
    assert (given.name, given.batch_size, given.delay_s, given.timeout_s) == ("toy", 4, 0.03, 9.0)
    assert (given.device, Path(given.folder), len(given.sha256)) == ("cpu", tmp_path, 64)
    assert (options["max_ongoing_requests"], options["max_queued_requests"]) == (8, 7)
    scaled = options["autoscaling_config"]
    assert (scaled["min_replicas"], scaled["max_replicas"], scaled["target_ongoing_requests"]) == (2, 3, 8)
    assert options["actor"]["num_cpus"] == 1
    assert "num_gpus" not in options["actor"]


def test_options_overrule_it(archive: Path, tmp_path: Path) -> None:
    given, options = built(
        archive, tmp_path, device="gpu", replicas=1, max_replicas=5, cpus=2, batch_size=9, max_batch_delay=1
    )
    assert (given.device, given.batch_size, given.delay_s) == ("cuda:0", 9, 0.001)
    scaled = options["autoscaling_config"]
    assert (scaled["min_replicas"], scaled["max_replicas"]) == (1, 5)
    assert (options["actor"]["num_cpus"], options["actor"]["num_gpus"]) == (2, 1)


def test_replicas_alone_are_a_fixed_number(archive: Path, tmp_path: Path) -> None:
    _, options = built(archive, tmp_path, replicas=1)
    assert (options["autoscaling_config"]["min_replicas"], options["autoscaling_config"]["max_replicas"]) == (1, 1)


def test_another_archive_and_unknown_options_are_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="has another SHA-256"):
        built(archive, tmp_path, sha256={"toy": "0" * 64})
    for wrong in ({"replica": 1}, {"replicas": 0}, {"device": "tpu"}):
        with pytest.raises(ValidationError):
            built(archive, tmp_path, **wrong)


def test_no_access_log_and_nothing_of_a_client_in_any_other(archive: Path, tmp_path: Path) -> None:
    _, options = built(archive, tmp_path)
    assert options["logging_config"]["enable_access_log"] is False


def test_the_file_for_a_cluster_is_what_serve_takes() -> None:
    from ray.serve.schema import ServeDeploySchema

    from deploy.ray.application import ApplicationOptions

    content = yaml.safe_load((PROJECT / "deploy" / "ray" / "config.yaml").read_text(encoding="utf-8"))
    config = ServeDeploySchema.model_validate(content)
    (application,) = config.applications
    assert ApplicationOptions.model_validate(application.args).archives == {"sentiment": Path("/models/sentiment.mar")}
    assert config.http_options.host == "127.0.0.1"
    assert config.logging_config is not None
    assert not config.logging_config.enable_access_log


def test_a_body_is_read_up_to_its_limit() -> None:
    import asyncio

    from starlette.requests import Request

    from deploy.ray.door import MOST_BYTES, body_of

    def request(*chunks: bytes) -> Request:
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        parts = iter([*messages, {"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            return next(parts)

        return Request({"type": "http", "method": "POST", "headers": []}, receive)

    assert asyncio.run(body_of(request(b"ab", b"c"))) == b"abc"
    assert asyncio.run(body_of(request(b"x" * MOST_BYTES))) == b"x" * MOST_BYTES
    assert asyncio.run(body_of(request(b"x" * MOST_BYTES, b"x"))) is None


def test_an_id_of_a_clients_making_reaches_no_log() -> None:
    from starlette.requests import Request

    from deploy.ray.door import id_of

    def request(value: bytes) -> Request:
        return Request({"type": "http", "method": "POST", "headers": [(b"x-request-id", value)]})

    serves = "57105ed0-cdef-4382-90a2-2032d81e0c79"
    assert id_of(request(serves.encode())) == serves
    assert len(id_of(request(b"a secret"))) == len(serves)
    assert "secret" not in id_of(request(b"a secret"))
