"""A lane full of events that need no call is emptied in runs: counted work, over real files, by the real engine."""

import asyncio
import dataclasses

import msgspec
import pytest
import structlog

from contract.worlds import SqliteWorld, event
from penstock import causes
from penstock.buffer.port.outcomes import Outcome
from penstock.deliver import reads
from penstock.deliver.engine import Engine
from penstock.deliver.runs import BEHIND_MAX
from penstock.destinations.answer import Accepted, Refused, Unavailable
from penstock.ledger.modes import Mode
from penstock.ledger.rules import OFF, Rules
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over

CROWD = 2_000
# A run holds some hundred events; leasing, asking for more and settling are a handful of transactions for each.
TRANSACTIONS_PER_EVENT_MAX = 0.05
LEDGER, LIVE = Rules(guard="off"), Mode()


class TakesAll:
    """Takes every call, after a moment; until healed, none of those named ill."""

    def __init__(self) -> None:
        self.sent, self.ill = list[str](), set[str]()

    async def send(self, call):
        await asyncio.sleep(0.1)
        name = str(call.body.get("deduplication_id") or call.body.get("custom_attributes"))
        if name in self.ill:
            return Unavailable(500, "always")
        self.sent.append(name)
        return Accepted(202, "[]")

    async def read(self, path):
        return Refused(404, "nobody")

    async def probe(self):
        return Accepted(200, "[]")


def of(kind: str, name: str, user: str = "ana", **more):
    body = {"type": kind, "userId": user, "messageId": name, "event": "Used"} | more
    return msgspec.structs.replace(event(name, user), type=kind, body=msgspec.json.encode(body))


def untyped(name: str, user: str = "ana"):
    return of("", name, user)


def same_identify(name: str, user: str = "ana"):
    return of("identify", name, user, traits={"plan": "pro"}, timestamp="2026-01-01T00:00:00Z")


class Stage:
    """An engine over real files, and what it costs."""

    def __init__(self, world, clock, *, engine=Engine, rules=OFF, mode=LIVE) -> None:
        self.world, self.clock, self.custify = world, clock, TakesAll()
        self.transactions, self.held_max = 0, 0
        self.engine = engine_over(world, self.custify, clock, kind=engine, rules=rules, mode=mode)
        self.commit = world.store.group.transactions.commit
        world.store.group.transactions.commit = self.counted

    def counted(self, operations):
        self.transactions += 1
        answers = self.commit(operations)
        self.held_max = max(self.held_max, len(self.world.backlog.leases))
        return answers

    async def play(self, *, seconds: float = 60.0) -> None:
        running = asyncio.create_task(self.engine.run())
        await asyncio.sleep(seconds)
        self.engine.stop()
        await running

    def told(self) -> list[tuple[str, str, str]]:
        return [(s.event.message_id, s.state, s.cause) for s in self.world.stories()]


def deliver(folder, events, *, seconds: float = 60.0, before=lambda stage: None, **facts):
    """Deliver events; return the stage, and what was logged."""

    async def live():
        clock = LoopClock(asyncio.get_running_loop())
        world = await SqliteWorld(folder, clock).open()
        stage = Stage(world, clock, **facts)
        for start in range(0, len(events), 1_000):
            await world.append(*events[start : start + 1_000])
        before(stage)
        await stage.play(seconds=seconds)
        stage.counts, stage.stories = world.counts(), world.stories()
        await world.close()
        return stage

    with structlog.testing.capture_logs() as logs:
        stage, _ = run_virtually(live())
    return stage, logs


def test_events_that_cannot_be_mapped_leave_their_lane_in_runs(folder):
    stage, logs = deliver(folder, [untyped(f"m{i}") for i in range(CROWD)])

    assert stage.counts.outcomes == {Outcome.REJECTED: CROWD}
    assert {(s.cause, bool(s.reason)) for s in stage.stories} == {(causes.NO_TYPE, True)}
    assert stage.transactions < CROWD * TRANSACTIONS_PER_EVENT_MAX
    lines = [line for line in logs if line["event"] == "rejected"]
    assert sum(line["count"] for line in lines) == CROWD
    assert len(lines) <= 2
    assert lines[0]["cause"] == causes.NO_TYPE


