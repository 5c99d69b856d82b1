"""The application that `serve run` and `serve deploy` start: a door, the metrics, and a deployment for each archive.

    serve run deploy.ray.application:build sentiment=model_store/sentiment.mar

How many replicas, how large a batch and how long a queue is said by the archive, as to TorchServe; options overrule it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig

from deploy.ray.adding import Adding
from deploy.ray.door import Door
from deploy.ray.replica import GivenArchive, Replica
from deploy.ray.unpacking import settings_in, unpacked

QUEUE, DELAY_MS, BATCH, TIMEOUT_S = 100, 100, 1, 120
"""TorchServe's own defaults, and config.properties', where an archive says nothing."""
QUIET = {"enable_access_log": False, "log_level": "WARNING"}
"""An access log holds addresses, and a client may put a text into one."""
Count = Annotated[int, Field(ge=1)]


class ApplicationOptions(BaseModel):
    """What the application is told; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    archives: dict[str, Path]
    """Model name -> archive file."""
    sha256: dict[str, str] = {}
    """Model name -> digest that its archive must have."""
    folder: Path
    """Where archives are unpacked; of this user alone, on each node."""
    device: Literal["cpu", "gpu"] = "cpu"
    """`gpu`: one for each replica."""
    replicas: Count | None = None
    """Of each model at least; by default the archive's `minWorkers`."""
    max_replicas: Count | None = None
    """At most; by default the archive's `maxWorkers`, or `replicas` where those are given."""
    cpus: float = 1.0
    """Cores, and so threads, of each replica."""
    batch_size: Count | None = None
    max_batch_delay: Count | None = None
    """ms."""


def build(options: ApplicationOptions) -> Application:
    """The application, its archives checked.

    Raises:
        LabError: an archive must not be served.
    """
    totals = serve.deployment(Adding).options(name="metrics", **_light()).bind()
    models, versions = {}, {}
    for name, archive in options.archives.items():
        folder = unpacked(archive.resolve(), options.folder, sha256=options.sha256.get(name))
        found = settings_in(folder)
        versions[name] = found.version
        given = _given(name, archive, folder, found.settings, options)
        deployment = serve.deployment(Replica).options(name=name, **_of_model(given, found.settings, options))
        models[name] = deployment.bind(given, totals)
    return serve.deployment(Door).options(name="door", **_light()).bind(models, versions, totals)


def _light() -> dict[str, Any]:
    """Of deployments that take no core, and any number of requests."""
    return {"ray_actor_options": {"num_cpus": 0}, "max_ongoing_requests": 10_000, "logging_config": QUIET}


def _given(
    name: str, archive: Path, folder: Path, settings: Mapping[str, Any], options: ApplicationOptions
) -> GivenArchive:
    return GivenArchive(
        name=name,
        archive=str(archive.resolve()),
        sha256=folder.name,
        folder=str(options.folder.resolve()),
        device="cuda:0" if options.device == "gpu" else "cpu",
        batch_size=options.batch_size or int(settings.get("batchSize", BATCH)),
        delay_s=(options.max_batch_delay or int(settings.get("maxBatchDelay", DELAY_MS))) / 1000,
        timeout_s=float(settings.get("responseTimeout", TIMEOUT_S)),
    )


def _of_model(given: GivenArchive, settings: Mapping[str, Any], options: ApplicationOptions) -> dict[str, Any]:
    """How one model's deployment scales, queues and is watched over."""
    least = options.replicas or int(settings.get("minWorkers", 1))
    most = options.max_replicas or options.replicas or int(settings.get("maxWorkers", least))
    gpu = {"num_gpus": 1} if options.device == "gpu" else {}
    return {
        "ray_actor_options": {"num_cpus": options.cpus, **gpu},
        "autoscaling_config": AutoscalingConfig(
            min_replicas=least,
            max_replicas=max(least, most),
            initial_replicas=least,
            target_ongoing_requests=2 * given.batch_size,
        ),
        "max_ongoing_requests": 2 * given.batch_size,  # one batch that is judged, and one that fills
        "max_queued_requests": int(settings.get("jobQueueSize", QUEUE)),
        "max_constructor_retry_count": 1,  # a model that is refused once is refused again
        "health_check_period_s": 5,
        "health_check_timeout_s": given.timeout_s,
        "graceful_shutdown_timeout_s": given.timeout_s,
        "logging_config": QUIET,
    }
