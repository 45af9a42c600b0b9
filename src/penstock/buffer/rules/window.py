"""The events that were taken from the log and stand nowhere else yet: live ones that were never tried. Pure.

Where they stand in their lanes follows from the log, so nothing is written down of them until they end, or have to stand in
the file: because one was tried and comes back, is parked or has waited for long, or because an event that stands in the file
comes into one of their lanes.

*What is always so:*

1. A lane is here or in the file, never in both: an event in it waits for none but those in front of it here.
2. They come in the order of the log, and each stands behind all that came before it in its lanes. So none behind is under
   way before those in front, but for followers, which end with the first or go back to their places.
3. All that came before the first of them has an outcome, or stands in the file: the place in front of it is how far the file
   has followed the log. What is lost with the process is read again from there.
"""

import bisect
import collections
import dataclasses
import heapq
import itertools
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import ClassVar

from penstock.buffer.rules.lanes import place_in_log
from penstock.event import Event, Lane


@dataclasses.dataclass(slots=True)
class Fresh:
    """An event that waits, and was never tried."""

    seq: int
    event: Event
    lanes: tuple[Lane, ...]
    #: The person its visitor became.
    became: Lane
    #: Since when it could be handed out, in steady seconds.
    due: float
    #: Of how many of its lanes it is not the first.
    blocked: int = 0
    #: Where it stands, here as in the file.
    position: int = dataclasses.field(init=False)
    attempt: ClassVar[int] = 1
    first_failed_at: ClassVar[float | None] = None
    parked_at: ClassVar[float | None] = None
    job: ClassVar[int] = 0
    is_anew: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Find its place once: it is asked for again and again."""
        self.position = place_in_log(self.seq)


class Window:
    """Those of one destination."""

    def __init__(self) -> None:
        self.entries: collections.OrderedDict[int, Fresh] = collections.OrderedDict()
        self.lanes: dict[Lane, list[int]] = {}
        self.bytes = 0
        # By due and position: all that can be handed out, and some that cannot any more.
        self.ready: list[tuple[float, int]] = []

    def __contains__(self, position: object) -> bool:
        return position in self.entries

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def first(self) -> Fresh | None:
        """Return the oldest; None when there is none."""
        return next(iter(self.entries.values()), None)

    @property
    def next_due(self) -> float:
        """Return when the next can be handed out, in steady seconds, or before; infinity when none can."""
        return self.ready[0][0] if self.ready else math.inf

    def stands_in(self, lane: Lane) -> bool:
        """Return whether an event stands in a lane."""
        return lane in self.lanes

    def enter(self, fresh: Fresh) -> None:
        """Take in the next event of the log, behind all others of its lanes."""
        position = fresh.position
        self.entries[position] = fresh
        self.bytes += len(fresh.event.body)
        for lane in fresh.lanes:
            if (others := self.lanes.get(lane)) is None:
                self.lanes[lane] = [position]
            else:
                others.append(position)
                fresh.blocked += 1
        if not fresh.blocked:
            heapq.heappush(self.ready, (fresh.due, position))

    def leave(self, position: int, now: float) -> Fresh:
        """Let an event go; the next of each of its lanes moves up."""
        gone = self.entries.pop(position)
        self.bytes -= len(gone.event.body)
        for lane in gone.lanes:
            others = self.lanes[lane]
            was_first = others[0] == position
            others.remove(position)
            if not others:
                del self.lanes[lane]
            elif was_first:
                self._move_up(self.entries[others[0]], now)
        return gone

    def drop(self, position: int) -> None:
        """Let an event go that stands elsewhere from now on, and all behind it with it, the last first: none moves up."""
        gone = self.entries.pop(position)
        self.bytes -= len(gone.event.body)
        for lane in gone.lanes:
            self.lanes[lane].pop()
            if not self.lanes[lane]:
                del self.lanes[lane]

    def clear(self) -> None:
        """Hold nothing."""
        self.entries.clear()
        self.lanes.clear()
        self.ready.clear()
        self.bytes = 0

    def pick(self, now: float, *, limit: int, under_way: Container[int]) -> list[Fresh]:
        """Take out those that can be handed out, the longest due first; what is not handed out has to be put back."""
        picked = dict[int, Fresh]()
        while self.ready and len(picked) < limit and self.ready[0][0] <= now:
            position = heapq.heappop(self.ready)[1]
            fresh = self.entries.get(position)
            if fresh is not None and not fresh.blocked and position not in under_way:
                picked[position] = fresh
        return list(picked.values())

    def put_back(self, positions: Iterable[int]) -> None:
        """Let events be handed out again that were not, or whose leases ended without a verdict."""
        for position in positions:
            fresh = self.entries.get(position)
            if fresh is not None and not fresh.blocked:
                heapq.heappush(self.ready, (fresh.due, position))

    def behind(self, run: Sequence[int], *, under_way: Container[int]) -> Iterator[Fresh]:
        """Yield events that wait for nothing but a run, and for those yielded before them, in order."""
        together, lanes = set(run), self.entries[run[0]].lanes
        own = self.lanes[lanes[0]] if lanes else []
        # A run is the beginning of its own lane.
        for position in own[bisect.bisect_right(own, run[-1]) :]:
            fresh = self.entries[position]
            others = (lane for lane in fresh.lanes if lane != lanes[0])
            if position in under_way or not all(self._is_next(lane, position, together) for lane in others):
                return
            yield fresh
            together.add(position)

    def component(self, positions: Iterable[int] = (), lanes: Iterable[Lane] = ()) -> list[Fresh]:
        """Return events, everybody in their and in some other lanes, in the lanes of those, and so on, in the order of the log."""
        seen, found = set[Lane](), set(positions)
        todo = [*lanes, *(lane for position in found for lane in self.entries[position].lanes)]
        while todo:
            lane = todo.pop()
            if lane in seen:
                continue
            seen.add(lane)
            for position in self.lanes.get(lane, ()):
                if position not in found:
                    found.add(position)
                    todo += self.entries[position].lanes
        return [self.entries[position] for position in sorted(found)]

    def _move_up(self, fresh: Fresh, now: float) -> None:
        fresh.blocked -= 1
        fresh.due = max(fresh.due, now)
        if not fresh.blocked:
            heapq.heappush(self.ready, (fresh.due, fresh.position))

    def _is_next(self, lane: Lane, position: int, together: Container[int]) -> bool:
        return all(
            other in together for other in itertools.takewhile(lambda other: other != position, self.lanes[lane])
        )
