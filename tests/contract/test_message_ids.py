"""A message id that is stored is known: from memory, from the runs on disk, after a crash, and after an upgrade."""

import importlib.resources
import sqlite3

import pytest

from contract.worlds import SqliteWorld, event, incompressible
from penstock.buffer.port.query import Query
from penstock.buffer.sqlite.file import EVENTS
from penstock.buffer.sqlite.log.ids import FILTER_RUNS, Filter
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.buffer.sqlite.log.segments import events_after
from penstock.errors import BufferUnavailable
from penstock.event import Batch

NAMES = [f"m{i}" for i in range(100)]


@pytest.fixture
async def many_runs(sqlite_world):
    """Return a world that writes a run for every ten ids, with a hundred events of two sources."""
    sqlite_world.log.appends.ids.run_ids = 10
    for start in range(0, 100, 7):
        await sqlite_world.append(*(event(name, "ana") for name in NAMES[start : start + 7]))
    await sqlite_world.append(event("m1", "ana", source="server"))
    return sqlite_world


async def again(world) -> list[int]:
    return [await world.append(event(name, "ana")) for name in NAMES]


async def test_an_id_is_known_wherever_it_is_remembered(many_runs):
    assert await again(many_runs) == [0] * 100
    assert await many_runs.append(event("m1", "ana", source="server")) == 0
    assert await many_runs.append(event("m2", "ana", source="server"), event("new", "ana")) == 2


async def test_an_id_is_known_after_a_crash(many_runs):
    await many_runs.crash_and_reopen()

    assert await again(many_runs) == [0] * 100


async def test_an_id_is_known_while_its_run_is_being_written_and_after_a_crash_then(sqlite_world):
    names = [f"m{i}" for i in range(1500)]
    sqlite_world.log.appends.ids.run_ids = 1000
    for start in range(0, 1100, 100):
        await sqlite_world.append(*(event(name, "ana") for name in names[start : start + 100]))
    assert sqlite_world.log.appends.ids.unfinished
    assert await sqlite_world.append(*(event(name, "ana") for name in names[:1100])) == 0

    await sqlite_world.crash_and_reopen()
    sqlite_world.log.appends.ids.run_ids = 1000

    assert await sqlite_world.append(*(event(name, "ana") for name in names)) == 400
    assert await sqlite_world.append(*(event(name, "ana") for name in names)) == 0


async def test_an_id_that_another_process_stored_is_known(many_runs):
    other = SqliteLog(many_runs.folder, clock=many_runs.clock, disk_free_bytes_min=0, waiting_events_max=10**9)
    await other.open()
    assert await other.append([Batch.of(event("other", "ana"))]) == 1
    await other.close()

    assert await many_runs.append(event("other", "ana"), event("mine", "ana")) == 1
    assert len(many_runs.stories()) == 103


async def test_an_event_is_found_by_its_id_wherever_it_is_remembered(many_runs):
    for name in ("m0", "m1", "m50", "m99"):
        assert many_runs.shelf.story("custify", name).event.message_id == name
    found = many_runs.search.find("custify", Query(message_id="m1"))
    assert [story.event.source for story in found.stories] == ["server", "web"]


async def test_ids_that_contain_one_another_are_different_ids(sqlite_world):
    odd = ['a","b', "a", "b", "a\0", "a\0b", '"', "\\", "é", "ééé", "', '"]
    sqlite_world.log.appends.ids.run_ids = 1
    for name in odd:
        assert await sqlite_world.append(event(name, "ana")) == 1
    assert [await sqlite_world.append(event(name, "ana")) for name in odd] == [0] * len(odd)
    assert [story.event.message_id for story in sqlite_world.stories()] == odd


async def test_what_could_not_be_stored_is_stored_when_it_is_sent_again(sqlite_world):
    sqlite_world.fill_the_disk()
    lost = [event(f"big{i}", incompressible(i)) for i in range(500)]
    with pytest.raises(BufferUnavailable):
        await sqlite_world.append(*lost)
    sqlite_world.empty_the_disk()

    assert await sqlite_world.append(*lost) == 500
    assert dict(sqlite_world.shelf.accepted()) == {"web": 500}