def test_whatever_needs_no_call_is_one_run_each_with_its_own_outcome(folder):
    kinds = [untyped, lambda name: of("page", name), same_identify, lambda name: of("alias", name)]
    events = [same_identify("first"), *(kinds[i % 4](f"m{i}") for i in range(CROWD))]

    stage, _ = deliver(folder, events, rules=LEDGER)

    each = CROWD // 4
    assert stage.counts.outcomes == {
        Outcome.DELIVERED: 1,
        Outcome.REJECTED: each,
        Outcome.FILTERED: 2 * each,
        Outcome.NO_OP: each,
    }
    assert len(stage.custify.sent) == 1
    assert stage.transactions < CROWD * TRANSACTIONS_PER_EVENT_MAX
    assert [s.state for s in stage.stories[1:5]] == ["rejected", "filtered", "no-op", "filtered"]
    assert stage.world.call_figures()["/people"].saved == each


def test_memory_of_runs_is_bounded_however_many_lanes_are_full(folder):
    events = [untyped(f"m{i}", f"u{i % 40}") for i in range(CROWD)]

    stage, _ = deliver(folder, events)

    assert stage.counts.outcomes == {Outcome.REJECTED: CROWD}
    assert stage.held_max <= BEHIND_MAX + stage.engine.policy.in_flight_max
    assert stage.engine.runs.room == BEHIND_MAX


def test_many_lanes_share_their_transactions(folder):
    stage, _ = deliver(folder, [untyped(f"m{i}", f"u{i}") for i in range(1_000)])

    assert stage.counts.outcomes == {Outcome.REJECTED: 1_000}
    assert stage.transactions < 1_000 / 2


def test_a_call_between_cheap_events_keeps_its_place(folder):
    events = []
    for i in range(20):
        events += [untyped(f"a{i}"), of("track", f"t{i}"), of("page", f"p{i}")]

    stage, _ = deliver(folder, events)

    assert stage.custify.sent == [f"t{i}" for i in range(20)]
    ended = [s.ended_at for s in stage.stories]
    assert ended == sorted(ended)
    assert stage.counts.outcomes == {Outcome.REJECTED: 20, Outcome.DELIVERED: 20, Outcome.FILTERED: 20}


def test_cheap_events_wait_behind_a_call_that_fails_and_no_attempt_is_counted_for_them(folder):
    events = [untyped("a"), of("track", "t"), *(untyped(f"m{i}") for i in range(100))]

    stage, _ = deliver(folder, events, before=lambda stage: stage.custify.ill.add("t"))

    assert stage.counts.outcomes == {Outcome.REJECTED: 1}
    assert (stage.counts.waiting, stage.counts.retrying) == (101, 1)


def test_an_unchanged_upsert_in_front_of_a_changed_one_ends_first(folder):
    changed = of("identify", "changed", traits={"plan": "free"}, timestamp="2026-01-02T00:00:00Z")
    events = [same_identify("first"), untyped("x"), same_identify("again"), of("page", "p"), changed, untyped("last")]

    stage, _ = deliver(folder, events, rules=LEDGER)

    told = {s.event.message_id: (s.state, len(s.attempts)) for s in stage.stories}
    assert told == {
        "first": ("delivered", 2),
        "x": ("rejected", 0),
        "again": ("no-op", 0),
        "p": ("filtered", 0),
        "changed": ("delivered", 1),
        "last": ("rejected", 0),
    }


@pytest.mark.parametrize("coalesce", [True, False])
def test_an_upsert_that_is_taken_back_behind_it_is_no_run(folder, coalesce):
    there = of("identify", "there", traits={"plan": "free"}, timestamp="2026-01-02T00:00:00Z")
    back = of("identify", "back", traits={"plan": "pro"}, timestamp="2026-01-03T00:00:00Z")
    rules = dataclasses.replace(LEDGER, coalesce=coalesce)

    stage, _ = deliver(
        folder, [same_identify("first"), of("page", "p0"), there, of("page", "p"), back, untyped("x")], rules=rules
    )

    told = [(s.event.message_id, s.state) for s in stage.stories]
    assert told == [
        ("first", "delivered"),
        ("p0", "filtered"),
        ("there", "delivered"),
        ("p", "filtered"),
        ("back", "delivered"),
        ("x", "rejected"),
    ]


