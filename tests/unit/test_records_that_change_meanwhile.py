"""Two events of one person in lanes of their own: neither is weighed against a record that the other changes meanwhile."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from contract.worlds import MemoryWorld, event
from penstock.clock import ManualClock
from penstock.deliver.attributes import CACHED_S
from penstock.deliver.busy import BUSY_S
from penstock.destinations.answer import Accepted
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.ledger.record import decoded
from penstock.ledger.rules import Rules
from sim.held import Held
from sim.stage import engine_over

EMAIL = "ana@x.io"
#: Of a made-up attribute: the guard asks Custify for its list before it is sent.
NEW = {"seats": 4}


class SlowToRead(Held):
    """A Custify that answers reads when it is let, with what was so when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer, self.is_asked = asyncio.Event(), asyncio.Event()
        self.may_answer.set()

    async def send(self, call):
        self.apply(call, 0)
        return Accepted(200, "")

    async def read(self, path):
        said = self.look_up(path) if "attributes" not in path else '[{"name": "seats", "type": "number"}]'
        self.is_asked.set()
        await self.may_answer.wait()
        return Accepted(200, said)


class Delivery:
    """An engine over a backlog in memory, whose guard may be kept waiting."""

    def __init__(self, rules: Rules) -> None:
        self.clock, self.custify = ManualClock(), SlowToRead()
        self.world = MemoryWorld(Path(), self.clock)
        self.world.naming = NamedBy(Mapping())
        self.rules = rules

    async def open(self) -> "Delivery":
        await self.world.open()
        self.engine = engine_over(self.world, self.custify, self.clock, rules=self.rules)
        return self

    async def say(self, name: str, user: str = "", *, kind: str = "identify", **said) -> None:
        """Send what somebody says; without a user by the e-mail address alone."""
        body = {"type": kind, "userId": user, "anonymousId": name, "messageId": name, **said}
        arrived = msgspec.structs.replace(event(name, user, anonymous=name), type=kind, body=json.dumps(body).encode())
        await self.world.append(arrived)

    async def under_way(self) -> list[asyncio.Task[None]]:
        """Begin to deliver all that is due."""
        due = await self.world.backlog.lease(limit=100, lease_s=180.0)
        return [asyncio.create_task(self.engine.deliver(lease)) for lease in due]

    async def deliver(self) -> None:
        """Deliver all that is due, and what comes back of it a moment later."""
        for _ in range(3):
            await asyncio.gather(*await self.under_way())
            self.clock.advance(BUSY_S)

    async def while_kept_waiting(self, *, name: str, user: str, by_email: dict, **said) -> None:
        """Somebody says what Custify has to be asked about; meanwhile the address alone says something, and is done."""
        self.clock.advance(CACHED_S)
        self.custify.may_answer.clear()
        self.custify.is_asked.clear()
        await self.say(name, user, **said)
        waits = await self.under_way()
        await self.custify.is_asked.wait()
        await self.say("by e-mail", **by_email)
        await asyncio.gather(*await self.under_way())
        self.custify.may_answer.set()
        await asyncio.gather(*waits)
        self.clock.advance(BUSY_S)

    def record(self, subject: str):
        return decoded(self.world.backlog.ledger.records.get(subject))

    def ends(self) -> dict[str, str]:
        return {story.event.message_id: story.state for story in self.world.stories()}


async def delivery_of(rules: Rules) -> Delivery:
    """Return a delivery that knows Ana by id and address; Bo has named the address since, without being sent."""
    delivery = await Delivery(rules).open()
    traits = {"email": EMAIL, "phone": "0", "rank": 0}
    await delivery.say("first", "ana", traits=traits, timestamp="2023-11-01T00:00:00Z")
    await delivery.deliver()
    # From now on events that name the address alone stand in Bo's lane, and are about Ana all the same.
    await delivery.say("of bo", "bo", traits={"email": EMAIL}, integrations={"All": False})
    await delivery.deliver()
    return delivery


@pytest.mark.parametrize(("policy", "older", "newer"), [("latest", 1, 2), ("max", 1, 2), ("min", -1, -2)])
async def test_an_older_value_never_wins_over_one_that_was_sent_meanwhile(policy, older, newer):
    delivery = await delivery_of(Rules(guard="warn", policies={"people.custom_attributes.rank": policy}))

    await delivery.while_kept_waiting(
        name="older",
        user="ana",
        traits={"rank": older, **NEW},
        timestamp="2023-11-02T00:00:00Z",
        by_email={"traits": {"email": EMAIL, "rank": newer}, "timestamp": "2023-11-03T00:00:00Z"},
    )
    await delivery.deliver()

    held = delivery.custify.people["ana"]
    assert held == held | {"rank": newer, **NEW}


async def test_a_value_that_was_overwritten_meanwhile_is_not_taken_for_one_that_custify_holds():
    delivery = await delivery_of(Rules(guard="warn", changes_only=True))
    await delivery.while_kept_waiting(
        name="same", user="ana", traits={"phone": "0", **NEW}, by_email={"traits": {"email": EMAIL, "phone": "1"}}
    )
    await delivery.deliver()

    await delivery.say("again", "ana", traits={"phone": "0"})
    await delivery.deliver()

    assert delivery.custify.people["ana"]["phone"] == "0"


async def test_a_woken_event_looks_again_for_a_person_not_found_a_moment_ago():
    delivery = await Delivery(Rules(policies={})).open()
    await delivery.say("seen", "ana", kind="track", event="Seen", context={"traits": {"email": EMAIL}})
    await delivery.deliver()
    assert delivery.ends() == {"seen": "parked"}

    # Bo's too, and not sent: the address alone is nobody's yet.
    await delivery.say("by e-mail", traits={"email": EMAIL})
    await delivery.deliver()

    assert delivery.ends() == {"by e-mail": "delivered", "seen": "delivered"}
