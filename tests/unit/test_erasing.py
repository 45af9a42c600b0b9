"""Erasures, with real files: what goes, what stays, and what a process that ends in between leaves behind."""

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.privacy.receipt import why_not
from privacy_world import Person, PrivacyWorld

Told = Callable[[PrivacyWorld], Awaitable[None]]


def in_a_world(test: Told, folder: Path) -> None:
    async def run() -> None:
        world = await PrivacyWorld(folder).open()
        try:
            await test(world)
        finally:
            await world.close()

    asyncio.run(run())


async def live(world: PrivacyWorld, person: Person, number: int) -> None:
    """Let somebody leave a trace of every kind."""
    p, n = person, f"{number}"
    await world.take("web", {"type": "track", "messageId": f"a{n}", "anonymousId": p.anon, "event": "Seen"})
    await world.take(
        "web", {"type": "identify", "messageId": f"b{n}", "userId": p.id, "anonymousId": p.anon, "traits": p.traits}
    )
    await world.take(
        "mobile",
        {"type": "track", "messageId": f"{p.id}-{n}", "userId": p.id, "event": "Opened", "properties": {"to": p.email}},
    )
    company = {
        "type": "group",
        "messageId": f"d{n}",
        "userId": p.id,
        "groupId": f"company-{number % 4}",
        "traits": {"name": "A"},
    }
    await world.take("server", company)
    bad = {"type": "track", "messageId": f"e{n}", "userId": p.id, "event": "Bad", "properties": {"note": p.name}}
    await world.take("server", bad)
    by_mail = {
        "type": "identify",
        "messageId": f"f{n}",
        "traits": {"email": p.email, "name": p.name},
        "anonymousId": p.device,
    }
    await world.take("server", by_mail)


def test_nothing_of_an_erased_person_is_left_and_everybody_else_stays(tmp_path: Path) -> None:
    dice = random.Random(1)
    ann, bob = Person(dice), Person(dice)

    async def test(world: PrivacyWorld) -> None:
        await live(world, ann, 1)
        await live(world, bob, 2)
        await world.settle()
        before = {id_: told for id_, told in world.told().items() if id_.endswith("2")}
        counts = world.store.counts()

        world.asking.erase(frozenset({f"user:{ann.id}"}), world.settings, by="root")
        await world.until_done()

        assert world.found_of(*ann.words) == []
        assert {id_: told for id_, told in world.told().items() if id_.endswith("2")} == before
        after = world.store.counts()
        assert (after.received, after.waiting) == (counts.received, counts.waiting)
        assert after.received == after.waiting + sum(after.outcomes.values())
        assert after.outcomes[Outcome.ERASED] == 1  # the one that was refused could have been replayed
        state = await world.api.sandbox.state()
        assert [person.get("user_id") for person in state["people"]] == [bob.id]

    in_a_world(test, tmp_path)


class Killed(Exception):
    """The process ended here."""


def kill_after(world: PrivacyWorld, operations: int) -> None:
    """Let both writers write so many more transactions, and then nothing any more."""
    left = operations

    def guarded(commit: Callable, given: object) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return commit(given)

    for group in (world.store.log.group, world.store.store.group):
        group.transactions.commit = functools.partial(guarded, group.transactions.commit)


async def second_or_kill(world: PrivacyWorld) -> None:
    try:
        await world.second()
    except Killed:
        await world.crash_and_reopen()


async def traces_at_the_dashboard(world: PrivacyWorld, person: Person) -> None:
    """Let people have asked for things that name somebody."""
    world.orders.ask_replay("custify", Selection(person=person.id), by="root")
    world.ledger_orders.ask_forget("custify", f"user:{person.id}", by="root")
    world.control.note("root", f"link shared for 7 days: user:{person.id}")


async def lived(folder: Path, people: Sequence[Person], *, gone: Sequence[Person], seed: int) -> PrivacyWorld:
    """Let people live through bad days; meanwhile some are erased, and the process is killed again and again."""
    world, chance = await PrivacyWorld(folder).open(), random.Random(seed)
    for number, person in enumerate(people):
        await live(world, person, number)
        if number % 8 == 7:
            await world.second()
    for person in people[:5]:
        await traces_at_the_dashboard(world, person)
    for person in gone:
        name = chance.choice([f"user:{person.id}", f"email:{person.email}"])
        world.asking.erase(frozenset({name}), world.settings, by="root")
    for number, person in enumerate(people[::2]):
        if gone:
            kill_after(world, chance.randrange(1, 60))
            world.api.fails = number < 10
        await live_or_kill(world, person, 100 + number)
        await second_or_kill(world)
    await world.crash_and_reopen()
    world.api.fails = False
    await world.until_done(seconds_max=900)
    for number, person in enumerate(people[:5]):
        await live(world, person, 200 + number)
    await world.settle(seconds=60)
    return world


async def live_or_kill(world: PrivacyWorld, person: Person, number: int) -> None:
    try:
        await live(world, person, number)
    except Killed:
        await world.crash_and_reopen()
        await live(world, person, number)


@pytest.mark.parametrize("seed", [0, 1])
def test_five_of_forty_are_erased_while_traffic_goes_on_and_the_process_is_killed(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    people = [Person(dice) for _ in range(40)]
    gone, words = people[:5], [word for person in people[:5] for word in person.words]

    async def test() -> None:
        for name in ("with", "without"):
            (tmp_path / name).mkdir()
        world = await lived(tmp_path / "with", people, gone=gone, seed=seed)
        twin = await lived(tmp_path / "without", people, gone=(), seed=seed)

        assert world.found_of(*words) == []
        others = {id_: each for id_, each in twin.told().items() if not is_of(words, id_, each[1])}
        assert len(others) >= 35 * 7
        assert {id_: world.told().get(id_) for id_ in others} == others
        counts, there = world.store.counts(), twin.store.counts()
        assert counts.received == there.received == counts.waiting + sum(counts.outcomes.values())
        assert counts.outcomes[Outcome.SUPPRESSED] >= 5 * 6
        state = await world.api.sandbox.state()
        assert {person["user_id"] for person in state["people"]} == {person.id for person in people[5:]}
        for request in world.asking.requests.all():
            path = world.asking.requests.folder / f"receipt-{request.number}.json"
            receipt = msgspec.json.decode(path.read_bytes())
            assert why_not(receipt, world.seal.public_key()) == ""
            assert receipt["receipt"]["removed"]["events"] >= 5
        for each in (world, twin):
            await each.close()

    asyncio.run(test())


def is_of(words: Sequence[str], message_id: str, body: bytes) -> bool:
    """Return whether an event names one of some people, wherever."""
    text = body.decode().lower()
    return any(word.lower() in text or word in message_id for word in words)
