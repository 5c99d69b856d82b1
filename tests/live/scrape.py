"""What Prometheus would read at a server's metrics port."""

import re
import time
from collections.abc import Callable

import requests

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
_SAMPLE = re.compile(r"(\w+)(?:\{(.*?),?\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def scrape(port: int) -> Samples:
    """Value by name and labels; Hostname is left out."""
    with requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
        assert reply.status_code == 200
        lines = [line for line in reply.text.splitlines() if line and not line.startswith("#")]
    samples: Samples = {}
    for line in lines:
        found = _SAMPLE.fullmatch(line)
        assert found, line
        labels = frozenset(label for label in _LABEL.findall(found[2] or "") if label[0] != "Hostname")
        samples[found[1], labels] = float(found[3])
    return samples


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum over all samples with these labels."""
    wanted = set(labels.items())
    return sum(number for (own, found), number in samples.items() if own == name and wanted <= found)


def wait_for(port: int, condition: Callable[[Samples], bool], *, seconds: float = 15.0) -> Samples:
    """What the server shows once `condition` holds; it reads its workers' output a little later than they write it."""
    deadline = time.monotonic() + seconds
    while not condition(samples := scrape(port)):
        assert time.monotonic() < deadline, "the server does not show what was waited for"
        time.sleep(0.2)
    return samples
