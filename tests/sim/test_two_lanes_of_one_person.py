"""Events of one person in lanes of their own, over a slow ledger and a slow Custify: what is known of them stays true."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from contract.worlds import MemoryWorld, event
from penstock.clock import SeededDice
from penstock.deliver.busy import Busy
from penstock.destinations.answer import Accepted
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.ledger.record import decoded
from penstock.ledger.rules import Rules
from sim.held import Held
from sim.loop import LoopClock, run_virtually
from sim.stage import engine_over

EMAIL = "ana@x.io"
EVENTS, STORIES = 30, 25
SLOW_S = 0.3


class SlowLedger:
    """What is read of it was so a moment ago."""

    def __init__(self, ledger, dice: SeededDice) -> None:
        self.ledger, self.dice = ledger, dice

    async def known(self, subjects):
        known = await self.ledger.known(subjects)
        await asyncio.sleep(self.dice.uniform(0.0, SLOW_S))
        return known


class SlowCustify(Held):
    """Takes everything, in its time."""

    def __init__(self, dice: SeededDice) -> None:
        super().__init__()
        self.dice = dice

    async def send(self, call):
        await asyncio.sleep(self.dice.uniform(0.0, SLOW_S))
        self.apply(call, 0)
        return Accepted(200, "")

    async def read(self, path):
        return Accepted(200, self.look_up(path))


def identify(name: str, user: str = "", **said):
    """Return what somebody says of themselves; without a user by the address alone."""
    body = {"type": "identify", "userId": user, "anonymousId": name, "messageId": name} | said
    made = event(name, user, anonymous=name)
    return msgspec.structs.replace(made, type="identify", body=json.dumps(body).encode())


async def _told(seed: int) -> list[str]:
    dice, clock = SeededDice(seed), LoopClock(asyncio.get_running_loop())
    world, custify = await MemoryWorld(Path(), clock).open(), SlowCustify(dice)
    world.naming = NamedBy(Mapping())
    rules = Rules(policies={"people.custom_attributes.rank": "max"}, changes_only=seed % 2 == 0)
    ledger = SlowLedger(world.backlog.ledger, dice)
    engine = engine_over(world, custify, clock, dice=dice, ledger=ledger, rules=rules)
    running = asyncio.create_task(engine.run())
    # Bo has Ana's address too, and is not sent: on its own it is in Bo's lane from then on, and Ana's all the same.
    await world.append(identify("first", "ana", traits={"email": EMAIL}))
    await world.append(identify("of bo", "bo", traits={"email": EMAIL}, integrations={"All": False}))
    ranks = [int(dice.uniform(0, 1000)) for _ in range(EVENTS)]
    for number, rank in enumerate(ranks):
        await asyncio.sleep(dice.uniform(0.0, SLOW_S))
        said = {"phone": str(rank % 3), "rank": rank}
        by_id = dice.uniform(0, 1) < 0.5
        await world.append(
            identify(f"m{number}", "ana" if by_id else "", traits=said if by_id else said | {"email": EMAIL})
        )
    while world.counts().waiting:
        await asyncio.sleep(1.0)
    engine.stop()
    await running
    return _wrong(custify.people["ana"], decoded(world.backlog.ledger.records["user:ana"]), max(ranks))


def _wrong(held: dict[str, object], record, largest: int) -> list[str]:
    claimed = {name.removeprefix("custom_attributes."): value for name, value in record.fields.items()}
    untrue = [f"{name} is {held.get(name)}, not {value}" for name, value in claimed.items() if held.get(name) != value]
    return untrue + ([f"a smaller rank overwrote {largest}"] if held["rank"] != largest else [])


def wrong(seed: int) -> list[str]:
    """Return what is wrong at the end of a story."""
    return run_virtually(_told(seed))[0]


def test_what_is_known_of_a_person_is_what_custify_holds_and_no_smaller_value_wins():
    for seed in range(STORIES):
        assert wrong(seed) == [], f"seed {seed}"


class LooksAtNothingThatWasRead(Busy):
    def take(self, dispatch, token, read):
        return super().take(dispatch, token, ())


class LetsAnybodyWrite(Busy):
    def take(self, *_):
        return True


@pytest.mark.parametrize("busy", [LooksAtNothingThatWasRead, LetsAnybodyWrite])
def test_a_planted_bug_is_found(monkeypatch, busy):
    monkeypatch.setattr("penstock.deliver.engine.Busy", busy)

    assert any("smaller" in complaint for seed in range(STORIES) for complaint in wrong(seed))
