"""Everything that ended is sent again while traffic goes on: no value ever goes back to that of an older event."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from contract.worlds import MemoryWorld, SqliteWorld, event, quick_folder
from penstock.buffer.port.orders import ReplayOrder
from penstock.buffer.port.outcomes import TAKEN
from penstock.buffer.port.selection import Selection
from penstock.clock import SeededDice
from penstock.deliver.newer import NewerSayings
from penstock.deliver.replays import Replays
from penstock.destinations.answer import Accepted, Refused, Unavailable
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.ledger.newer import Sayings
from penstock.ledger.rules import OFF, Rules
from sim.held import Held
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over

EVENTS, LATE, STORIES = 24, 8, 8
FIELDS, PEOPLE, COMPANIES = ("phone", "plan", "seats"), ("ana", "bo"), ("acme", "gull")
STEP_S, REFUSED = 0.3, 4


def values_of(body):
    """Yield the numbers of events that a call carries."""
    for fields in (body, body.get("custom_attributes") or {}):
        yield from (value for name, value in fields.items() if name in FIELDS)


class OftenBusyCustify(Held):
    """Refuses some values for good while it is strict, and any write for a moment; notes values that go back after that."""

    def __init__(self, dice: SeededDice) -> None:
        super().__init__()
        self.dice, self.is_strict, self.went_back = dice, True, list[str]()

    async def send(self, call):
        await asyncio.sleep(self.dice.uniform(0.0, STEP_S))
        chance = self.dice.uniform(0, 1)
        if chance < 0.15:
            return Unavailable(503, "busy")
        if self.is_strict and any(int(value) % REFUSED == 0 for value in values_of(call.body)):
            return Refused(422, "no")
        before = json.dumps([self.people, self.companies])
        self.apply(call, len(self.kept))
        for was, now in (
            zip(json.loads(before), (self.people, self.companies), strict=True) if not self.is_strict else ()
        ):
            self.went_back += [
                f"{name} of {who}: {now[who][name]} over {value}"
                for who, fields in was.items()
                for name, value in fields.items()
                if name in FIELDS and int(now[who][name]) < int(value)
            ]
        return Accepted(200, "")

    async def read(self, path):
        return Accepted(200, self.look_up(path))

    async def probe(self):
        return Accepted(200, "[]")


def said(number: int, dice: SeededDice):
    """Return an event in which each value is the number of the event: what is larger is newer."""
    person, company = (PEOPLE, COMPANIES)[0][int(dice.uniform(0, 2))], COMPANIES[int(dice.uniform(0, 2))]
    traits = {field: number for field in FIELDS if dice.uniform(0, 1) < 0.5}
    kind = ("identify", "group", "track")[int(dice.uniform(0, 3))]
    body = {"type": kind, "userId": person, "messageId": f"m{number}", "event": "Used", "traits": traits}
    body |= {"groupId": company} if kind == "group" else {}
    made = event(f"m{number}", person, company=company if kind == "group" else "")
    return msgspec.structs.replace(made, type=kind, body=json.dumps(body).encode())


async def _told(seed: int, make_world, rules: Rules) -> list[str]:
    dice, clock = SeededDice(seed), LoopClock(asyncio.get_running_loop())
    world, custify = await make_world(clock).open(), OftenBusyCustify(dice)
    world.naming = NamedBy(Mapping())
    ledger = getattr(world, "store", None)
    engine = engine_over(
        world, custify, clock, dice=dice, rules=rules, ledger=ledger.ledger("custify") if ledger else None
    )
    running = asyncio.create_task(engine.run())
    for number in range(1, EVENTS + 1):
        await asyncio.sleep(dice.uniform(0.0, STEP_S))
        await world.append(said(number, dice))
    await _until_nothing_waits(world)
    custify.is_strict = False
    for job in (1, 2):
        await _sent_again(world, job, dice, clock)
    engine.stop()
    await running
    stories = world.stories()
    await world.close()
    return custify.went_back + [f"{s.event.message_id} is {s.state}" for s in stories if s.state not in TAKEN]


async def _sent_again(world, job: int, dice: SeededDice, clock) -> None:
    """Send everything that ended so far again, a little at a time, while other events come."""
    selection = Selection(outcome="any", ended_before=clock.now())
    order = ReplayOrder(id=job, destination="custify", selection=selection, asked_at=0.0, asked_by="", stopped=False)
    replays = Replays(world.backlog)
    first = EVENTS + 1 + (job - 1) * LATE
    for number in range(first, first + LATE):
        await replays.step([order])
        await asyncio.sleep(dice.uniform(0.0, STEP_S))
        await world.append(said(number, dice))
    while await replays.step([order]):
        await asyncio.sleep(1.0)
    await _until_nothing_waits(world)


async def _until_nothing_waits(world) -> None:
    await asyncio.sleep(1.0)
    while world.counts().waiting:
        await asyncio.sleep(1.0)


def memory(clock):
    return MemoryWorld(Path(), clock)


def wrong(seed: int, rules: Rules, make_world=memory) -> list[str]:
    """Return what is wrong at the end of a story."""
    return run_virtually(_told(seed, make_world, rules))[0]


RULES = {"ours": Rules(), "changes only": Rules(changes_only=True), "no ledger": OFF}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_no_value_goes_back_while_everything_is_sent_again(rules):
    for seed in range(STORIES):
        assert wrong(seed, rules) == [], f"seed {seed}"


def test_nor_over_real_files():
    for seed in range(3):
        with quick_folder() as folder:
            assert wrong(seed, Rules(), lambda clock: SqliteWorld(Path(folder), clock)) == [], f"seed {seed}"


async def nothing_newer(self, reads, records, steps, policy):
    return [{} for _ in reads]


def overlooks_some(note):
    def noted(self, plan, subject, rules, *, seq, **facts):
        if seq % 2:
            note(self, plan, subject, rules, seq=seq, **facts)

    return noted


def what_came_before(places, seq):
    return frozenset(name for name in places if places[name] < seq)


@pytest.mark.parametrize("bug", ["nothing is looked for", "some is overlooked", "the order is turned round"])
def test_a_planted_bug_is_found(monkeypatch, bug):
    if bug == "nothing is looked for":
        monkeypatch.setattr(NewerSayings, "overtaking", nothing_newer)
    elif bug == "some is overlooked":
        monkeypatch.setattr(Sayings, "note", overlooks_some(Sayings.note))
    else:
        monkeypatch.setattr("penstock.ledger.newer._behind", what_came_before)

    assert any("over" in complaint for seed in range(STORIES) for complaint in wrong(seed, Rules()))
