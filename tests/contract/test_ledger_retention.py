"""What is forgotten is gone from the disk, and nobody is kept for ever. On SQLite: the one store that outlives a process."""

import contextlib

import pytest

from contract.worlds import DESTINATION, SqliteWorld, event, file_of_schema
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders
from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf
from penstock.buffer.sqlite.delivery.retention import DAY_S, LEDGER_SWEPT_MAX
from penstock.buffer.sqlite.doctor.salvage import salvage
from penstock.buffer.sqlite.file import CONTROL, DELIVERY
from penstock.clock import ManualClock
from penstock.deliver.dispatch import SHADOW
from penstock.deliver.ledger_orders import FollowedLedgerOrders
from penstock.deliver.records import KeptRecords
from penstock.ledger.record import Alias, Delta

SECRET = "mozzarella-77"
ANA = Delta(fields={"email": "ana@example.com", "custom_attributes.taste": SECRET}, asserted_at=1.0)


async def learn(world, name: str, **learned) -> None:
    await world.append(event(name, "u1"))
    [lease] = await world.lease()
    subjects = {key.replace("_", ":", 1): delta.learn for key, delta in learned.items()}
    await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED), learned=subjects)


def on_disk(world, text: str) -> list[str]:
    return [file.name for file in world.folder.glob("*.db*") if text.encode() in file.read_bytes()]


def subjects(world) -> list[str]:
    return list(SqliteLedgerShelf(world.folder).subjects(DESTINATION, ""))


async def sweep(world, days: float = 395.0) -> int:
    """Let retention walk once through everything."""
    removed = await world.store.prune(ledger_days=days)
    while world.store.swept != ("", ""):
        removed += await world.store.prune(ledger_days=days)
    return removed


async def test_people_nothing_was_learned_of_for_so_long_are_forgotten(sqlite_world):
    world = sqlite_world
    await learn(world, "m1", user_ana=ANA, company_acme=ANA)
    world.pass_time(300 * DAY_S)
    await learn(world, "m2", user_ana=ANA, user_bob=ANA)
    world.pass_time(96 * DAY_S)

    assert await sweep(world) == 1
    assert subjects(world) == ["user:ana", "user:bob"]
    assert await world.store.ledger(DESTINATION).known(["company:acme"]) == {}, "nor does memory hold them"


async def test_no_person_is_forgotten_when_the_setting_says_so(sqlite_world):
    await learn(sqlite_world, "m1", user_ana=ANA)
    sqlite_world.pass_time(5_000 * DAY_S)

    assert await sweep(sqlite_world, days=0) == 0
    assert subjects(sqlite_world) == ["user:ana"]


async def test_a_round_looks_at_a_bounded_number_and_the_next_goes_on_there(sqlite_world):
    world, count = sqlite_world, LEDGER_SWEPT_MAX + 10
    world.store.connection.executemany(
        "INSERT INTO ledger VALUES (?, ?, x'7b7d', 1)", [(DESTINATION, f"user:{number:05}") for number in range(count)]
    )

    assert await world.store.prune(ledger_days=395) == LEDGER_SWEPT_MAX
    assert await world.store.prune(ledger_days=395) == 10
    assert subjects(world) == []


def plan_of(world, statement: str, *values: object) -> str:
    return " ".join(row[3] for row in world.store.connection.execute(f"EXPLAIN QUERY PLAN {statement}", values))


async def test_a_round_finds_its_slice_by_the_key(sqlite_world):
    from penstock.buffer.sqlite.delivery.retention import SLICE

    plan = plan_of(sqlite_world, SLICE, "", "", 10)
    assert "SEARCH" in plan
    assert "TEMP B-TREE" not in plan


async def test_people_of_an_older_file_are_kept_and_their_days_begin_now(tmp_path):
    ana = ("INSERT INTO ledger VALUES (?, 'user:ana', x'7b7d')", [DESTINATION])
    file_of_schema(5, tmp_path, DELIVERY, ana)
    world = await SqliteWorld(tmp_path).open()

    assert await sweep(world) == 0
    world.pass_time(395 * DAY_S)
    assert await sweep(world) == 0
    world.pass_time(DAY_S)
    assert await sweep(world) == 1
    await world.close()


