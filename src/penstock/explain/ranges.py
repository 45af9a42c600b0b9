"""What all events of a range of time fill, counted a part at a time: each look at the page counts on from the last one."""

import collections
import dataclasses
import threading
from collections.abc import Callable, Collection, Sequence

from penstock import causes
from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.port.shelf import Shelf, Story
from penstock.destinations.options import Options
from penstock.explain.budget import within_budget
from penstock.explain.fields import Tally, tally

#: Hours, by how a range is called.
RANGES = {"1 h": 1, "24 h": 24, "7 d": 7 * 24, "30 d": 30 * 24}
USUAL = "24 h"
# Events read and counted at a time, and how often that is done for one look: a tenth of a second of work.
SLICE, SLICES_OF_A_LOOK = 250, 4
# Of large events fewer are counted at a time.
SLICE_BYTES_MAX = 2_000_000
# Counts that are kept, and for how long one is shown that came to its end.
KEPT_MAX, KEPT_S = 8, 600.0


@dataclasses.dataclass(slots=True)
class RangeCount:
    """How far the count of a range has come: from the newest event that there was, backwards."""

    #: When the range begins, and when the count did, in seconds since 1970.
    since: float
    at: float
    before_seq: int = SEQ_MAX
    found: Tally = dataclasses.field(default_factory=Tally)
    is_done: bool = False

    def go_on(self, stories: Sequence[Story], sources: Collection[str], read_as: Callable[[str], Options]) -> None:
        """Count the next events, the newest of those that are left, oldest first; none: that was all."""
        inside = [story for story in stories if story.event.received_at_ms >= self.since * 1000]
        ours = [story for story in inside if story.event.source in sources and story.cause != causes.STUCK]
        self.found = self.found.with_older(within_budget(tally, ours, read_as))
        self.before_seq = stories[0].seq if stories else self.before_seq
        self.is_done = len(inside) < len(stories) or not stories


class RangeCounts:
    """The counts that people look at."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf, self.looking = shelf, threading.Lock()
        self.kept: collections.OrderedDict[object, RangeCount] = collections.OrderedDict()

    def look(
        self,
        name: str,
        range_: str,
        sources: Collection[str],
        read_as: Callable[[str], Options],
        *,
        now: float,
        key: str,
    ) -> RangeCount:
        """Return what the events of a range fill, as far as it is counted. Raises TooCostly.

        `key` tells one reading of events, `read_as`, from others.
        """
        with self.looking:
            count = self.kept.get((name, range_, key))
            if count is None or (count.is_done and not 0 <= now - count.at < KEPT_S):
                count = RangeCount(since=now - RANGES[range_] * 3600, at=now)
            self.kept[name, range_, key] = count
            self.kept.move_to_end((name, range_, key))
            while len(self.kept) > KEPT_MAX:
                self.kept.popitem(last=False)
            for _ in range(SLICES_OF_A_LOOK):
                if count.is_done:
                    break
                count.go_on(self._slice(name, count.before_seq), sources, read_as)
            return dataclasses.replace(count)

    def _slice(self, name: str, before_seq: int) -> list[Story]:
        """Return the newest events before a place, oldest first."""
        stories = list(self.shelf.stories(name, before_seq=before_seq, limit=SLICE, newest=True))
        taken, bytes_ = 0, 0
        for story in reversed(stories):
            taken, bytes_ = taken + 1, bytes_ + len(story.event.body)
            if bytes_ >= SLICE_BYTES_MAX:
                break
        return stories[len(stories) - taken :]
