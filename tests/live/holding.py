"""A process that answers nothing for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def held(process: psutil.Process) -> Iterator[None]:
    """A worker whose batch takes until somebody resumes it, at the latest until the block ends."""
    process.suspend()
    try:
        yield
    finally:
        if process.is_running():
            process.resume()
