"""No event stops the rest: a step that never ends is found out, at the real engine, with real children."""

import asyncio
import json
import os
from pathlib import Path

import msgspec
import pytest

import planted_steps
from contract.worlds import MemoryWorld, event
from penstock import causes
from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.outcomes import Outcome
from penstock.clock import ManualClock
from penstock.deliver import attributes, reads, weighing
from penstock.deliver.decide import JUDGE_AGAIN_S, RetryPolicy
from penstock.deliver.dispatch import Read
from penstock.deliver.policy import TOGETHER_MAX, DeliveryPolicy
from penstock.deliver.steps import BUDGET, Watched
from penstock.deliver.watchman import Watchman
from penstock.destinations.answer import Accepted
from penstock.destinations.custify.options import Mapping
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Weighable
from penstock.machine.apart import Apart, Budget
from penstock.machine.pulse import Pulse
from penstock.settings import Settings
from sim.stage import engine_over

SMALL = Budget(lines_max=200_000, cpu_s_max=20.0)
ATTRIBUTES = Accepted(200, '[{"name": "seats", "type": "number"}]')


class TakesAll:
    """A Custify that takes every call."""

    def __init__(self) -> None:
        self.people: list[str] = []

    async def send(self, call):
        self.people.append(call.body["user_id"])
        return Accepted(200, "")

    async def read(self, path):
        return ATTRIBUTES if "attributes" in path else Accepted(200, "[]")


@pytest.fixture
def planted(monkeypatch):
    """Let steps go wrong for some events, here and in our children."""
    monkeypatch.setenv("PYTHONPATH", str(Path(planted_steps.__file__).parent))
    monkeypatch.setenv(planted_steps.PARENT, str(os.getpid()))
    monkeypatch.setattr(reads, "meaning_of", planted_steps.meaning_of)
    monkeypatch.setattr(weighing, "weighed_at", planted_steps.weighed_at)
    monkeypatch.setattr(attributes, "looked_at", planted_steps.looked_at)


@pytest.fixture
def watchman(tmp_path):
    """NewAttributes over this process."""
    watchman = Watchman(Pulse(tmp_path, "deliver", pid=os.getpid(), clock=ManualClock()), step_cpu_s_max=0.1)
    with watchman.watching():
        yield watchman


class Delivery:
    """An engine over a backlog in memory, told what to deliver and when."""

    def __init__(self, bench) -> None:
        self.bench, self.clock, self.custify = bench, ManualClock(), TakesAll()
        self.world = MemoryWorld(Path(), self.clock)

    async def open(self) -> "Delivery":
        await self.world.open()
        self.start()
        return self

    def start(self) -> None:
        rules = Rules(guard="warn", unknown="send")
        self.engine = engine_over(self.world, self.custify, self.clock, rules=rules, bench=self.bench)

    async def identify(self, *names: str, user: str = "", kind: str = "identify") -> None:
        for name in names:
            said = {"type": kind, "userId": user or name, "traits": {name: True}}
            arrived = msgspec.structs.replace(event(name, user or name), type=kind, body=json.dumps(said).encode())
            await self.world.append(arrived)

    async def deliver(self) -> None:
        """Deliver all that is due, at once."""
        due = await self.world.backlog.lease(limit=100, lease_s=180.0, together=TOGETHER_MAX)
        await asyncio.gather(*(self.engine.deliver(lease) for lease in due))

    def ends(self) -> dict[str, str]:
        return {story.event.message_id: story.cause or story.state for story in self.world.stories()}


@pytest.fixture
async def delivery(planted, watchman):
    delivery = await Delivery(Watched(watchman, budget=SMALL)).open()
    yield delivery
    delivery.bench.end()


@pytest.mark.parametrize("name", ["read never ends", "weigh never ends", "guard never ends"])
async def test_an_event_whose_step_never_ends_is_dead_and_its_neighbours_are_delivered(delivery, name):
    await delivery.identify("ana", name, "bo")

    await delivery.deliver()

    assert delivery.ends() == {"ana": Outcome.DELIVERED, name: causes.STUCK, "bo": Outcome.DELIVERED}


