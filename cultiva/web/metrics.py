"""`/metrics` in Prometheus' text, on a listener of its own that only this machine reaches.

Read from the database when asked: web knows nothing of the workers' memory. Labels are slugs of workspaces, names of
steps and of workers (host and process), never anybody's data.
"""

import logging
from collections.abc import Iterator

from django.db import connection
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cultiva.lib import clock
from cultiva.lib.database import fetch_all
from cultiva.lib.timings import EDGES, timings_by_worker

log = logging.getLogger(__name__)


def serve_metrics(port: int | None) -> bool:
    """Open the listener in a thread; None: metrics are off. Where the port is taken, the product runs on without."""
    if port is None:
        return False
    registry = CollectorRegistry()
    registry.register(FlowMetrics())
    try:
        start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        log.warning("event=metrics.off port=%d error=%s hint=set METRICS_PORT to a free port or off", port, error)
        return False
    return True


class FlowMetrics(Collector):
    def describe(self) -> list[Metric]:
        return []  # asked when it is registered; the database may not be there yet

    def collect(self) -> Iterator[Metric]:
        try:
            yield from [*waiting(), *step_times()]
        finally:
            connection.close()  # each request has a thread of its own


def waiting() -> Iterator[Metric]:
    stages = GaugeMetricFamily("cultiva_flow_waiting", "Rows that wait, by queue", labels=["workspace", "queue"])
    oldest = GaugeMetricFamily("cultiva_flow_oldest_seconds", "Age of the oldest that waits", labels=["workspace"])
    failed = GaugeMetricFamily("cultiva_flow_failures", "Work that failed, by state", labels=["workspace", "state"])
    now = clock.now()
    for row in fetch_all("SELECT * FROM flow_backlog()"):
        slug = row["slug"]
        stages.add_metric([slug, "arrivals"], row["events"])
        stages.add_metric([slug, "leads"], row["leads"])
        oldest.add_metric([slug], max(0.0, (now - row["oldest"]).total_seconds()) if row["oldest"] else 0.0)
        failed.add_metric([slug, "retried"], row["retried"])
        failed.add_metric([slug, "set_aside"], row["set_aside"])
    yield from (stages, oldest, failed)


def step_times() -> Iterator[Metric]:
    times = HistogramMetricFamily(
        "cultiva_flow_step_seconds", "Time of each step, stage and of events from receipt to done",
        labels=["worker", "step"],
    )  # fmt: skip
    sizes = GaugeMetricFamily("cultiva_flow_batch_size", "Size of the last batch", labels=["worker", "stage"])
    for worker, timings in timings_by_worker().items():
        for timing in timings:
            below, buckets = 0, []
            for edge, number in zip((*map(str, EDGES), "+Inf"), timing.buckets, strict=True):
                below += number
                buckets.append((edge, below))
            times.add_metric([worker, timing.step], buckets=buckets, sum_value=timing.seconds)
            if timing.last_size:
                sizes.add_metric([worker, timing.step], timing.last_size)
    yield from (times, sizes)