def test_in_shadow_mode_runs_end_where_something_would_have_been_sent(folder):
    events = [untyped("x"), of("page", "p"), same_identify("i"), of("track", "t"), untyped("y")]

    stage, _ = deliver(folder, events, mode=Mode(name="shadow"), rules=LEDGER)

    assert [(s.event.message_id, s.state, s.cause) for s in stage.stories] == [
        ("x", "rejected", causes.NO_TYPE),
        ("p", "filtered", stage.stories[1].cause),
        ("i", "filtered", causes.SHADOW),
        ("t", "filtered", causes.SHADOW),
        ("y", "rejected", causes.NO_TYPE),
    ]
    assert stage.custify.sent == []


def test_an_event_that_cannot_be_read_harms_none_in_front_of_it(folder, monkeypatch):
    def meaning_of(event, policy):
        if event.message_id == "poison":
            raise RecursionError("a bug")
        return real(event, policy)

    real = reads.meaning_of
    monkeypatch.setattr(reads, "meaning_of", meaning_of)
    events = [*(untyped(f"m{i}") for i in range(5)), of("page", "poison"), untyped("behind")]

    stage, logs = deliver(folder, events)

    assert stage.counts.outcomes == {Outcome.REJECTED: 5}
    assert stage.counts.waiting == 2
    [crashed] = [line for line in logs if line["event"] == "delivery_crashed"]
    assert "RecursionError" in crashed["cause"]
    assert crashed["log_level"] == "error"


def test_honest_events_pass_a_crowded_lane(folder):
    crowd = [untyped(f"m{i}", "crowd") for i in range(CROWD)]
    honest = [of("track", f"t{i}", f"u{i}") for i in range(20)]

    stage, _ = deliver(folder, [*crowd[:1_000], *honest, *crowd[1_000:]])

    assert sorted(stage.custify.sent) == sorted(f"t{i}" for i in range(20))
    assert stage.counts.waiting == 0


class EndsDuringALook:
    """A backlog where every call ends while somebody looks in vain, for the tenth time since it began."""

    def __init__(self, backlog, stage) -> None:
        self.backlog, self.stage, self.looks = backlog, stage, 0

    def __getattr__(self, verb):
        return getattr(self.backlog, verb)

    async def lease(self, **limits):
        found = await self.backlog.lease(**limits)
        self.looks = 0 if found else self.looks + 1
        if self.looks == 10:
            self.stage.custify.may_answer.set()
            while self.stage.engine.in_flight:
                await asyncio.sleep(0.001)
            self.stage.ended_at.append(self.stage.clock.now())
        return found


class AnswersWhenTold:
    def __init__(self, clock) -> None:
        self.clock, self.may_answer, self.called_at = clock, asyncio.Event(), list[float]()

    async def send(self, call):
        self.called_at.append(self.clock.now())
        self.may_answer.clear()
        await self.may_answer.wait()
        return Accepted(202, "[]")


def test_what_ended_while_the_backlog_was_looked_at_lets_the_next_of_its_lane_go_at_once(folder):
    def before(stage):
        stage.ended_at = []
        stage.custify = stage.engine.api = AnswersWhenTold(stage.clock)
        stage.engine.backlog = EndsDuringALook(stage.world.backlog, stage)
        stage.engine.policy = dataclasses.replace(stage.engine.policy, idle_s_max=100.0)

    stage, _ = deliver(folder, [of("track", f"t{i}") for i in range(4)], before=before, seconds=200.0)

    assert stage.counts.waiting == 0
    gaps = [called - ended for called, ended in zip(stage.custify.called_at[1:], stage.ended_at, strict=False)]
    assert len(gaps) == 3
    assert max(gaps) < 0.01