async def test_neighbours_do_not_wait_for_the_judgement(delivery):
    await delivery.identify("read never ends", "bo")
    delivery.bench.budget = Budget(lines_max=10**12, cpu_s_max=600.0)

    under_way = asyncio.create_task(delivery.deliver())
    while delivery.ends().get("bo") != Outcome.DELIVERED:
        await asyncio.sleep(0)

    assert delivery.ends()["read never ends"] == "waiting"
    delivery.bench.end()
    await under_way


@pytest.mark.parametrize("name", ["read never ends", "weigh never ends"])
async def test_of_a_run_only_the_one_to_blame_is_dead(delivery, name):
    await delivery.identify("first", name, "last", user="ana")

    for _ in range(3):
        await delivery.deliver()

    assert delivery.ends() == {"first": Outcome.DELIVERED, name: causes.STUCK, "last": Outcome.DELIVERED}


@pytest.mark.parametrize("name", ["read never ends", "weigh never ends"])
async def test_events_that_need_no_call_end_in_a_run_up_to_the_one_to_blame(delivery, name):
    await delivery.identify("first", "second", user="ana", kind="")
    await delivery.identify(name, user="ana")
    await delivery.identify("last", user="ana", kind="")

    await delivery.deliver()
    assert delivery.ends() == {"first": causes.NO_TYPE, "second": causes.NO_TYPE, name: "waiting", "last": "waiting"}
    await delivery.deliver()
    await delivery.deliver()

    assert delivery.ends() == {
        "first": causes.NO_TYPE,
        "second": causes.NO_TYPE,
        name: causes.STUCK,
        "last": causes.NO_TYPE,
    }


async def test_a_suspect_that_ends_in_a_run_is_no_suspect_any_more(delivery):
    await delivery.identify("read slow in the loop", "second", user="ana", kind="")

    await delivery.deliver()

    assert set(delivery.ends().values()) == {causes.NO_TYPE}
    assert not delivery.engine.steps.suspects


async def test_a_step_that_is_slow_but_within_its_budget_is_done_apart_and_the_event_delivered(delivery):
    await delivery.identify("read slow in the loop")

    await delivery.deliver()

    assert delivery.ends() == {"read slow in the loop": Outcome.DELIVERED}
    assert not delivery.engine.steps.suspects


async def test_a_child_that_is_killed_says_nothing_of_the_event(delivery):
    await delivery.identify("read killed")

    for _ in range(3):
        await delivery.deliver()
        delivery.clock.advance(JUDGE_AGAIN_S)

    [lease] = await delivery.world.lease()
    assert lease.attempt == 1
    assert lease.first_failed_at is None