def test_an_older_damaged_file_is_saved_with_its_people(tmp_path):
    ana = ("INSERT INTO ledger VALUES (?, 'user:ana', x'7b7d')", [DESTINATION])
    file_of_schema(5, tmp_path, DELIVERY, ana)

    assert salvage(tmp_path / DELIVERY, stamp="now").rows["ledger"] == 1
    assert SqliteLedgerShelf(tmp_path).record(DESTINATION, "user:ana") == b"{}"


async def test_what_was_forgotten_is_gone_from_the_disk_while_the_server_runs(sqlite_world):
    world = sqlite_world
    await learn(world, "m1", user_ana=ANA)
    assert on_disk(world, SECRET)

    assert await world.store.ledger(DESTINATION).forget("user:ana", limit=10) == 1
    await world.store.prune()

    assert on_disk(world, SECRET) == []


async def test_so_is_who_was_not_seen_for_long(sqlite_world):
    await learn(sqlite_world, "m1", user_ana=ANA)
    sqlite_world.pass_time(400 * DAY_S)
    await sweep(sqlite_world)

    assert on_disk(sqlite_world, SECRET) == []


async def test_a_reader_is_not_waited_for_and_the_next_round_tries_again(sqlite_world):
    world = sqlite_world
    await learn(world, "m1", user_ana=ANA)
    with contextlib.closing(connect(world.folder / DELIVERY)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM ledger").fetchone()
        await world.store.ledger(DESTINATION).forget("user:ana", limit=10)
        await world.store.prune()
    await world.store.prune()

    assert on_disk(world, SECRET) == []


@pytest.mark.parametrize("named", ["user:ana", "email:ana@example.com"])
async def test_a_person_forgotten_by_one_name_is_forgotten_by_all_and_so_is_the_order(sqlite_world, named):
    world, clock = sqlite_world, ManualClock()
    shadow = Delta(fields={"custom_attributes.taste": SECRET})
    await learn(world, "m1", user_ana=ANA, user_bob=Delta(), **{"email_ana@example.com": Alias("ana")})
    await learn(world, "m2", **{f"{SHADOW}user_ana": shadow})
    orders = SqliteLedgerOrders(world.folder, clock=clock)
    kept = KeptRecords(world.store.ledger(DESTINATION), clock=clock)
    followed = FollowedLedgerOrders(DESTINATION, backlog=world.backlog, kept=kept, orders=orders)
    followed.is_live = True
    number = orders.ask_forget(DESTINATION, named, by="ana")
    await followed.step(is_live=True)
    await world.store.prune()

    assert subjects(world) == ["user:bob"]
    assert on_disk(world, "ana@example.com") == []
    assert not orders.asked(DESTINATION, after=0).forgets
    assert orders.ask_forget(DESTINATION, "user:bob", by="ana") > number, "numbers are not used again"


async def test_every_file_overwrites_what_is_deleted(sqlite_world):
    control = SqliteControl(sqlite_world.folder, clock=ManualClock())
    control.save({}, by="ana", note="")
    with control.writing() as third:
        for connection in (sqlite_world.log.connection, sqlite_world.store.connection, third):
            assert connection.execute("PRAGMA secure_delete").fetchone() == (1,), CONTROL


async def test_what_minutes_came_to_is_kept_by_the_hour_and_counted_once(sqlite_world):
    world = sqlite_world
    for turn in range(5):
        await world.append(event(f"m{turn}", "ana"))
        for lease in await world.lease():
            await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
        world.pass_time(17 * 60.0)
    before = world.shelf.by_minute(DESTINATION, since=0, step=60)

    for _ in range(3):
        world.pass_time(DAY_S)
        await world.store.prune()
        assert world.shelf.by_minute(DESTINATION, since=0, step=60) == before

    assert all(first % 60 == 0 for first in world.shelf.by_minute(DESTINATION, since=0))
    world.pass_time(60 * DAY_S)
    await world.store.prune()
    assert world.shelf.by_minute(DESTINATION, since=0) == {}
