"""Whatever is asked of the memory and of the SQLite backend, in whatever order, both answer the same.

The simulation proves things over memory; this is why they hold over files.
"""

import dataclasses
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contract.worlds import DESTINATION, MemoryWorld, SqliteWorld, event, quick_folder
from penstock.buffer.port.backlog import Ending, Lease, Priority
from penstock.buffer.port.outcomes import REPLAYABLE, Attempt, Outcome
from penstock.buffer.port.selection import Selection
from penstock.clock import ManualClock
from penstock.errors import PenstockError
from penstock.event import Named
from sim.loop import VirtualTimeLoop

JOBS = range(1, 4)
# Few of each, so that events meet in lanes, repeat, and are dead for the same reasons.
people, visitors, companies = (st.sampled_from(["", *names]) for names in (["ana", "bo"], ["a1", "a2"], ["acme"]))


def drawn(name, user, *, anonymous, company, is_upsert, email):
    """Return a track, or an upsert: a group call if it names a company, else an identify."""
    made = msgspec.structs.replace(event(name, user, anonymous=anonymous, company=company), request_ip=email)
    return msgspec.structs.replace(made, type="identify") if is_upsert and not company else made


@dataclasses.dataclass(frozen=True)
class Reads:
    """Two ways to read whom an event is about; the e-mail stands beside the event."""

    key: str

    def __call__(self, event):
        is_one = self.key == "one"
        kind, visitor = ("anon" if is_one else "user"), event.anonymous_id
        return Named(
            user_id=event.user_id or ("" if is_one or event.request_ip else visitor),
            email=event.request_ip,
            visitor=f"{kind}:{visitor}" if visitor else "",
            companies=(event.company_id,) if event.company_id else (),
        )


events = st.builds(
    drawn,
    st.integers(1, 40).map("m{}".format),
    people,
    anonymous=visitors,
    company=companies,
    is_upsert=st.booleans(),
    email=st.sampled_from(["", "", "x", "y"]),
)
subjects = st.sampled_from(["user:ana", "user:bo", "email:x", "anon:a1", "anon:a2"])
#: What settles or retries teach: a record, or that nothing is known.
lessons = st.dictionaries(subjects, st.sampled_from([b"known", None]), max_size=2)
# A request comes from one source; the destination is not connected to the app.
requests = st.builds(
    lambda source, events: [msgspec.structs.replace(event, source=source) for event in events],
    st.sampled_from(["web", "web", "server", "app"]),
    st.lists(events, min_size=1, max_size=4),
)
attempts = st.lists(
    st.builds(
        Attempt,
        at=st.just(1_700_000_000.0),
        method=st.just("POST"),
        path=st.sampled_from(["/people", "/event"]),
        status=st.sampled_from([None, 202, 422, 503]),
        answer=st.just("[]"),
        duration_ms=st.integers(0, 9),
    ),
    max_size=2,
)
outcomes = st.sampled_from([Outcome.DELIVERED, Outcome.FILTERED, Outcome.REJECTED, Outcome.DEAD, Outcome.DEAD])
causes = st.sampled_from(["custify.refused.422", "custify.unavailable"])
selections = st.builds(Selection, cause=st.just("") | causes, person=st.just("") | people)
seconds = st.sampled_from([0.5, 5.0, SqliteWorld.lease_s, SqliteWorld.long, 3_600.0])
shares = st.none() | st.just(dict.fromkeys(Priority, 1.0))
picks = st.integers(0, 9)
Pair = tuple[Lease, Lease]


