"""What append promises."""

import asyncio
import contextlib

import pytest

from contract.worlds import SqliteWorld, event, incompressible
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.file import EVENTS
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.event import Batch


async def test_a_message_id_is_stored_once(world):
    assert await world.append(event("m1", "ana"), event("m1", "ana")) == 1
    assert await world.append(event("m1", "ana"), event("m2", "ana")) == 1
    assert world.counts().received == 2


async def test_two_sources_may_use_the_same_message_id(world):
    assert await world.append(event("m1", "ana"), event("m1", "ana", source="server")) == 2


async def test_a_message_id_is_stored_once_also_across_a_crash(world):
    await world.append(event("m1", "ana"))
    await world.crash_and_reopen()

    assert await world.append(event("m1", "ana")) == 0


async def test_what_append_acknowledged_survives_a_crash(world):
    await world.append(event("m1", "ana"), event("m2", "bo"))
    await world.crash_and_reopen()

    assert sorted(await world.leased_names()) == ["m1", "m2"]


async def test_the_body_is_kept_byte_for_byte(world):
    odd = event("m1", "ana")
    await world.append(odd)

    assert (await world.lease())[0].event == odd


async def test_accepted_counts_by_source_and_not_twice(world):
    await world.append(event("m1", "ana"), event("m2", "ana"))
    await world.append(event("m1", "ana"))
    await world.append(event("m1", "ana", source="server"))

    assert dict(world.shelf.accepted()) == {"web": 2, "server": 1}


async def test_many_appends_at_once_share_their_syncs_and_lose_nothing(world):
    await asyncio.gather(*(world.append(event(f"m{i}", f"u{i % 7}")) for i in range(200)))

    assert world.counts().received == 200


@pytest.mark.parametrize("has_ended", [True, False], ids=["has just ended", "waits for the disk"])
async def test_who_writes_the_file_at_that_moment_does_not_make_an_event_come_again(sqlite_world, has_ended):
    reads = []

    def let_it_end(_tries: int) -> bool:
        somebody.execute("COMMIT")
        return True

    def read_before_somebody_writes(connection) -> None:
        connection.execute("SELECT count(*) FROM segment").fetchall()
        if not reads:
            somebody.execute("BEGIN IMMEDIATE")
            somebody.execute("INSERT INTO accepted VALUES ('server', 0)")
            if has_ended:
                somebody.execute("COMMIT")
        reads.append(connection)

    with contextlib.closing(connect(sqlite_world.folder / EVENTS)) as somebody:
        sqlite_world.log.connection.set_busy_handler(let_it_end)
        reading = sqlite_world.log.group.run(read_before_somebody_writes)

        assert await sqlite_world.append(event("m1", "ana")) == 1
        await reading

    assert len(reads) == 2
    assert sqlite_world.counts().received == 1


async def test_a_full_disk_refuses_and_loses_nothing(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    sqlite_world.fill_the_disk()

    with pytest.raises(BufferUnavailable):
        await sqlite_world.append(*(event(f"big{i}", incompressible(i)) for i in range(500)))

    sqlite_world.empty_the_disk()
    assert await sqlite_world.append(event("m2", "ana")) == 1
    assert [story.event.message_id for story in sqlite_world.stories()] == ["m1", "m2"]
    assert dict(sqlite_world.shelf.accepted()) == {"web": 2}


async def test_a_nearly_full_disk_refuses(tmp_path, sqlite_world):
    log = SqliteLog(tmp_path, clock=sqlite_world.clock, disk_free_bytes_min=10**18, waiting_events_max=10**9)
    await log.open()

    with pytest.raises(BufferUnavailable, match="bytes are free"):
        await log.append([Batch.of(event("m1", "ana"))])

    await log.close()


async def test_a_log_at_its_limit_refuses(tmp_path, sqlite_world):
    await sqlite_world.append(event("m1", "ana"), event("m2", "ana"))
    log = SqliteLog(tmp_path, clock=sqlite_world.clock, disk_free_bytes_min=0, waiting_events_max=2)
    await log.open()

    with pytest.raises(BufferUnavailable, match="2 are allowed"):
        await log.append([Batch.of(event("m3", "ana"))])

    await log.close()


async def test_a_file_of_a_newer_penstock_is_refused_and_left_alone(tmp_path):
    world = await SqliteWorld(tmp_path).open()
    await world.close()
    world.break_the_schema(99)

    with pytest.raises(SettingsError, match="newer Penstock"):
        await SqliteWorld(tmp_path).open()


async def test_a_damaged_file_is_reported(tmp_path):
    (tmp_path / "events.db").write_bytes(b"this is no database at all, but long enough to be looked at" * 100)

    with pytest.raises(StoreDamaged, match=r"events\.db is damaged.*penstock doctor --repair"):
        await SqliteWorld(tmp_path).open()
