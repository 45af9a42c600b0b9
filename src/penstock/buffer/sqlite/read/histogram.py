"""When events came that fit a question, and how they stand, on SQLite: counted where there is an index, else concluded.

What an index leads to is counted one by one, the newest first. Of all others some of each bar are looked at; what ended
badly, which people look for, is counted all the same while it is little.
"""

import bisect
import collections
import itertools
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet

from penstock.buffer.port.notes import company_given
from penstock.buffer.port.search import Histogram
from penstock.buffer.rules.bars import concluded, starts_of, step_of
from penstock.buffer.rules.spread import scattered
from penstock.buffer.sqlite.log.segments import came_at, events_beside, first_seq, last_seq, source_at
from penstock.buffer.sqlite.read.candidates import UNTIL, Candidates
from penstock.buffer.sqlite.read.gauge import first_from
from penstock.buffer.sqlite.rows import read_standing, state_of
from penstock.event import Event

# Events counted one by one, looked at of all bars together, and of those that ended badly, for one histogram.
WALKED_MAX, SAMPLED_MAX, BAD_MAX = 600, 600, 1_000
# So much time is shown at least, where no shorter time was asked for.
SHOWN_S_MIN = 1_800.0
# Places of the log are large: of their squares no digit is to be lost.
SEEDS = 100_003
BAD = """
SELECT seq, outcome FROM outcome WHERE destination = ? AND outcome IN ('dead', 'rejected') AND seq >= ? AND seq < ?
ORDER BY seq LIMIT ?
"""
StandingCounts = collections.Counter[str]


class EventsOverTime:
    """The events that fit one question."""

    def __init__(self, candidates: Candidates, sources: Collection[str]) -> None:
        self.candidates, self.events, self.delivery = candidates, candidates.events, candidates.delivery
        self.destination, self.query = candidates.destination, candidates.query
        self.sources = set(sources) & {self.query.source} if self.query.source else set(sources)

    def histogram(self, now: float) -> Histogram:
        """Return their figures up to now, or to where the question ends."""
        oldest = first_seq(self.events)
        came = came_at(self.events, oldest) if oldest else None
        # What came just now came before the end.
        until = min(now + 1, now + 1 if self.query.until is None else self.query.until)
        # Of what came just now, more is shown than its few seconds.
        since = max(self.query.since or 0.0, 0.0 if came is None else min(came / 1000, now - SHOWN_S_MIN))
        if came is None or until <= since:
            return Histogram(first=until, step_s=step_of(until, until), bars=(), looked_at=0)
        starts, step = starts_of(since, until), step_of(since, until)
        return self._counted(starts, step) if self.candidates.are_indexed else self._concluded(starts, step, until)

    def _counted(self, starts: list[float], step: int) -> Histogram:
        counts, looked_at, from_at = [StandingCounts() for _ in starts], 0, None
        for seq, event, keys in self.candidates.before(UNTIL):
            if looked_at == WALKED_MAX:
                from_at = event.received_at_ms / 1000
                break
            looked_at += 1
            bar = int((event.received_at_ms / 1000 - starts[0]) // step)
            if 0 <= bar < len(starts) and (state := self._fitting(seq, event, keys)):
                counts[bar][state] += 1
        return Histogram(first=starts[0], step_s=step, bars=counts, looked_at=looked_at, from_at=from_at)

    def _fitting(self, seq: int, event: Event, keys: AbstractSet[str]) -> str:
        """Return how an event stands; empty when it does not fit."""
        if event.source not in self.sources or not self.query.takes(event, keys):
            return ""
        state, notes, known = read_standing(self.delivery, self.destination, seq, event)
        is_theirs = self.candidates.meant.takes(known, keys, company_given(notes))
        return state if is_theirs and self.query.state in {"", state} else ""

    def _concluded(self, starts: list[float], step: int, until: float) -> Histogram:
        edges = list(self._edges([*starts, min(starts[-1] + step, until)]))
        bad = self._bad(edges)
        places = [seq for seq, _ in bad]
        filled = sum(low < high for low, high in itertools.pairwise(edges))
        each = max(1, SAMPLED_MAX // max(filled, 1))
        bars, looked_at, is_estimated = list[dict[str, float]](), len(bad), False
        for low, high in itertools.pairwise(edges):
            own = bad[bisect.bisect_left(places, low) : bisect.bisect_left(places, high)]
            apart = {seq for seq, _ in own}
            some = self._some(low, high, each)
            seen = [seen for seen in some if seen[0] not in apart]
            fitting = StandingCounts(state for found in seen if (state := self._standing(*found)))
            bar = concluded(high - low - len(own), len(seen), fitting)
            for seq, outcome in own:
                if self.query.state in {"", outcome} and source_at(self.events, seq) in self.sources:
                    bar[outcome] = bar.get(outcome, 0.0) + 1
            looked_at, is_estimated = looked_at + len(seen), is_estimated or high - low > len(some)
            bars.append(bar)
        return Histogram(first=starts[0], step_s=step, bars=bars, looked_at=looked_at, is_estimated=is_estimated)

    def _edges(self, times: list[float]) -> Iterator[int]:
        """Yield the place of the first event from each time on."""
        low, beyond = first_seq(self.events) or 1, last_seq(self.events) + 1
        for at in times:
            low = first_from(self.events, int(at * 1000), low=low, high=beyond)
            yield low

    def _bad(self, edges: list[int]) -> list[tuple[int, str]]:
        """Return what ended badly, by place; nothing when it is so much that a few of it tell, or must be read for its type."""
        if self.delivery is None or self.query.type:
            return []
        asked = [self.destination, edges[0], edges[-1], BAD_MAX + 1]
        found = self.delivery.execute(BAD, asked).fetchall()
        return found if len(found) <= BAD_MAX else []

    def _some(self, low: int, high: int, count: int) -> list[tuple[int, str, str]]:
        """Return place, source and type of some events between two places; types are read only where they matter.

        Then they are of one segment in the middle: to read one event costs as much as all that were stored with it.
        """
        if not self.query.type:
            return [
                (seq, source_at(self.events, seq), "") for seq in scattered(range(low, high), count, seed=low % SEEDS)
            ]
        if low == high:
            return []
        stored = [each for each in events_beside(self.events, (low + high - 1) // 2) if low <= each[0] < high]
        return [(seq, event.source, event.type) for seq, event in scattered(stored, count)]

    def _standing(self, seq: int, source: str, type_: str) -> str:
        """Return how an event stands; empty when it does not fit."""
        if source not in self.sources or type_ != self.query.type:
            return ""
        state = state_of(self.delivery, self.destination, seq)
        return state if self.query.state in {"", state} else ""
