"""The metrics of all replicas added up, and their page for Prometheus: TorchServe's names, labels and buckets."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from deploy.ray.metric_lines import MetricLine, declared_metrics

HOST = "Hostname"
_KINDS = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


class Totals:
    """Counters go up, a gauge is what was written last, histograms observe.

    Args:
        host: where the server runs; a label of every metric.
    """

    def __init__(self, host: str) -> None:
        disable_created_metrics()
        self._host, self._registry = host, CollectorRegistry()
        self._metrics = {
            each.name: _KINDS[each.kind](each.name, each.name, [*each.labels, HOST], registry=self._registry)
            for each in declared_metrics()
        }

    def add(self, lines: Iterable[MetricLine]) -> None:
        """Add what a replica wrote."""
        for name, value, labels in lines:
            metric = self._metrics[name].labels(*labels, self._host)
            if isinstance(metric, Counter):
                metric.inc(value)
            elif isinstance(metric, Gauge):
                metric.set(value)
            else:
                metric.observe(value)

    def page(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)
