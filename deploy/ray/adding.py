"""The one process that adds up the metrics of all replicas, which come and go."""

import socket
from collections.abc import Sequence

from deploy.ray.metric_lines import MetricLine
from deploy.ray.ports import keep_to_loopback
from deploy.ray.totals import Totals


class Adding:
    """Keeps the totals. When it is replaced they begin at zero again, as Prometheus expects of counters."""

    def __init__(self) -> None:
        keep_to_loopback()
        self._totals = Totals(socket.gethostname())

    def add(self, lines: Sequence[MetricLine]) -> None:
        """Add what a replica wrote."""
        self._totals.add(lines)

    def page(self) -> bytes:
        """For Prometheus."""
        return self._totals.page()
