"""A renamed destination keeps its backlog, its history, its ledger and what people asked for; nothing is sent again."""

import asyncio
import contextlib
import dataclasses

import pytest

from contract.test_replay_promises import drain
from contract.worlds import SqliteWorld, event
from penstock import causes
from penstock.buffer.port.backlog import CallCount, Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.buffer.sqlite.delivery.names import NAMING
from penstock.buffer.sqlite.file import CONTROL, DELIVERY
from penstock.clock import SeededDice
from penstock.deliver.fleet import Fleet
from penstock.errors import BufferUnavailable
from penstock.settings import NEW, Connection, Destination, Settings, Source

CUSTIFY = Destination(name="custify", api_key="k", base_url="http://127.0.0.1:9")


def settings(destination: Destination, **more) -> Settings:
    return Settings(
        sources={"web": Source(name="web", type="web", write_key="w")},
        destinations={destination.name: destination},
        connections=(Connection(from_="web", to=destination.name),),
        **more,
    )


def crm(**facts) -> Settings:
    return settings(dataclasses.replace(CUSTIFY, name="crm", **facts))


def fleet_over(sqlite_world) -> Fleet:
    """Return a fleet whose destinations are served, and send nothing."""
    fleet = Fleet(
        backlog_of=sqlite_world.store.backlog,
        ledger_of=sqlite_world.store.ledger,
        orders=SqliteOrders(sqlite_world.folder, clock=sqlite_world.clock),
        ledger_orders=SqliteLedgerOrders(sqlite_world.folder, clock=sqlite_world.clock),
        clock=sqlite_world.clock,
        dice=SeededDice(1),
        names=sqlite_world.store,
    )
    fleet._serve = Standing
    return fleet


@pytest.fixture
def fleet(sqlite_world):
    return fleet_over(sqlite_world)


class Standing:
    """A destination that is served, and sends nothing: what is looked at here is its store."""

    def __init__(self, destination) -> None:
        self.destination = destination

    def facts(self):
        return {}


async def lived(world: SqliteWorld) -> None:
    """Let a destination be served for a while: some events end, one dies, one is tried again, one is parked."""
    await world.backlog.remember({"origin": CUSTIFY.base_url, "account": "", "running": True})
    await world.append(*(event(f"m{i}", f"u{i}", anonymous=f"a{i}") for i in range(6)))
    leases = {lease.event.message_id: lease for lease in await world.lease()}
    done = Ending(lease=leases["m0"], outcome=Outcome.DELIVERED)
    count = CallCount(path="/people", kind="sent", count=1)
    await world.backlog.settle(done, learned={"user:u0": lambda _: b"x"}, calls=[count])
    await world.backlog.settle(Ending(lease=leases["m1"], outcome=Outcome.DEAD, reason="no", cause="custify.refused"))
    await world.backlog.retry(leases["m2"], at=0.0, first_failed_at=1.0, counts=True)
    await world.backlog.park(leases["m3"], since=1.0, until=2.0**40, subjects=["user:u3"])
    orders = SqliteOrders(world.folder, clock=world.clock)
    orders.pause("custify", paused=True, by="ana")
    job = orders.ask_replay("custify", Selection(cause="nothing"), by="ana")
    await world.backlog.replay(Selection(cause="nothing"), job=job, limit=1)
    SqliteLedgerOrders(world.folder, clock=world.clock).approve("custify", "people.plan", by="ana")


def named(world: SqliteWorld, file: str) -> dict[str, dict[str, int]]:
    """Return how many rows of each table that names destinations belong to which."""
    with contextlib.closing(connect(world.folder / file)) as connection:
        tables = [row[0] for row in connection.execute(NAMING)]
        count = "SELECT destination, count(*) FROM {} GROUP BY 1"
        found = {table: dict(connection.execute(count.format(table)).fetchall()) for table in tables}
    return {table: rows for table, rows in found.items() if rows}


