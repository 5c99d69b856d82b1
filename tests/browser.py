"""A real headless Chromium, where there is one: what it makes of an address, and what it says about it."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Seen(NamedTuple):
    """One page in the browser."""

    dom: str
    """After everything on the page has run, written as HTML again."""
    log: str
    """The browser's own, with what it refused to do."""


class Browser:
    """Opens addresses, each in a new process with a profile of its own."""

    def __init__(self, command: str, profile: Path) -> None:
        self._command = [command, "--headless=new", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"]
        self._command += ["--disable-background-networking", "--enable-logging=stderr", "--virtual-time-budget=4000"]
        if os.geteuid() == 0:
            self._command.append("--no-sandbox")  # Chromium's sandbox does not start for root

    def open(self, url: str) -> Seen:
        """The page at `url`."""
        done = subprocess.run(
            [*self._command, "--dump-dom", url], capture_output=True, text=True, timeout=90, check=True
        )
        return Seen(done.stdout, done.stderr)


def find_browser(profile: Path) -> Browser:
    """The browser of this machine; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    return Browser(found, profile)
