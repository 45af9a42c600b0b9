"""Destinations that exchange their names, or hand them on: what waits for a workspace is sent there, and nowhere else."""

import asyncio
import contextlib
import dataclasses
import itertools

import pytest

from contract.test_renames import CUSTIFY, Standing, fleet_over
from contract.worlds import event
from penstock import causes
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.buffer.sqlite.delivery import names
from penstock.errors import BufferUnavailable
from penstock.settings import NEW, Connection, Settings, Source, account_of

#: Workspaces, by the key that opens them.
NORTH, SOUTH = "key-of-north", "key-of-south"


def settings(**workspaces) -> Settings:
    """Return settings where each name has a key, or a key and what it was called."""
    each = {name: (key, ()) if isinstance(key, str) else key for name, key in workspaces.items()}
    return Settings(
        sources={"web": Source(name="web", type="web", write_key="w")},
        destinations={
            name: dataclasses.replace(CUSTIFY, name=name, api_key=key, renamed_from=tuple(was))
            for name, (key, was) in each.items()
        },
        connections=tuple(Connection(from_="web", to=name) for name in each),
    )


@pytest.fixture
def fleet(sqlite_world):
    fleet = fleet_over(sqlite_world)
    fleet._leave = lambda served: None
    fleet._change = lambda served, destination: fleet.served.update({destination.name: Standing(destination)})
    return fleet


async def lived(world) -> None:
    """Let two destinations be served: one event passed at each, and one waits that the other one has no part in."""
    for name, key, message_id in (("custify", NORTH, "north"), ("crm", SOUTH, "south")):
        backlog = world.backlog_of(name, lambda: ["web"], lambda _: "all")
        await backlog.remember({"origin": CUSTIFY.base_url, "account": account_of(CUSTIFY.base_url, key)})
        await world.append(event(message_id, f"user-of-{message_id}"))
        world.backlog = backlog
        for lease in await world.lease():
            if lease.event.message_id == message_id:
                await backlog.settle(
                    Ending(lease=lease, outcome=Outcome.DELIVERED), learned={f"user:{message_id}": lambda _: b"x"}
                )
            else:
                await backlog.retry(lease, at=0.0, first_failed_at=1.0, counts=True)
    SqliteOrders(world.folder, clock=world.clock).pause("crm", paused=True, by="ana")


def workspaces(world) -> dict[str, str]:
    """Return whose past is kept under which name."""
    names = {account_of(CUSTIFY.base_url, key): key for key in (NORTH, SOUTH)}
    return {name: names.get(known.account, "") for name, known in world.store.known().items()}


async def followed(fleet, *each: Settings) -> None:
    for one in each:
        fleet.follow(one)
        for _ in range(4):
            await fleet._begin()


BEFORE = settings(custify=NORTH, crm=SOUTH)
EXCHANGED = settings(custify=SOUTH, crm=NORTH)
SAID = settings(custify=(SOUTH, ["crm"]), crm=(NORTH, ["custify"]))


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "at a start"])
async def test_an_exchange_that_nobody_explained_is_asked_about_at_both(sqlite_world, fleet, is_running):
    await lived(sqlite_world)
    await followed(fleet, *([BEFORE] if is_running else []), EXCHANGED)

    assert fleet.served == {}
    assert {name: (facts["hold_cause"], facts["was"]) for name, facts in fleet.facts().items()} == {
        "custify": (causes.RENAMED, "crm"),
        "crm": (causes.RENAMED, "custify"),
    }
    assert workspaces(sqlite_world) == {"custify": NORTH, "crm": SOUTH}


@pytest.mark.parametrize("is_running", [True, False], ids=["while it runs", "at a start"])
async def test_an_exchange_that_is_said_is_one_and_a_second_look_changes_nothing(sqlite_world, fleet, is_running):
    await lived(sqlite_world)
    await followed(fleet, *([BEFORE] if is_running else []), SAID, SAID)

    assert set(fleet.served) == {"custify", "crm"}
    assert workspaces(sqlite_world) == {"custify": SOUTH, "crm": NORTH}
    assert SqliteOrders(sqlite_world.folder, clock=sqlite_world.clock).paused() == {"custify": "ana"}
    ledger = sqlite_world.store.ledger("crm")
    assert await ledger.known({"user:north", "user:south"}) == {"user:north": b"x"}


CHAIN = {"crm": NORTH, "third": SOUTH}


