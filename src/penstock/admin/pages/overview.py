"""Overview: one sentence about everything, then figures that add up."""

import dataclasses

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.web import Pages, Visit
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.gauge import Gauge
from penstock.buffer.port.issues import Issues
from penstock.buffer.port.shelf import Shelf
from penstock.inspect.charts import NAMED, RANGES, SPLITS, Chart, Range, compared, ended_chart, lag_chart, named
from penstock.inspect.cluster import SHOWN, ClusterStatus, shown
from penstock.inspect.eyes import Eyes
from penstock.inspect.first_steps import first_steps
from penstock.inspect.issues import issue_rows
from penstock.inspect.key_tests import KeyTests
from penstock.inspect.ledger import saved_percent
from penstock.inspect.overview import PACE_MINUTES, drain_s, pace_per_s, verdict
from penstock.inspect.status import DestinationStatus, StatusReader

# Events looked at for the time that those of one bar took.
SAMPLE, PROBLEMS = 20, 5
# Events whose names are looked at for one bar: each is unpacked.
NAMES = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """A destination over a range of time."""

    ended: Chart
    lags: Chart
    compared: str
    per_s: float
    drain_s: float | None
    #: Of a hundred upserts, how many were not needed; None before there was one.
    saved: int | None


class OverviewPages:
    """The first page."""

    def __init__(
        self,
        pages: Pages,
        *,
        reader: StatusReader,
        shelf: Shelf,
        gauge: Gauge,
        dead: DeadLetters,
        issues: Issues,
        key_tests: KeyTests,
    ) -> None:
        self.pages, self.reader, self.shelf, self.gauge = pages, reader, shelf, gauge
        self.dead, self.issues, self.key_tests = dead, issues, key_tests

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [self.pages.show("/", self.overview, right="look")]

    def overview(self, visit: Visit) -> Response:
        """Show how everything stands."""
        status = self.reader.read()
        asked = visit.request.query_params
        range_ = asked["range"] if asked.get("range") in RANGES else "1h"
        split = asked["split"] if asked.get("split") in SPLITS else "result"
        problems = [row for row in issue_rows(status.destinations, self.dead, self.issues) if row.is_open]
        return visit.page(
            "overview.html",
            status=status,
            cluster=self._cluster(),
            verdict=verdict(status, open_events=sum(row.problem.count for row in problems)),
            steps=first_steps(self.reader.settings, status, self.key_tests.last),
            problems=problems[:PROBLEMS],
            lately={
                name: self._lately(name, destination, RANGES[range_], split, visit.eyes)
                for name, destination in status.destinations.items()
            },
            ranges=RANGES,
            splits=list(SPLITS),
            chosen={"range": range_, "split": split},
        )

    def _cluster(self) -> ClusterStatus | None:
        """Return what is known of all nodes; None on one machine."""
        is_one = self.reader.settings.engine == "sqlite"
        return None if is_one else shown(self.reader.snapshots.read(SHOWN))

    def _names(self, name: str, range_: Range, now: int, eyes: Eyes) -> dict[int, dict[str, int]]:
        """Return the names of a few events of each bar, as the viewer may see them."""
        found = self.gauge.names(name, since=range_.since(now), until=now, of_each=NAMES, step=range_.step)
        return {minute: {eyes.text(each): n for each, n in names.items()} for minute, names in found.items()}

    def _lately(self, name: str, destination: DestinationStatus, range_: Range, split: str, eyes: Eyes) -> Lately:
        now_s = self.reader.clock.now()
        now = int(now_s // 60)
        steps = self.shelf.by_minute(name, since=range_.since(now, times=2), step=range_.step)
        lags = self.gauge.lags(name, since=range_.since(now), until=now, of_each=SAMPLE, step=range_.step)
        shown = named(steps, self._names(name, range_, now, eyes)) if split == NAMED else steps
        per_s = pace_per_s(self.shelf.by_minute(name, since=now - PACE_MINUTES + 1), now_s)
        return Lately(
            ended=ended_chart(shown, range_, now, split=split),
            lags=lag_chart(lags, range_, now),
            compared=compared(steps, range_, now),
            per_s=per_s,
            drain_s=drain_s(destination, per_s),
            saved=saved_percent(destination.calls),
        )
