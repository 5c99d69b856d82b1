"""Ray and Serve on this machine alone, for a laptop: everything listens on the loopback address, and nobody is told."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.ray.loopback import LOCAL, LOOPBACK

os.environ.update(LOCAL)  # before Ray is imported, which reads it once

import ray
from ray import serve
from ray.serve import Application

from scripts.console.errors import LabError

NAME = "xgraad"
"""Of the application."""
_REASON = re.compile(r"^(?:[\w.]*\.)?(?:RuntimeError|LabError|IntegrityError|UnfitModelError): (.+)", re.MULTILINE)


@contextmanager
def running(application: Application, *, port: int, show_log: bool) -> Iterator[None]:
    """The application, ready, for the time of a `with` block, on a Ray of its own.

    Raises:
        LabError: a model did not load; the message says why.
    """
    ray.init(address="local", include_dashboard=False, log_to_driver=show_log, logging_level="ERROR")
    try:
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": LOOPBACK, "port": port},
            logging_config={"enable_access_log": False, "log_level": "WARNING"},
        )
        _run(application)
        yield
    finally:
        serve.shutdown()
        ray.shutdown()


def _run(application: Application) -> None:
    try:
        serve.run(application, name=NAME)
    except RuntimeError as error:
        said = [each.message for each in serve.status().applications[NAME].deployments.values()]
        reasons = [reason for message in said for reason in _REASON.findall(message)]
        raise LabError(f"a model did not load: {reasons[-1] if reasons else error}") from error