class Twins(RuleBasedStateMachine):
    """Asks both the same things, with one clock for both."""

    @initialize()
    def open(self):
        self.loop, self.folder, self.clock = VirtualTimeLoop(), quick_folder(), ManualClock()
        self.worlds = [MemoryWorld(Path(), self.clock), SqliteWorld(Path(self.folder.name), self.clock)]
        for world in self.worlds:
            world.naming = Reads("one")
            self.loop.run_until_complete(world.open())
        #: Leases without a verdict, and those that had one; of each event, the leases of both.
        self.held, self.spent = list[Pair](), list[Pair]()
        self.selections = dict[int, Selection]()

    def both(self, ask):
        """Return what both answer, or the kind of error that both raise."""
        memory, sqlite = (self._answer(ask(world)) for world in self.worlds)
        assert memory == sqlite
        return memory

    def _answer(self, asked):
        try:
            return self.loop.run_until_complete(asked)
        except PenstockError as error:
            return type(error)

    @rule(events=requests)
    def append(self, events):
        self.both(lambda world: world.append(*events))

    @rule(limit=st.integers(0, 4), shares=shares, together=st.sampled_from([0, 0, 1, 3]))
    def lease(self, limit, shares, together):
        memory, sqlite = (
            self._answer(world.backlog.lease(limit=limit, lease_s=world.lease_s, shares=shares, together=together))
            for world in self.worlds
        )
        assert [_placeless(lease) for lease in memory] == [_placeless(lease) for lease in sqlite]
        self.held += zip(memory, sqlite, strict=True)

    @precondition(lambda self: self.held)
    @rule(pick=picks, limit=st.integers(0, 5), bytes_max=st.sampled_from([20, 40, 4_000]))
    def lease_behind(self, pick, limit, bytes_max):
        pick %= len(self.held)
        pair = self.held[pick]
        memory, sqlite = (
            self._answer(world.backlog.lease_behind(self._own(pair, world), limit=limit, bytes_max=bytes_max))
            for world in self.worlds
        )
        if isinstance(memory, Lease):
            assert _placeless(memory) == _placeless(sqlite)
            self.held[pick] = memory, sqlite
        else:
            assert memory == sqlite

    @precondition(lambda self: self.held)
    @rule(pick=picks, outcome=outcomes, cause=causes, attempts=attempts, learned=lessons, along=st.integers(0, 6))
    def settle(self, pick, outcome, cause, attempts, learned, along):
        self._settle(self._spend(pick), outcome, cause, attempts, learned=learned, along=along)

    @precondition(lambda self: self.held)
    @rule(
        pick=picks,
        wait_s=seconds,
        subjects=st.lists(subjects, min_size=1, max_size=2, unique=True),
        # Where there was no room, the file is not asked again within a second; so of a bound only that it is one is drawn.
        room=st.sampled_from([None, None, 0]),
    )
    def park(self, pick, wait_s, subjects, room):
        pair, now = self.held[pick % len(self.held)], self.clock.now()
        until = {"since": now, "until": now + wait_s, "subjects": subjects, "room": room}
        if self.both(lambda world: world.backlog.park(self._own(pair, world), **until)) is not False:
            self._spend(pick)

    @rule(key=st.sampled_from(["one", "two"]))
    def read_events_otherwise(self, key):
        for world in self.worlds:
            world.naming = Reads(key)

    @rule()
    def wake_all(self):
        self.both(lambda world: world.backlog.wake_all())

    @precondition(lambda self: self.held)
    @rule(pick=picks, delay_s=seconds, counts=st.booleans(), attempts=attempts)
    def retry(self, pick, delay_s, counts, attempts):
        self._retry(self._spend(pick), delay_s, counts, attempts)

    @precondition(lambda self: self.spent)
    @rule(pick=picks, settles=st.booleans())
    def give_a_second_verdict(self, pick, settles):
        lease = self.spent[pick % len(self.spent)]
        self._settle(lease, Outcome.DELIVERED, "", [], learned={}, along=0) if settles else self._retry(
            lease, 1.0, True, []
        )

    @rule(job=st.sampled_from(JOBS), selection=selections, limit=st.integers(1, 3))
    def replay(self, job, selection, limit):
        selection = self.selections.setdefault(job, selection)
        self.both(lambda world: world.backlog.replay(selection, job=job, limit=limit))

    @rule(key=st.sampled_from(["pace_per_s", "hold_reason"]), value=st.none() | st.integers(0, 3))
    def remember(self, key, value):
        self.both(lambda world: world.backlog.remember({key: value}))

    @rule(seconds=seconds)
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @precondition(lambda self: self.held)
    @rule()
    def crash(self):
        for world in self.worlds:
            self.loop.run_until_complete(world.crash_and_reopen())
        # Whoever held them died as well.
        self.held, self.spent = [], []

    @invariant()
    def the_same_is_seen(self):
        memory, sqlite = ([*self._seen(world)] for world in self.worlds)
        assert memory == sqlite
        counts = memory[0]
        assert counts.received == counts.waiting + sum(counts.outcomes.values())

    def teardown(self):
        try:
            self.both(lambda world: world.backlog.notes())
            memory, sqlite = ([_placeless(story) for story in world.stories()] for world in self.worlds)
            assert memory == sqlite
        finally:
            for world in self.worlds:
                self.loop.run_until_complete(world.close())
            self.folder.cleanup()

    def _seen(self, world):
        yield world.counts()
        yield self._answer(world.backlog.ledger.known(["user:ana", "user:bo", "email:x"]))
        yield world.shelf.accepted()
        yield world.shelf.by_minute(DESTINATION, since=0)
        yield [(p.cause, p.outcome, p.count) for p in world.dead.problems(DESTINATION)]
        for job in JOBS:
            yield world.dead.progress(job)

    def _spend(self, pick):
        pair = self.held.pop(pick % len(self.held))
        self.spent.append(pair)
        return pair

    def _settle(self, pair, outcome, cause, attempts, *, learned, along):
        """End an event, and so many of those that were leased along with it; the others go back."""
        reason = f"it was {cause}" if outcome in REPLAYABLE else ""
        lessons = {subject: lambda _, record=record: record for subject, record in learned.items()}

        def endings(lease):
            followers = [Ending(lease=each, outcome=Outcome.COALESCED) for each in lease.followers[:along]]
            return [Ending(lease=lease, outcome=outcome, cause=cause, reason=reason, attempts=attempts), *followers]

        self.both(lambda world: world.backlog.settle(*endings(self._own(pair, world)), learned=lessons))

    def _retry(self, pair, delay_s, counts, attempts):
        now = self.clock.now()
        first_failed_at = pair[0].first_failed_at or now
        verdict = {"at": now + delay_s, "first_failed_at": first_failed_at, "counts": counts, "attempts": attempts}
        self.both(lambda world: world.backlog.retry(self._own(pair, world), **verdict))

    def _own(self, pair, world):
        return pair[self.worlds.index(world)]


def _placeless(lease_or_story):
    """Return it without its place in the log: an event that is known leaves a gap in one log and none in the other."""
    if isinstance(lease_or_story, Lease):
        followers = tuple(_placeless(follower) for follower in lease_or_story.followers)
        return dataclasses.replace(lease_or_story, seq=0, followers=followers)
    return dataclasses.replace(lease_or_story, seq=0)


TestTwins = Twins.TestCase
# Each example is a whole history, so there are fewer of them than a profile asks for elsewhere.
TestTwins.settings = settings(max_examples=settings.default.max_examples // 3, stateful_step_count=40)