async def test_every_row_that_names_it_goes_with_it(sqlite_world):
    await lived(sqlite_world)
    before = {file: named(sqlite_world, file) for file in (DELIVERY, CONTROL)}
    assert {"waiting", "place", "parked", "outcome", "tally", "minute", "ledger", "tie", "calls", "replay"} <= set(
        before[DELIVERY]
    )
    assert {"pause", "replay_order", "attribute_approval"} == set(before[CONTROL])

    await sqlite_world.store.rename("custify", "crm")

    for file, tables in before.items():
        assert named(sqlite_world, file) == {table: {"crm": rows["custify"]} for table, rows in tables.items()}


async def test_it_goes_on_where_it_was_and_sends_nothing_again(sqlite_world, fleet):
    await lived(sqlite_world)
    await sqlite_world.append(event("late", "u9"))
    counts = sqlite_world.counts()
    fleet.follow(crm(renamed_from=("custify",)))
    await fleet._begin()

    backlog = sqlite_world.backlog = sqlite_world.backlog_of("crm", lambda: ["web"], lambda _: "all")
    assert sqlite_world.shelf.counts("crm", ["web"]) == counts
    assert sorted(await drain(sqlite_world)) == ["late", "m2", "m4", "m5"]
    assert await backlog.ledger.known({"user:u0"}) == {"user:u0": b"x"}
    assert SqliteOrders(sqlite_world.folder, clock=sqlite_world.clock).paused() == {"crm": "ana"}
    assert set(fleet.served) == {"crm"}


async def test_a_name_that_was_not_explained_is_asked_about_and_nothing_is_sent(sqlite_world, fleet):
    await lived(sqlite_world)
    fleet.follow(crm())
    await fleet._begin()

    facts = fleet.facts()["crm"]
    assert fleet.served == {}
    assert (facts["hold_cause"], facts["was"]) == (causes.RENAMED, "custify")
    assert "has the key or secret of custify, which is gone" in facts["hold_reason"]
    assert set(sqlite_world.store.known()) == {"custify"}


@pytest.mark.parametrize(
    ("said", "names"), [(("custify",), {"crm"}), ((NEW,), {"custify"})], ids=["the same", "another one"]
)
async def test_once_a_person_says_so_it_is_served(sqlite_world, fleet, said, names):
    await lived(sqlite_world)
    fleet.follow(crm())
    await fleet._begin()
    fleet.follow(crm(renamed_from=said))
    await fleet._begin()

    assert (set(fleet.served), set(sqlite_world.store.known())) == ({"crm"}, names)
    assert fleet.facts() == {"crm": {}}


async def test_the_old_name_is_not_taken_while_it_is_served_still(sqlite_world, fleet):
    await lived(sqlite_world)
    leaving = asyncio.get_running_loop().create_future()
    fleet.leaving.add(leaving)
    fleet.follow(crm(renamed_from=("custify",)))
    await fleet._begin()
    assert set(sqlite_world.store.known()) == {"custify"}

    fleet.leaving.discard(leaving)
    await fleet._begin()
    assert set(sqlite_world.store.known()) == {"crm"}


async def test_a_name_that_was_given_up_is_not_paused_under_the_new_one(sqlite_world, fleet):
    await lived(sqlite_world)
    orders = SqliteOrders(sqlite_world.folder, clock=sqlite_world.clock)
    orders.pause("custify", paused=True, by="ana", discard=True)
    fleet.follow(crm(renamed_from=("custify",)))
    await fleet._begin()

    assert (orders.paused(), orders.discarded()) == ({}, [])


async def test_a_rename_that_fails_changes_nothing_and_a_second_one_is_whole(sqlite_world):
    await lived(sqlite_world)
    before = named(sqlite_world, DELIVERY)
    sqlite_world.store.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(BufferUnavailable):
        await sqlite_world.store.rename("custify", "crm")
    assert named(sqlite_world, DELIVERY) == before

    sqlite_world.store.connection.execute("PRAGMA query_only = OFF")
    await sqlite_world.store.rename("custify", "crm")
    assert set(sqlite_world.store.known()) == {"crm"}
