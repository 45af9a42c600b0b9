"""The contract in Python's own words: the reference for tests and the simulation. Forgets everything with the process."""

import collections
import dataclasses
import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence

from penstock.buffer.memory.backlog import MemoryBacklog
from penstock.buffer.memory.ties import MemoryAcquaintances
from penstock.buffer.memory.waiting import Waiting
from penstock.buffer.port.dead_letters import Problem, ReplayProgress, Selected
from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.port.notes import company_given
from penstock.buffer.port.outcomes import TAKEN, Outcome, is_replayable
from penstock.buffer.port.query import Query, keys_of, name_of
from penstock.buffer.port.search import Found, Seen
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.shelf import Counts, EndedAs, ParkedLongest, Story
from penstock.buffer.rules.begin import ALL, since_ms
from penstock.buffer.rules.lanes import VISITOR, why_parked
from penstock.buffer.rules.spread import spread
from penstock.buffer.rules.store_shares import StoreShares, whole
from penstock.buffer.rules.whose import Chosen, Wanted, wanted
from penstock.clock import Clock
from penstock.errors import ShareUsedUp
from penstock.event import Batch, Event, MessageId, Naming, as_became


class MemoryBuffer:
    """Log and Shelf, and the Backlogs of its destinations."""

    def __init__(
        self, *, clock: Clock, waiting_events_max: float = math.inf, share_of: Callable[[str], float] = whole
    ) -> None:
        self.clock = clock
        self.shares = StoreShares(share_of=share_of, events_max=waiting_events_max)
        self.events: list[Event] = []
        self.known: set[tuple[str, MessageId]] = set()
        self.backlogs: dict[str, MemoryBacklog] = {}

    async def append(self, batches: Sequence[Batch]) -> int:
        """Store all events of some batches, or none, and return how many were new."""
        self.shares.weigh()
        for batch in batches:
            if problem := self.shares.used_up.get(batch.source, ""):
                raise ShareUsedUp(problem)
        before = len(self.events)
        for event in itertools.chain.from_iterable(batch.events() for batch in batches):
            if (event.source, event.message_id) not in self.known:
                self.known.add((event.source, event.message_id))
                self.events.append(event)
        fresh = collections.Counter(event.source for event in self.events[before:])
        was = self.shares.stored
        self.shares.stored = {s: (was.get(s, (0, 0))[0] + fresh[s], 0) for s in {*was, *fresh}}
        return len(self.events) - before

    def backlog(
        self,
        destination: str,
        sources: Callable[[], Sequence[str]],
        begin: Callable[[str], str] = lambda _: ALL,
        naming: Callable[[], Naming | None] = lambda: None,
    ) -> MemoryBacklog:
        """Return the backlog of a destination that the named sources are connected to."""
        if destination not in self.backlogs:
            self.backlogs[destination] = MemoryBacklog(
                self.events, sources, clock=self.clock, begin=self._begin(begin), naming=naming
            )
        return self.backlogs[destination]

    def _begin(self, chosen: Callable[[str], str]) -> Callable[[str], int]:
        """Return what tells behind which number a source that is new at a destination begins."""

        def place(source: str) -> int:
            is_first = not any(source in backlog.begun for backlog in self.backlogs.values())
            since = since_ms(chosen(source), now_ms=int(self.clock.now() * 1000), is_first=is_first)
            return len(self.events) if since is None else sum(e.received_at_ms < since for e in self.events)

        return place

    def accepted(self) -> Mapping[str, int]:
        """Return the number of events ever stored, by source."""
        return collections.Counter(event.source for event in self.events)

    def stored(self, source: str, *, since: float) -> int:
        """Return how many events of a source that came since a time are in store."""
        return sum(event.source == source and event.received_at_ms >= since * 1000 for event in self.events)

    def begun(self) -> Mapping[str, Collection[str]]:
        """Return by destination the sources that began there."""
        return {name: frozenset(backlog.begun) for name, backlog in self.backlogs.items()}

    def counts(self, destination: str, sources: Sequence[str]) -> Counts:
        """Return the sums for a destination."""
        backlog = self.backlogs.get(destination) or MemoryBacklog(self.events, lambda: sources, clock=self.clock)
        untaken = [
            event
            for seq, event in enumerate(self.events[backlog.cursor :], backlog.cursor + 1)
            if event.source in sources and seq > backlog.begun.get(event.source, 0)
        ]
        seqs = [*(w.seq for w in backlog.waiting.values()), *backlog.lost]
        waiting = [self.events[seq - 1] for seq in seqs] + untaken
        parked = [w for w in backlog.waiting.values() if w.parked_for]
        unparked = [self.events[w.seq - 1] for w in backlog.waiting.values() if not w.parked_for] + untaken
        unparked += [self.events[seq - 1] for seq in backlog.lost]
        return Counts(
            received=backlog.received + len(untaken),
            waiting=len(waiting),
            retrying=sum(w.attempt > 1 and not w.parked_for for w in backlog.waiting.values()),
            parked=sum(bool(w.parked_for) for w in backlog.waiting.values()),
            outcomes=collections.Counter(Outcome(story.state) for story in backlog.ended.values()),
            oldest_received_at_ms=min((event.received_at_ms for event in unparked), default=None),
            parked_longest=self._longest(parked),
        )

    def _longest(self, parked: Sequence[Waiting]) -> ParkedLongest | None:
        if not parked:
            return None
        longest = min(parked, key=lambda waiting: waiting.parked_at or 0.0)
        return ParkedLongest(
            received_at_ms=self.events[longest.seq - 1].received_at_ms,
            parked_at=longest.parked_at or 0.0,
            is_visitors=any(subject.startswith(VISITOR) for subject in longest.parked_for),
        )

    def stories(
        self,
        destination: str,
        *,
        after_seq: int = 0,
        before_seq: int = SEQ_MAX,
        limit: int = 100,
        newest: bool = False,
    ) -> Sequence[Story]:
        """Return events between two places in the log, oldest first; the first `limit`, or the newest."""
        seqs = range(after_seq + 1, min(len(self.events) + 1, before_seq))
        chosen = seqs[-limit:] if newest else seqs[:limit]
        return [self._story(destination, seq) for seq in chosen]

    def story(self, destination: str, message_id: str) -> Story | None:
        """Return one event by its message id."""
        found = [i for i, event in enumerate(self.events, 1) if event.message_id == message_id]
        if not found:
            return None
        backlog, story = self.backlogs.get(destination), self._story(destination, found[0])
        readings = backlog.kept.get("readings") if backlog else None
        return dataclasses.replace(story, readings=readings if isinstance(readings, dict) else {})

    def problems(self, destination: str) -> Sequence[Problem]:
        """Return the dead and rejected events by cause, the most frequent first."""
        seqs: dict[tuple[str, str], list[int]] = collections.defaultdict(list)
        for seq, story in sorted(self.backlogs[destination].ended.items()) if destination in self.backlogs else ():
            if is_replayable(story.state, story.cause, wanted=story.cause):
                seqs[story.cause, story.state].append(seq)
        problems = [self._problem(destination, cause, Outcome(outcome), own) for (cause, outcome), own in seqs.items()]
        return sorted(problems, key=lambda problem: (-problem.count, problem.cause, problem.outcome))

    def _problem(self, destination: str, cause: str, outcome: Outcome, seqs: Sequence[int]) -> Problem:
        ended = self.backlogs[destination].ended
        at = [ended[seq].ended_at or 0.0 for seq in seqs]
        return Problem(
            cause=cause,
            outcome=outcome,
            count=len(seqs),
            first_seq=seqs[0],
            last_seq=seqs[-1],
            first_at=min(at),
            last_at=max(at),
        )

    def select(self, destination: str, selection: Selection, *, after_seq: int = 0, limit: int = 100) -> Selected:
        """Return the dead and rejected events of a selection in the order of the log; looks at `limit` at most."""
        backlog = self.backlogs[destination]
        looked_at = backlog.selectable(selection, after_seq=after_seq, limit=limit)
        chosen = Chosen(selection, MemoryAcquaintances(backlog.ties, backlog.ledger))
        stories = [self._story(destination, seq) for seq in looked_at if chosen.takes(self.events[seq - 1])]
        return Selected(stories=stories, next_seq=looked_at[-1] if len(looked_at) == limit else None)

    def find(self, destination: str, query: Query, *, before_seq: int | None = None, limit: int = 100) -> Found:
        """Return events that fit, the newest first."""
        seqs = range(min(before_seq or len(self.events) + 1, len(self.events) + 1) - 1, 0, -1)
        backlog = self.backlogs.get(destination)
        meant = wanted(query, MemoryAcquaintances(backlog.ties, backlog.ledger)) if backlog else Wanted()
        stories = []
        for seq in seqs:
            story, keys = self._story(destination, seq), keys_of(self.events[seq - 1])
            keys |= keys_of(story.event)
            is_theirs = query.takes(story.event, keys) and meant.takes(story.event, keys, company_given(story.notes))
            stories += [story] if is_theirs and query.state in {"", story.state} else []
        return Found(stories=stories[:limit], next_seq=stories[limit - 1].seq if len(stories) > limit else None)

    def people(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of people that begin with a text, in order."""
        return self._seen("p:", prefix, limit)

    def companies(self, prefix: str, *, limit: int = 50) -> Sequence[Seen]:
        """Return ids of companies that begin with a text, in order."""
        return self._seen("c:", prefix, limit)

    def _seen(self, kind: str, prefix: str, limit: int) -> Sequence[Seen]:
        last = {key: seq for seq, event in enumerate(self.events, 1) for key in keys_of(event)}
        ids = sorted(key.removeprefix(kind) for key in last if key.startswith(kind + prefix))
        return [Seen(id=id_, last_seq=last[kind + id_]) for id_ in ids[:limit]]

    def progress(self, job: int) -> ReplayProgress | None:
        """Return how far a replay has come."""
        for backlog in self.backlogs.values():
            if job in backlog.replays:
                replay = backlog.replays[job]
                return ReplayProgress(
                    replayed=replay.replayed,
                    waiting=backlog.waiting_of(job),
                    outcomes=replay.outcomes,
                    is_read=replay.is_read,
                )
        return None

    def by_minute(self, destination: str, *, since: int, step: int = 1) -> Mapping[int, Mapping[EndedAs, int]]:
        """Return how many events ended how in each `step` minutes."""
        steps: dict[int, collections.Counter[EndedAs]] = collections.defaultdict(collections.Counter)
        for minute, counts in self.backlogs[destination].minutes.items() if destination in self.backlogs else ():
            if minute >= since:
                steps[minute // step * step].update(counts)
        return steps

    def mark(self) -> object:
        """Return a value that is another one once anything was stored or has ended since."""
        return len(self.events), [(len(b.ended), b.cursor) for b in self.backlogs.values()]

    def lags(
        self, destination: str, *, since: int, until: int, of_each: int, step: int = 1
    ) -> Mapping[int, Sequence[float]]:
        """Return how long events took to be taken, by the minutes in which they were received."""
        minutes: dict[int, list[float]] = {}
        for story in self.stories(destination, limit=len(self.events)):
            minute = story.event.received_at_ms // 60_000
            was_parked = story.seq in self.backlogs[destination].once_parked
            if since <= minute <= until and story.state in TAKEN and story.ended_at is not None and not was_parked:
                minutes.setdefault(minute // step * step, []).append(
                    max(0.0, story.ended_at - story.event.received_at_ms / 1000)
                )
        return {minute: spread(found, of_each) for minute, found in minutes.items()}

    def names(
        self, destination: str, *, since: int, until: int, of_each: int, step: int = 1
    ) -> Mapping[int, Mapping[str, int]]:
        """Return how many events of an even sample have which name."""
        minutes: dict[int, list[Story]] = {}
        for story in self.stories(destination, limit=len(self.events)):
            minute = story.event.received_at_ms // 60_000
            if since <= minute <= until:
                minutes.setdefault(minute // step * step, []).append(story)
        sampled = {minute: [s for s in spread(found, of_each) if s.ended_at] for minute, found in minutes.items()}
        return {
            minute: collections.Counter(name_of(s.event) for s in found) for minute, found in sampled.items() if found
        }

    def _story(self, destination: str, seq: int) -> Story:
        backlog = self.backlogs.get(destination)
        attempts = tuple(backlog.attempts[seq]) if backlog else ()
        if backlog and seq in backlog.ended:
            return dataclasses.replace(backlog.ended[seq], attempts=attempts)
        own = next((w for w in backlog.waiting.values() if w.seq == seq), None) if backlog else None
        is_parked = own is not None and bool(own.parked_for)
        reason, cause = why_parked(own.parked_for) if own is not None and own.parked_for else ("", "")
        return Story(
            event=as_became(self.events[seq - 1], own.became if own and own.is_written else ""),
            seq=seq,
            state="parked" if is_parked else "retrying" if own is not None and own.attempt > 1 else "waiting",
            reason=reason,
            cause=cause,
            ended_at=None,
            attempts=attempts,
        )
