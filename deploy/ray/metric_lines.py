"""Metrics as lines that a replica hands on: which there are, and a writer for each. One process adds all of them up."""

from pathlib import Path
from typing import NamedTuple

import yaml

import handler

DECLARED = Path(handler.__file__).with_name("metrics.yaml")
OURS = "xgraad_"
"""How the names begin of those that the handler writes; the others in the file are TorchServe's own."""


class DeclaredMetric(NamedTuple):
    """One that the handler may write."""

    name: str
    kind: str
    """`counter`, `gauge` or `histogram`."""
    labels: tuple[str, ...]


class MetricLine(NamedTuple):
    """One value."""

    name: str
    value: float
    labels: tuple[str, ...]
    """Values, in the order of the declared names."""


def declared_metrics(path: Path = DECLARED) -> list[DeclaredMetric]:
    """The handler's, as the file declares them."""
    kinds = yaml.safe_load(path.read_text(encoding="utf-8"))["model_metrics"]
    return [
        DeclaredMetric(entry["name"], kind, tuple(entry["dimensions"]))
        for kind, entries in kinds.items()
        for entry in entries
        if entry["name"].startswith(OURS)
    ]


class LineWriter:
    """What the handler takes for one metric: it appends to the lines of all."""

    def __init__(self, name: str, lines: list[MetricLine]) -> None:
        self._name, self._lines = name, lines

    def add_or_update(self, value: float, dimension_values: list[str], /) -> None:
        """Add to a counter, set a gauge, or observe a value, wherever the line is read."""
        self._lines.append(MetricLine(self._name, value, tuple(dimension_values)))
