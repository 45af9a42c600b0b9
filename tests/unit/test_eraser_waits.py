"""What an erasure waits for, and what it does not: a door that is shut, calls that end, and no clock that anybody may set."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from penstock.buffer.port.alerts import AlertChange, Message
from penstock.buffer.sqlite.alerts.book import SqliteAlertBook
from penstock.destinations.answer import Answer, Refused
from penstock.destinations.plan import Call
from penstock.erasing.eraser import EVENTS
from penstock.errors import WitnessUnreachable
from privacy_world import PrivacyWorld, SandboxApi

ANN = "ann-1f9c-of-acme"
SAID = {"type": "identify", "messageId": "m1", "userId": ANN, "traits": {"plan": "pro"}}


def told(folder: Path, story: Callable[[PrivacyWorld], Awaitable[None]], *, api: SandboxApi | None = None) -> None:
    async def run() -> None:
        world = await PrivacyWorld(folder, api=api).open()
        try:
            await story(world)
        finally:
            await world.close()

    asyncio.run(run())


def erase(world: PrivacyWorld) -> str:
    return world.asking.erase(frozenset({f"user:{ANN}"}), world.settings, by="root").number


def test_a_clock_that_is_set_back_makes_no_erasure_wait(tmp_path: Path) -> None:
    async def story(world: PrivacyWorld) -> None:
        await world.take("web", SAID)
        await world.settle(seconds=3)
        erase(world)
        world.api.fails = True
        await world.settle(seconds=8)
        world.clock.set_by(-5 * 86_400.0)
        world.api.fails = False
        await world.until_done(seconds_max=60)

    told(tmp_path, story)


def test_it_goes_on_once_accept_has_shut_its_door_also_for_somebody_of_whom_nothing_is_stored(tmp_path: Path) -> None:
    async def story(world: PrivacyWorld) -> None:
        number = erase(world)
        for _ in range(20):
            world.clock.advance(1.0)
            await world.eraser.step()
        assert world.errands.is_given(EVENTS, number)
        assert not world.api.deleted
        # accept stood still, knows no list yet, and takes in what had come to its door before.
        await world.take("web", SAID)

        await world.until_done(seconds_max=20)

        assert world.found_of(ANN) == []
        assert (await world.api.sandbox.state())["people"] == []

    told(tmp_path, story)


def test_a_call_from_before_that_is_applied_after_the_deletion_brings_nobody_back(tmp_path: Path) -> None:
    async def story(world: PrivacyWorld) -> None:
        world.eraser.calls_end_s = lambda: 10.0
        await world.take("web", SAID)
        await world.settle(seconds=3)
        erase(world)
        while not world.api.deleted:
            await world.second()
        await world.api.send(Call("/people", {"user_id": ANN}))

        await world.until_done(seconds_max=30)

        assert (await world.api.sandbox.state())["people"] == []

    told(tmp_path, story)


def test_what_a_destination_quoted_of_them_until_it_deleted_them_is_looked_for_once_more(tmp_path: Path) -> None:
    clash = {"type": "identify", "messageId": "m2", "userId": "bob", "traits": {"plan": "pro"}}

    class Quoting(SandboxApi):
        async def send(self, call: Call) -> Answer:
            if call.body.get("user_id") != "bob":
                return await super().send(call)
            return Refused(422, f"this is the seat of {ANN}")

        async def delete(self, path: str) -> Answer:
            if not self.fails and "m2" not in world.told():
                await world.take("web", clash)
                await world.deliver()
            return await super().delete(path)

    async def story(opened: PrivacyWorld) -> None:
        nonlocal world
        world = opened
        await world.take("web", SAID)
        await world.settle(seconds=3)
        # Until then Custify is out of order, and calls of before have long ended.
        world.api.fails = True
        erase(world)
        await world.settle(seconds=20)
        world.api.fails = False

        await world.until_done(seconds_max=200)

        assert world.told()["m2"][0] == "dead"
        assert world.found_of(ANN) == []

    world: PrivacyWorld
    told(tmp_path, story, api=Quoting())


def test_a_receipt_says_what_an_engine_still_has_and_is_not_signed_while_the_engine_cannot_be_asked(
    tmp_path: Path,
) -> None:
    tries = []

    async def beyond() -> list[str]:
        tries.append(1)
        if len(tries) < 3:
            raise WitnessUnreachable("nats", "no quorum")
        return ["blocks of nats"]

    async def story(world: PrivacyWorld) -> None:
        world.eraser.beyond = beyond
        await world.take("web", SAID)
        number = erase(world)

        await world.until_done(seconds_max=120)

        assert world.asking.requests.find(number).left == ["blocks of nats"]
        assert "blocks of nats" in world.asking.requests.receipt_of(number).read_text()

    told(tmp_path, story)


def test_alerts_and_messages_that_name_a_person_are_found_shown_and_lose_the_name(tmp_path: Path) -> None:
    sent = Message(
        id="1", channel="mail", recipient="ops@example.com", kind="problem", title="custify is held", advice="", link="", mute="",
        sentence=f"custify is held: refused user:{ANN}", made_at=0.0, due=0.0, state="sent",
    )  # fmt: skip

    async def story(world: PrivacyWorld) -> None:
        book = SqliteAlertBook(tmp_path)
        book.keep(AlertChange(messages=[sent]))
        held = world.searching.traces.asked(frozenset({f"user:{ANN}"}))
        assert held.counts["messages of alerts"] == 1
        assert held.texts == [f"custify is held: refused user:{ANN}"]

        erase(world)
        await world.until_done(seconds_max=30)

        assert [each.sentence for each in book.messages(limit=9)] == ["custify is held: refused user:[erased]"]
        assert world.found_of(ANN) == []

    told(tmp_path, story)
