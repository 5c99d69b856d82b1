"""Ray and Serve on this machine alone, for a laptop: everything listens on the loopback address, and nobody is told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

LOOPBACK = "127.0.0.1"
LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the one switch that puts all of Ray's own ports on loopback
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_SERVE_LOG_TO_STDERR": "0",
    "HF_HUB_OFFLINE": "1",
}
os.environ.update(LOCAL)  # before Ray is imported, which reads it once

import ray  # noqa: E402
from ray import serve  # noqa: E402
from ray.serve import Application  # noqa: E402


@contextmanager
def running(application: Application, *, name: str, port: int, show_log: bool) -> Iterator[None]:
    """The application, ready, for the time of a `with` block, on a Ray of its own.

    Raises:
        RuntimeError: a model did not load; the message says why.
    """
    ray.init(address="local", include_dashboard=False, log_to_driver=show_log, configure_logging=False)
    try:
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": LOOPBACK, "port": port},
            logging_config={"enable_access_log": False, "log_level": "WARNING"},
        )
        serve.run(application, name=name)
        yield
    finally:
        serve.shutdown()
        ray.shutdown()