@pytest.mark.parametrize(
    ("steps", "kept", "asked"),
    [
        ([settings(**CHAIN)], {"custify": NORTH, "crm": SOUTH}, {"crm": "custify", "third": "crm"}),
        (
            [settings(**CHAIN | {"third": (SOUTH, ["crm"])})],
            {"custify": NORTH, "third": SOUTH},
            {"crm": "custify"},
        ),
        (
            [settings(**CHAIN | {"crm": (NORTH, ["custify"])})],
            {"crm": NORTH, "crm - set aside": SOUTH},
            {"third": "crm"},
        ),
        (
            [
                settings(**CHAIN | {"crm": (NORTH, ["custify"])}),
                settings(crm=(NORTH, ["custify"]), third=(SOUTH, ["crm"])),
            ],
            {"crm": NORTH, "third": SOUTH},
            {},
        ),
        ([settings(crm=NORTH)], {"custify": NORTH, "crm": SOUTH}, {"crm": "custify"}),
        ([settings(crm=(NORTH, ["custify"]))], {"crm": NORTH, "crm - set aside": SOUTH}, {}),
        ([settings(crm="a new key", third=SOUTH)], {"custify": NORTH, "crm": SOUTH}, {"crm": "", "third": "crm"}),
        ([settings(crm="a new key", third=(SOUTH, ["crm"]))], {"custify": NORTH, "third": SOUTH}, {}),
        ([settings(crm="a new key", third=(SOUTH, [NEW]))], {"custify": NORTH, "crm": SOUTH}, {}),
        ([settings(custify=NORTH, crm="a new key")], {"custify": NORTH, "crm": SOUTH}, {}),
        (
            [settings(custify=(SOUTH, [NEW]), crm=(NORTH, ["custify"]))],
            {"crm": NORTH, "crm - set aside": SOUTH},
            {},
        ),
        ([SAID, BEFORE], {"custify": SOUTH, "crm": NORTH}, {"custify": "crm", "crm": "custify"}),
        ([SAID, settings(custify=(NORTH, ["crm"]), crm=(SOUTH, ["custify"]))], {"custify": NORTH, "crm": SOUTH}, {}),
        (
            [SAID, settings(custify=("rotated", ["crm"]), crm=(NORTH, ["custify"]))],
            {"custify": SOUTH, "crm": NORTH},
            {},
        ),
    ],
    ids=[
        "a chain that nobody explained",
        "a chain of which the end was said",
        "a chain of which the beginning was said",
        "a chain, said one after the other",
        "one that was removed, and another one has its name",
        "the same, and it was said",
        "a name that goes on with a new key, while another one has its old one",
        "the same, and it was said",
        "the same, and it is another one",
        "a key that was rotated",
        "one is new, the other one what it was",
        "an exchange, and back without a word",
        "an exchange, and back",
        "an exchange, and a key that is rotated later",
    ],
)
async def test_nobody_is_served_with_what_is_kept_of_another_workspace(sqlite_world, fleet, steps, kept, asked):
    await lived(sqlite_world)
    await followed(fleet, BEFORE, *steps)

    assert workspaces(sqlite_world) == kept
    assert {name: fact["was"] for name, fact in fleet.facts().items() if fact} == asked
    assert set(fleet.served) == steps[-1].destinations.keys() - asked.keys()


@pytest.mark.parametrize("stops_after", range(7))
async def test_an_exchange_that_was_interrupted_anywhere_is_gone_on_with(sqlite_world, fleet, monkeypatch, stops_after):
    await lived(sqlite_world)
    steps = []

    def counted(call):
        def step(*args, **named):
            steps.append(call)
            if len(steps) > stops_after:
                raise BufferUnavailable("it was killed")
            return call(*args, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(names, "rename_orders", counted(names.rename_orders))
        patch.setattr(names, "rename", counted(names.rename))
        with contextlib.suppress(BufferUnavailable):
            await followed(fleet, SAID)
    await followed(fleet, SAID)

    assert workspaces(sqlite_world) == {"custify": SOUTH, "crm": NORTH}
    assert SqliteOrders(sqlite_world.folder, clock=sqlite_world.clock).paused() == {"custify": "ana"}


async def test_one_that_is_switched_off_takes_part_once_it_is_switched_on(sqlite_world, fleet):
    await lived(sqlite_world)
    off = dataclasses.replace(SAID.destinations["custify"], enabled=False)
    await followed(fleet, BEFORE, dataclasses.replace(SAID, destinations={**SAID.destinations, "custify": off}))
    assert set(fleet.served) == {"crm"}

    await followed(fleet, SAID)
    assert workspaces(sqlite_world) == {"custify": SOUTH, "crm": NORTH}


async def test_a_past_is_not_taken_while_another_one_writes_to_it(sqlite_world, fleet):
    await lived(sqlite_world)
    await followed(fleet, BEFORE)
    leaving = asyncio.get_running_loop().create_future()
    fleet.leaving.add(leaving)
    await followed(fleet, SAID)
    assert (fleet.served, workspaces(sqlite_world)) == ({}, {"custify": NORTH, "crm": SOUTH})

    fleet.leaving.discard(leaving)
    await followed(fleet, SAID)
    assert workspaces(sqlite_world) == {"custify": SOUTH, "crm": NORTH}


NAMES, KEYS = ["a", "b", "c"], [NORTH, SOUTH, "key-of-west"]


@pytest.mark.parametrize("after", list(itertools.permutations(KEYS)))
@pytest.mark.parametrize("names_now", [NAMES, ["b", "c", "d"], ["a", "d", "e"], ["d", "c"]])
async def test_whoever_calls_them_anew_finds_each_past_with_its_workspace(sqlite_world, fleet, after, names_now):
    before = dict(zip(NAMES, KEYS, strict=True))
    for name, key in before.items():
        account = account_of(CUSTIFY.base_url, key)
        await sqlite_world.backlog_of(name, lambda: ["web"], lambda _: "all").remember({"account": account})
    was = {key: name for name, key in before.items()}
    now = {name: (key, [was[key]] if was[key] != name else []) for name, key in zip(names_now, after, strict=False)}
    await followed(fleet, settings(**before), settings(**now))

    accounts = {name: known.account for name, known in sqlite_world.store.known().items()}
    assert set(fleet.served) == set(now)
    assert {name: accounts[name] for name in now} == {
        name: account_of(CUSTIFY.base_url, key) for name, (key, _) in now.items()
    }
    assert len(accounts) == len(NAMES)
