"""Overview: one sentence about everything, then figures that add up."""

import dataclasses

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.web import Pages, Visit
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.gauge import Gauge
from penstock.buffer.port.shelf import Shelf
from penstock.causes import explained
from penstock.inspect.ledger import saved_percent
from penstock.inspect.overview import CHART_MINUTES, Chart, drain_s, ended_chart, lag_chart, pace_per_s, verdict
from penstock.inspect.status import DestinationStatus, StatusReader

# Events looked at for the time that those of one minute took.
SAMPLE, PROBLEMS = 20, 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """The last hour of a destination."""

    ended: Chart
    lags: Chart
    per_s: float
    drain_s: float | None
    #: Of a hundred upserts, how many were not needed; None before there was one.
    saved: int | None


class OverviewPages:
    """The first page."""

    def __init__(self, pages: Pages, *, reader: StatusReader, shelf: Shelf, gauge: Gauge, dead: DeadLetters) -> None:
        self.pages, self.reader, self.shelf, self.gauge, self.dead = pages, reader, shelf, gauge, dead

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [self.pages.show("/", self.overview, right="look")]

    def overview(self, visit: Visit) -> Response:
        """Show how everything stands."""
        status = self.reader.read()
        problems = [(name, problem) for name in status.destinations for problem in self.dead.problems(name)]
        problems.sort(key=lambda each: -each[1].count)
        return visit.page(
            "overview.html",
            status=status,
            verdict=verdict(status),
            problems=[(name, problem, explained(problem.cause)) for name, problem in problems[:PROBLEMS]],
            lately={name: self._lately(name, destination) for name, destination in status.destinations.items()},
            sources=self.reader.settings.sources,
        )

    def _lately(self, name: str, destination: DestinationStatus) -> Lately:
        now_s = self.reader.clock.now()
        now = int(now_s // 60)
        since = now - CHART_MINUTES + 1
        minutes = self.shelf.by_minute(name, since=since)
        per_s = pace_per_s(minutes, now_s)
        return Lately(
            ended=ended_chart(minutes, now),
            lags=lag_chart(self.gauge.lags(name, since=since, until=now, of_each=SAMPLE), now),
            per_s=per_s,
            drain_s=drain_s(destination, per_s),
            saved=saved_percent(destination.calls),
        )
