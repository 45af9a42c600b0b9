"""One source cannot take the room of all: what it has in store is bounded by its share, and the others go on."""

import contextlib

import pytest

from contract.test_segments import folder_of_schema
from contract.worlds import SqliteWorld, event, incompressible
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.rules.store_shares import StoreShares
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.doctor.salvage import salvage
from penstock.buffer.sqlite.file import EVENTS, open_writer
from penstock.buffer.sqlite.log import log
from penstock.buffer.sqlite.log.log import LOOK_S
from penstock.errors import BufferUnavailable, ShareUsedUp

HALF = {"web": 0.5}


def bound(world, shares: dict[str, float], *, events_max: int = 10**9):
    world.store_shares, world.events_max = shares, events_max
    world.log.shares.events_max = events_max
    return world


async def append(world, count: int, *, source: str = "web", at: int = 0) -> int:
    return await world.append(*(event(f"{source}{at + n}", "ana", source=source) for n in range(count)))


async def test_a_source_that_has_its_share_in_store_is_refused_alone(world):
    bound(world, HALF, events_max=20)
    await append(world, 10)

    with pytest.raises(ShareUsedUp, match="10 events of web are stored, 50% of 20 are its share"):
        await append(world, 1, at=10)

    assert await append(world, 5, source="server") == 5
    assert world.counts().received == 15


async def test_what_a_source_has_in_store_is_known_after_a_crash(world):
    bound(world, HALF, events_max=20)
    await append(world, 10)
    await world.crash_and_reopen()

    with pytest.raises(ShareUsedUp):
        await append(world, 1, at=10)


async def test_an_event_that_is_sent_again_takes_no_room(world):
    bound(world, HALF, events_max=20)
    for _ in range(3):
        await append(world, 9)

    assert await append(world, 1, at=9) == 1


async def test_a_source_without_a_share_of_its_own_is_bound_by_the_store_alone(world):
    bound(world, {}, events_max=20)

    assert await append(world, 15) == 15


async def test_another_share_holds_within_a_second(world):
    bound(world, HALF, events_max=20)
    await append(world, 10)
    world.store_shares = {"web": 0.9}
    world.pass_time(LOOK_S)

    assert await append(world, 1, at=10) == 1


async def test_the_disk_is_shared_too(sqlite_world, monkeypatch):
    world = bound(sqlite_world, HALF)
    await world.append(*(event(f"big{n}", incompressible(n, size=4_000)) for n in range(60)))
    await append(world, 3, source="server")
    used = (world.folder / EVENTS).stat().st_size
    monkeypatch.setattr(log.shutil, "disk_usage", lambda _: type("Usage", (), {"free": used // 2}))
    world.pass_time(LOOK_S)

    with pytest.raises(ShareUsedUp, match="web takes"):
        await append(world, 1)

    assert await append(world, 1, source="server", at=3) == 1


async def test_what_was_refused_is_not_kept_and_the_disk_that_is_full_for_all_is_said_first(sqlite_world, monkeypatch):
    monkeypatch.setattr(log.shutil, "disk_usage", lambda _: type("Usage", (), {"free": -1}))
    sqlite_world.pass_time(LOOK_S)

    with pytest.raises(BufferUnavailable) as refused:
        await append(sqlite_world, 1, source="server")

    assert not isinstance(refused.value, ShareUsedUp)


async def test_retention_makes_room_before_a_source_is_refused(sqlite_world):
    world = bound(sqlite_world, HALF, events_max=20)
    await append(world, 10)
    for _ in range(10):
        [lease] = await world.lease(1)
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))

    assert await world.log.prune(older_than_ms=0, bytes_max=10**12, destinations=["custify"]) == 10
    assert await append(world, 5, at=10) == 5
    assert world.log.shares.stored == {"web": (5, world.log.shares.stored["web"][1])}


async def test_retention_removes_nothing_that_waits_however_short_room_is(sqlite_world):
    world = bound(sqlite_world, HALF, events_max=20)
    await append(world, 10)

    assert await world.log.prune(older_than_ms=0, bytes_max=10**12, destinations=["custify"]) == 0


def stored(path) -> dict[str, tuple[int, int]]:
    with contextlib.closing(connect(path)) as connection:
        told = {row[0]: row[1:] for row in connection.execute("SELECT source, events, bytes FROM stored") if row[1]}
        found = connection.execute("SELECT source, sum(count), sum(length(frame)) FROM segment GROUP BY source")
        assert told == {row[0]: row[1:] for row in found}
    return told


async def test_what_is_told_to_be_stored_is_what_is_stored_whatever_happened(tmp_path):
    world = await SqliteWorld(tmp_path).open()
    await append(world, 300)
    await append(world, 7, source="server")
    for _ in range(150):
        [lease] = await world.lease(1)
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    await world.log.prune(older_than_ms=2**62, bytes_max=10**12, destinations=["custify"])
    await world.close()

    before = stored(tmp_path / EVENTS)
    assert {source: each[0] for source, each in before.items()} == {"web": 150, "server": 7}
    salvage(tmp_path / EVENTS, stamp="1")
    assert stored(tmp_path / EVENTS) == before


def test_what_an_older_penstock_stored_is_counted_once(tmp_path):
    insert = "INSERT INTO segment VALUES (?, ?, ?, ?, ?)"
    folder_of_schema(4, tmp_path, (insert, [3, 3, "web", 1, b"abc"]), (insert, [4, 1, "server", 1, b"de"]))

    open_writer(tmp_path / EVENTS).close()

    assert stored(tmp_path / EVENTS) == {"web": (3, 3), "server": (1, 2)}


def test_a_source_is_weighed_with_the_indexes_that_its_events_need():
    shares = StoreShares(
        share_of=lambda _: 0.5, disk_bytes=1_000, disk_bytes_max=1_200, stored={"web": (9, 6), "b": (1, 4)}
    )

    assert shares.problem("web") == "web takes 600 bytes, 50% of 1200 are its share"
    assert shares.problem("b") == ""


@pytest.mark.parametrize(
    ("facts", "pressed"),
    [
        ({"stored": {"web": (44, 1)}}, False),
        ({"stored": {"web": (45, 1)}}, True),
        ({"stored": {"web": (10, 1), "server": (80, 1)}}, True),
        ({"stored": {"web": (1, 1)}, "disk_bytes": 100, "disk_bytes_max": 1_000}, False),
        ({"stored": {"server": (1, 1)}, "disk_bytes": 900, "disk_bytes_max": 1_000}, True),
    ],
)
def test_room_is_short_when_one_source_or_all_together_are_near_their_bound(facts, pressed):
    share_of = {"web": 0.5, "server": 1.0}.__getitem__

    assert StoreShares(share_of=share_of, events_max=100, **facts).is_pressed() is pressed