async def test_a_repeat_within_a_request_does_not_change_the_order(sqlite_world):
    await sqlite_world.append(*(event(name, "ana") for name in ("m1", "m2", "m1", "m3", "m2")))

    assert [story.event.message_id for story in sqlite_world.stories()] == ["m1", "m2", "m3"]


async def test_retention_forgets_the_ids_of_events_that_are_gone(many_runs):
    await many_runs.log.prune(older_than_ms=2**62, bytes_max=1, destinations=[])
    for number in range(20):
        await many_runs.append(event(f"later{number}", "ana"))
        await many_runs.log.prune(older_than_ms=2**62, bytes_max=1, destinations=[])

    runs = many_runs.log.connection.execute("SELECT count(DISTINCT run) FROM message").fetchone()[0]
    assert runs <= 2


async def test_full_filters_are_read_again_after_a_crash_and_the_ids_are_not(many_runs, monkeypatch):
    for start in range(100, 400, 10):
        await many_runs.append(*(event(f"m{i}", "ana") for i in range(start, start + 10)))
    read = []
    admit = Filter.admit
    monkeypatch.setattr(Filter, "admit", lambda self, ids: (len(ids) > 1 and read.append(self), admit(self, ids))[1])

    await many_runs.crash_and_reopen()

    runs = many_runs.log.connection.execute("SELECT count(DISTINCT last_seq) FROM run").fetchone()[0]
    assert runs > FILTER_RUNS
    assert len(read) == runs % FILTER_RUNS
    assert await again(many_runs) == [0] * 100


async def test_filters_of_a_process_that_hashed_otherwise_are_made_anew(many_runs):
    for start in range(100, 300, 10):
        await many_runs.append(*(event(f"m{i}", "ana") for i in range(start, start + 10)))
    many_runs.log.connection.execute("UPDATE filter SET hashing = hashing + 1, bits = zeroblob(length(bits))")

    await many_runs.crash_and_reopen()

    assert await again(many_runs) == [0] * 100
    assert many_runs.log.connection.execute("SELECT count(*) FROM filter").fetchone()[0] == 1


def test_a_filter_lets_most_strangers_pass():
    filter_ = Filter()
    filter_.admit(f"mine{i}" for i in range(10_000))

    assert filter_.suspects(["mine0", "mine9999"]) == ["mine0", "mine9999"]
    assert len(filter_.suspects(f"stranger{i}" for i in range(10_000))) < 100


async def test_a_file_of_the_first_schema_is_brought_forward(tmp_path):
    rows = [
        (2, "web", "m1", "track", "ana", "", "", 1_700_000_000_001, "127.0.0.1", b'{"a":1}'),
        (3, "server", "m1", "group", "", "anon\0", 'ac"me', 1_700_000_000_002, "::1", b""),
        (7, "web", "m\0", "töck", "\U0001f600", "", "", 1_700_000_000_003, "", b"\x00\xff"),
    ]
    first = importlib.resources.files("penstock.buffer.sqlite").joinpath("migrations", "events_0001.sql").read_text()
    with sqlite3.connect(tmp_path / EVENTS) as connection:
        connection.executescript(first + "PRAGMA user_version = 1")
        connection.executemany(f"INSERT INTO events VALUES ({', '.join('?' * 10)})", rows)
        connection.execute("DELETE FROM events WHERE seq = 7")
        connection.execute("INSERT INTO events SELECT 6, * FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?))", rows[2][1:])
    connection.close()

    world = await SqliteWorld(tmp_path).open()
    assert await world.append(event("m1", "ana"), event("m\0", "ana"), event("m8", "ana")) == 1
    stored = list(events_after(world.log.connection, 0))
    await world.close()

    assert [seq for seq, _ in stored] == [2, 3, 6, 8]
    fields = ("source", "message_id", "type", "user_id", "anonymous_id", "company_id")
    fields += ("received_at_ms", "request_ip", "body")
    assert [tuple(getattr(each, field) for field in fields) for _, each in stored[:3]] == [row[1:] for row in rows]
