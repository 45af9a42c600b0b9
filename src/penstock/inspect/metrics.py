"""GET /metrics: the status and the snapshots as Prometheus metrics. No user or company ids as labels."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from penstock.inspect.standing import STATES
from penstock.inspect.status import Status, StatusReader
from penstock.machine.snapshot import Snapshots

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds of the duration of one call, in seconds.
DURATION_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PenstockCollector(Collector):
    """Turns what is known at the time of the scrape into metrics; keeps no counts of its own."""

    def __init__(self, *, reader: StatusReader, snapshots: Snapshots) -> None:
        self.reader, self.snapshots = reader, snapshots

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        status = self.reader.read()
        yield from _counts(status)
        yield from _roles(status)
        yield GaugeMetricFamily(
            "penstock_erasures_late", "Erasures past their deadline.", value=len(status.late_erasures)
        )
        yield from _progress(status, now=self.reader.clock.now())
        yield from _ingest(self.snapshots.read("accept"))
        yield from _calls(self.snapshots.read("deliver"))
        yield from _alerts(self.snapshots.read("operate"))


def render_metrics(*, reader: StatusReader, snapshots: Snapshots) -> bytes:
    """Return the exposition text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PenstockCollector(reader=reader, snapshots=snapshots))
    return generate_latest(registry)


def _counts(status: Status) -> Iterator[Metric]:
    build = GaugeMetricFamily("penstock_build_info", "Version that runs.", labels=["version"])
    build.add_metric([status.version], 1)
    accepted = CounterMetricFamily("penstock_events_accepted", "Events stored.", labels=["source"])
    received = CounterMetricFamily("penstock_events_received", "Events for a destination.", labels=["destination"])
    outcome = CounterMetricFamily("penstock_events_outcome", "How events ended.", labels=["destination", "outcome"])
    depth = GaugeMetricFamily("penstock_waiting_events", "Events without an outcome.", labels=["destination"])
    retrying = GaugeMetricFamily("penstock_retrying_events", "Events that failed before.", labels=["destination"])
    parked = GaugeMetricFamily("penstock_parked_events", "Events of unknown people.", labels=["destination"])
    calls = CounterMetricFamily(
        "penstock_calls", "Calls planned, sent and saved.", labels=["destination", "path", "kind"]
    )
    oldest = GaugeMetricFamily("penstock_waiting_oldest_seconds", "Age of the oldest.", labels=["destination"])
    held = GaugeMetricFamily(
        "penstock_destination_held", "1 while held, or while no call gets through.", labels=["destination"]
    )
    for source, count in status.accepted.items():
        accepted.add_metric([source], count)
    for name, destination in status.destinations.items():
        received.add_metric([name], destination.received)
        depth.add_metric([name], destination.waiting)
        retrying.add_metric([name], destination.retrying)
        parked.add_metric([name], destination.parked)
        for path, figures in destination.calls.items():
            for kind, count in dataclasses.asdict(figures).items():
                calls.add_metric([name, path, kind], count)
        oldest.add_metric([name], destination.oldest_waiting_s or 0.0)
        held.add_metric([name], destination.state in {"held", "down"})
        for ending, count in destination.outcomes.items():
            outcome.add_metric([name, ending], count)
    yield from (build, accepted, received, outcome, depth, retrying, parked, calls, oldest, held)


def _roles(status: Status) -> Iterator[Metric]:
    up = GaugeMetricFamily("penstock_role_up", "1 while the loop of a process turns.", labels=["role"])
    restarts = CounterMetricFamily(
        "penstock_restarts", "Unexpected ends of a process since serve began.", labels=["role"]
    )
    age = GaugeMetricFamily("penstock_role_beat_age_seconds", "Since that loop turned last.", labels=["role"])
    for role, found in status.roles.items():
        up.add_metric([role], found.state == "running")
        age.add_metric([role], found.beat_age_s)
        restarts.add_metric([role], found.restarts)
    yield from (up, age, restarts)


def _progress(status: Status, *, now: float) -> Iterator[Metric]:
    moved = GaugeMetricFamily(
        "penstock_last_progress_timestamp_seconds", "When an event ended last, or could.", labels=["destination"]
    )
    state = GaugeMetricFamily("penstock_destination_state", "1 for the present one.", labels=["destination", "state"])
    for name, destination in status.destinations.items():
        if destination.still_s is not None:
            moved.add_metric([name], now - destination.still_s)
        for each in STATES:
            state.add_metric([name, each], destination.state == each)
    yield from (moved, state)


def _ingest(snapshot: Mapping[str, object]) -> Iterator[Metric]:
    requests = CounterMetricFamily("penstock_ingest_requests", "Requests to ingest.", labels=["source", "code"])
    events = CounterMetricFamily("penstock_ingest_events", "Events in accepted requests.", labels=["source", "type"])
    for family, key in ((requests, "requests"), (events, "events")):
        for source, second, count in cast("list[tuple[str, str, int]]", snapshot.get(key, [])):
            family.add_metric([source, str(second)], count)
    lost = CounterMetricFamily(
        "penstock_ingest_possibly_lost",
        "Events that ingest did not take; requests for reason origin.",
        labels=["source", "reason"],
    )
    for source, why, count in cast("list[tuple[str, str, int]]", snapshot.get("lost", [])):
        lost.add_metric([source, why], count)
    yield from (requests, events, lost)


def _calls(snapshot: Mapping[str, object]) -> Iterator[Metric]:
    attempts = CounterMetricFamily("penstock_attempts", "Calls sent.", labels=["destination", "path", "status_class"])
    duration = HistogramMetricFamily("penstock_attempt_duration_seconds", "Time to an answer.", labels=["destination"])
    limit = GaugeMetricFamily("penstock_rate_limit_per_second", "Learned or set limit.", labels=["destination"])
    for name, facts in snapshot.items():
        live = cast("Mapping[str, object]", facts)
        for path, status_class, count in cast("list[tuple[str, str, int]]", live.get("attempts", [])):
            attempts.add_metric([name, path, status_class], count)
        buckets = cast("list[int]", live.get("duration_buckets", []))
        duration.add_metric([name], _buckets(buckets), cast("float", live.get("duration_sum_s", 0.0)))
        if live.get("limit_per_s") is not None:
            limit.add_metric([name], cast("float", live["limit_per_s"]))
    yield from (attempts, duration, limit)


def _alerts(snapshot: Mapping[str, object]) -> Iterator[Metric]:
    active = GaugeMetricFamily("penstock_alert_active", "1 for each problem that goes on.", labels=["rule", "subject"])
    waiting = GaugeMetricFamily("penstock_alert_recipients_waiting", "Recipients who have a message on its way.")
    found = cast("Mapping[str, object]", snapshot.get("alerts", {}))
    for rule, subject in cast("list[tuple[str, str]]", found.get("active", [])):
        active.add_metric([rule, subject], 1)
    waiting.add_metric([], cast("int", found.get("waiting", 0)))
    yield from (active, waiting)


def _buckets(counts: list[int]) -> list[tuple[str, float]]:
    """Return cumulative buckets as Prometheus wants them."""
    bounds = [*(str(bound) for bound in DURATION_BUCKETS_S), "+Inf"]
    padded = counts + [0] * (len(bounds) - len(counts))
    return [(bound, float(sum(padded[: i + 1]))) for i, bound in enumerate(bounds)]