async def test_a_child_that_cannot_be_started_says_nothing_of_the_event(delivery, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    await delivery.identify("read never ends")

    await delivery.deliver()

    assert delivery.ends() == {"read never ends": "waiting"}


async def test_while_one_is_judged_another_suspect_waits_for_its_turn(delivery):
    await delivery.identify("read never ends", "read never ends either")

    await delivery.deliver()
    assert sorted(delivery.ends().values()) == [causes.STUCK, "waiting"]
    delivery.clock.advance(JUDGE_AGAIN_S)
    await delivery.deliver()

    assert set(delivery.ends().values()) == {causes.STUCK}


async def test_an_end_of_the_process_breaks_the_judgement_off_and_the_event_waits(delivery):
    await delivery.identify("read never ends")
    delivery.bench.budget = Budget(lines_max=10**12, cpu_s_max=600.0)
    under_way = asyncio.create_task(delivery.deliver())
    while delivery.bench.apart is None or delivery.bench.apart.process is None:
        await asyncio.sleep(0)

    delivery.bench.end()
    await under_way

    assert delivery.ends() == {"read never ends": "waiting"}


def test_the_largest_event_that_ingest_takes_needs_a_fraction_of_the_budget():
    traits = {f"trait_{number:06}": "2020-01-01T00:00:00Z" for number in range(90_000)}
    body = json.dumps({"type": "identify", "userId": "ana", "traits": traits}, separators=(",", ":")).encode()
    assert 0.8 * Settings().body_bytes_max < len(body) <= Settings().body_bytes_max
    large = msgspec.structs.replace(event("large", "ana"), type="identify", body=body)
    apart = Apart(Budget(lines_max=BUDGET.lines_max // 5, cpu_s_max=BUDGET.cpu_s_max))
    policy = DeliveryPolicy(options=Mapping(names_max=100_000), retry=RetryPolicy())

    meaning, at_ms = apart.run(reads.meaning_of, large, policy)
    part = Weighable(message_id="large", at_ms=at_ms, plan=meaning)
    lease = Lease(event=large, seq=1, attempt=1, first_failed_at=None, token=1, expires_at=0.0)
    _, subjects = apart.run(weighing.surveyed, [part])
    run, records = [Read(lease=lease, meaning=meaning, at_ms=at_ms)], dict.fromkeys(subjects)
    known = weighing.Gathered(run=run, parts=[part], records=records)
    dispatch = apart.run(weighing.weighed_at, known, Rules(guard="warn"), 1.0)

    assert len(dispatch.calls) == 1
    apart.close()


async def test_a_lease_that_runs_out_during_the_judgement_costs_no_finding(delivery):
    await delivery.identify("read never ends")
    judged, findings = delivery.bench.judged, []

    async def judged_slowly(*job):
        findings.append(job)
        delivery.clock.advance(1_000.0)
        # Somebody else leases it meanwhile, and the verdict comes too late.
        delivery.world.backlog.crash()
        return await judged(*job)

    delivery.bench.judged = judged_slowly

    await delivery.deliver()
    assert delivery.ends() == {"read never ends": "waiting"}
    await delivery.deliver()

    assert delivery.ends() == {"read never ends": causes.STUCK}
    assert len(findings) == 2


class Ended:
    """A process that ended without a word while an event was under way, and the one after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def killed_at(self, seq: int) -> None:
        Pulse(self.folder, "deliver", pid=1, clock=ManualClock()).enter(b"custify", seq)

    def bench(self) -> Watched:
        return Watched(Watchman(Pulse(self.folder, "deliver", pid=1, clock=ManualClock())), budget=SMALL)


async def test_what_was_under_way_when_the_process_ended_is_done_apart_first(planted, tmp_path):
    ended = Ended(tmp_path)
    ended.killed_at(1)
    # Nobody watches over the loop: this would never end if it were done there.
    delivery = await Delivery(ended.bench()).open()
    await delivery.identify("read never ends", "bo")
    delivery.engine.steps.recall(await delivery.world.backlog.notes())

    await delivery.deliver()

    assert delivery.ends() == {"read never ends": causes.STUCK, "bo": Outcome.DELIVERED}


async def test_kills_never_count_against_an_event(planted, tmp_path):
    ended = Ended(tmp_path)
    delivery = await Delivery(ended.bench()).open()
    await delivery.identify("ana")
    for _ in range(20):
        ended.killed_at(1)
        delivery.bench = ended.bench()
        delivery.start()
        delivery.engine.steps.recall(await delivery.world.backlog.notes())
        await delivery.world.backlog.remember(delivery.engine.steps.to_notes())

    await delivery.deliver()

    assert delivery.ends() == {"ana": Outcome.DELIVERED}


async def test_a_suspect_is_remembered_over_a_second_crash(planted, tmp_path):
    ended = Ended(tmp_path)
    ended.killed_at(1)
    delivery = await Delivery(ended.bench()).open()
    delivery.engine.stop()
    await delivery.engine.run()
    ended.killed_at(2)
    delivery.bench = ended.bench()
    delivery.start()
    delivery.engine.stop()
    await delivery.engine.run()
    await delivery.identify("read never ends", "read never ends either")

    await delivery.deliver()
    delivery.clock.advance(JUDGE_AGAIN_S)
    await delivery.deliver()

    assert set(delivery.ends().values()) == {causes.STUCK}


async def test_nothing_is_suspected_of_another_destination(planted, tmp_path):
    Pulse(tmp_path, "deliver", pid=1, clock=ManualClock()).enter(b"another", 1)
    delivery = await Delivery(Ended(tmp_path).bench()).open()

    delivery.engine.steps.recall(await delivery.world.backlog.notes())

    assert not delivery.engine.steps.suspects
