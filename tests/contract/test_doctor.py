"""What penstock doctor finds and mends. Nothing it does loses an event."""

import sqlite3

import msgspec
import pytest

from contract.test_replay_promises import bury, drain
from contract.worlds import DESTINATION, SqliteWorld, event, incompressible
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.doctor.doctor import Doctor
from penstock.buffer.sqlite.doctor.salvage import salvage
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, damage_of
from penstock.clock import ManualClock
from penstock.errors import StoreDamaged
from penstock.event import Event

DONE = Outcome.DELIVERED


@pytest.fixture
async def folder(tmp_path):
    """Return a folder with five delivered events, two dead ones, and six waiting ones of two people."""
    world = await SqliteWorld(tmp_path).open()
    await world.append(*(event(f"done{i}", f"d{i}") for i in range(5)))
    for lease in await world.lease():
        await world.backlog.settle(Ending(lease=lease, outcome=DONE))
    await bury(world, event("dead1", "x"), event("dead2", "y"))
    for i in range(6):
        await world.append(event(f"m{i}", f"u{i % 2}", company="acme" if i == 3 else ""))
    [lease, *_] = await world.lease()
    await world.backlog.retry(lease, at=world.clock.now(), first_failed_at=None, counts=True)
    await world.close()
    return tmp_path


def doctor(folder) -> Doctor:
    return Doctor(folder, sources_of={DESTINATION: ["web", "server"]}, clock=ManualClock())


def break_it(folder, *statements: str, file: str = DELIVERY) -> None:
    with sqlite3.connect(folder / file) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def names_left(folder) -> list[str]:
    world = await SqliteWorld(folder).open()
    world.pass_time(60)
    names = await drain(world)
    counts = world.counts()
    await world.close()
    assert counts.received == counts.waiting + sum(counts.outcomes.values())
    return names


async def test_a_store_that_is_well_is_called_well(folder):
    assert doctor(folder).damaged() == []
    assert doctor(folder).findings() == []


def test_an_empty_folder_is_well(tmp_path):
    assert doctor(tmp_path).damaged() == doctor(tmp_path).findings() == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM place WHERE lane = 'user:u0'", "do not fit together"),
        ("INSERT INTO place VALUES ('custify', 'user:ghost', 4711)", "do not fit together"),
        ("UPDATE waiting SET blocked = 7", "do not fit together"),
        ("UPDATE waiting SET blocked = 0", "do not fit together"),
        ("UPDATE destination SET received = received + 3", "waiting and ended 13"),
        ("UPDATE destination SET received = received - 3", "waiting and ended 13"),
        ("UPDATE tally SET count = count + 2 WHERE outcome = 'delivered'", "waiting and ended 15"),
    ],
)
async def test_figures_and_places_that_do_not_fit_are_named_and_mended(folder, statement, said):
    break_it(folder, statement)

    assert any(said in finding.sentence for finding in doctor(folder).findings())
    assert doctor(folder).repair()

    assert doctor(folder).findings() == []
    assert sorted(await names_left(folder)) == [f"m{i}" for i in range(6)]


async def test_events_that_fell_out_of_the_backlog_are_found_again_in_the_log(folder):
    break_it(folder, "DELETE FROM waiting WHERE position > 10")
    assert doctor(folder).findings()

    doctor(folder).repair()

    assert doctor(folder).findings() == []
    assert sorted(await names_left(folder)) == [f"m{i}" for i in range(6)]


async def test_an_event_that_waits_and_has_an_outcome_is_sent_again(folder):
    break_it(
        folder,
        "INSERT INTO outcome SELECT destination, seq, 'delivered', '', 0, '', '', '' FROM waiting LIMIT 1",
        "UPDATE tally SET count = count + 1 WHERE outcome = 'delivered'",
    )
    assert "wait and have an outcome" in doctor(folder).findings()[0].sentence

    doctor(folder).repair()

    assert sorted(await names_left(folder)) == [f"m{i}" for i in range(6)]


async def test_an_event_whose_payload_is_lost_is_buried_and_stops_no_other(folder):
    break_it(folder, "DELETE FROM segment WHERE last_seq = 8", file=EVENTS)
    assert "are not in the log" in doctor(folder).findings()[0].sentence

    doctor(folder).repair()

    assert doctor(folder).findings() == []
    assert sorted(await names_left(folder)) == ["m1", "m2", "m3", "m4", "m5"]


async def test_an_older_copy_of_the_log_does_not_swallow_new_events(folder):
    break_it(
        folder,
        "DELETE FROM segment WHERE last_seq > 8",
        "UPDATE sqlite_sequence SET seq = 8 WHERE name = 'segment'",
        file=EVENTS,
    )
    assert any("an older copy" in finding.sentence for finding in doctor(folder).findings())
    doctor(folder).repair()

    world = await SqliteWorld(folder).open()
    await world.append(event("new", "zoe"))
    names = await drain(world)
    await world.close()

    assert "new" in names


async def grown(folder, count: int = 3_000) -> None:
    """Fill a folder until its files have many pages."""
    world = await SqliteWorld(folder).open()
    for start in range(0, count, 100):
        await world.append(*(large_event(i) for i in range(start, start + 100)))
        await world.lease(1)
    await world.close()


def large_event(number: int) -> Event:
    body = incompressible(number, size=400).encode()
    return msgspec.structs.replace(event(f"m{number}", f"u{number}"), body=body)


@pytest.mark.parametrize("file", [EVENTS, DELIVERY])
async def test_a_file_that_was_cut_short_is_refused_and_what_can_be_read_is_saved(tmp_path, file):
    await grown(tmp_path)
    whole = (tmp_path / file).read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) * 2 // 3])

    with pytest.raises(StoreDamaged, match="penstock doctor --repair"):
        await SqliteWorld(tmp_path).open()
    assert [finding.file for finding in doctor(tmp_path).damaged()] == [file]
    saved = salvage(tmp_path / file, stamp="1")
    doctor(tmp_path).repair()

    assert saved.kept_as.read_bytes()[:100] == whole[:100]
    assert doctor(tmp_path).damaged() == doctor(tmp_path).findings() == []
    left = await names_left(tmp_path)
    assert len(left) > 1_000
    if file == DELIVERY:
        assert len(left) == 3_000


async def test_what_lies_behind_a_hole_in_the_log_is_saved_too(tmp_path):
    await grown(tmp_path)
    raw = bytearray((tmp_path / EVENTS).read_bytes())
    middle = len(raw) // 2 // 8192 * 8192
    raw[middle : middle + 3 * 8192] = b"\xff" * (3 * 8192)
    (tmp_path / EVENTS).write_bytes(raw)
    assert damage_of(tmp_path / EVENTS)

    saved = salvage(tmp_path / EVENTS, stamp="1")

    assert 2_000 < saved.rows["events"] < 3_000
    with sqlite3.connect(tmp_path / EVENTS) as connection:
        first, last = connection.execute("SELECT min(last_seq), max(last_seq) FROM segment").fetchone()
    connection.close()
    assert first <= 128
    assert last > 2_900
