"""Make targets in a fresh clone, as a stranger would run them: nothing installed, nothing left over."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.console.errors import LabError


class TargetRun(NamedTuple):
    """One `make` target in a clone."""

    target: str
    passed: bool
    seconds: float
    last_lines: str


def run_targets(project: Path, clone: Path, targets: Sequence[str]) -> Iterator[TargetRun]:
    """Clone the committed state of `project` to `clone` and run the targets there, one after the other.

    Raises:
        LabError: the clone cannot be made.
    """
    cloned = subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=False)  # noqa: S607
    if cloned.returncode:
        raise LabError(f"{project} cannot be cloned; is it a git repository with a commit?")
    for target in targets:
        start = time.monotonic()
        done = subprocess.run(
            ["make", target],  # noqa: S607
            cwd=clone,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        tail = "\n".join(done.stdout.splitlines()[-8:])
        yield TargetRun(target, done.returncode == 0, time.monotonic() - start, tail)
