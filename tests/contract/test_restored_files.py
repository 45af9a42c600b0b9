"""Files that come back: older copies, lost ends, files of another folder. Nothing is skipped, no number means two events."""

import contextlib
import shutil

import pytest

from contract.test_replay_promises import bury, drain
from contract.worlds import DESTINATION, SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.connections import connect
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.buffer.sqlite.doctor.doctor import Doctor
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS
from penstock.buffer.sqlite.read.dead import SqliteDeadLetters
from penstock.buffer.sqlite.read.shelf import SqliteShelf
from penstock.clock import ManualClock
from penstock.deliver.replays import Replays
from penstock.errors import FoldersMixed, LogForked

DONE = Outcome.DELIVERED


def copied(folder, file: str, to) -> None:
    """Copy a file as `sqlite3 FILE ".backup COPY"` does."""
    to.mkdir(exist_ok=True)
    with (
        contextlib.closing(connect(folder / file)) as source,
        contextlib.closing(connect(to / file)) as copy,
        copy.backup("main", source, "main") as backup,
    ):
        backup.step()


def put_back(copy, file: str, folder) -> None:
    for name in (file, f"{file}-wal", f"{file}-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(copy / file, folder / file)


async def opened(folder, **kind) -> SqliteWorld:
    (folder).mkdir(exist_ok=True)
    return await SqliteWorld(folder, **kind).open()


def doctor(folder) -> Doctor:
    return Doctor(folder, sources_of={DESTINATION: ["web", "server"]}, clock=ManualClock())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


async def apart(folder, copy) -> None:
    """Copy the log, let traffic go on, and copy what deliver knows: as if by hand, under traffic."""
    world = await opened(folder)
    await world.append(*(event(f"old{i}", f"u{i}") for i in range(10)))
    await drain(world, 100)
    copied(folder, EVENTS, copy)
    await world.append(*(event(f"between{i}", f"u{i}") for i in range(6)))
    await drain(world, 100)
    copied(folder, DELIVERY, copy)
    await world.close()


async def test_new_events_are_sent_after_an_older_log_came_back(folder, tmp_path):
    await apart(folder, tmp_path / "copy")
    world = await opened(tmp_path / "copy")

    await world.append(*(event(f"new{i}", f"u{i}") for i in range(8)))
    names = await drain(world, 100)
    counts = world.counts()
    await world.close()

    assert sorted(names) == [f"new{i}" for i in range(8)]
    assert counts.received == 24 == sum(counts.outcomes.values())


async def test_no_new_event_inherits_what_became_of_another(folder, tmp_path):
    await apart(folder, tmp_path / "copy")
    world = await opened(tmp_path / "copy")

    await world.append(event("new", "ana"))

    story = world.shelf.story(DESTINATION, "new")
    await world.close()
    assert (story.seq, story.state, story.ended_at) == (17, "waiting", None)


async def test_what_is_missing_is_said_by_every_view(folder, tmp_path):
    await apart(folder, copy := tmp_path / "copy")
    before = SqliteShelf(copy).notices()
    world = await opened(copy)
    await world.append(event("new", "ana"))
    await world.close()

    for said in (before, SqliteShelf(copy).notices(), [str(f.sentence) for f in doctor(copy).findings()]):
        assert len(said) == 1
        assert "events 11 to 16 are missing" in said[0]
        assert "custify: 6 have an outcome, 0 cannot be sent" in said[0]


async def test_an_event_that_waits_but_came_back_without_its_payload_ends_and_stops_no_other(folder, tmp_path):
    world = await opened(folder)
    await world.append(event("first", "ana"))
    copied(folder, EVENTS, tmp_path / "copy")
    await world.append(event("lost", "ana"), event("lost too", "ana"))
    [lease] = await world.lease(1)
    await world.backlog.retry(lease, at=world.clock.now(), first_failed_at=None, counts=True)
    copied(folder, DELIVERY, tmp_path / "copy")
    await world.close()

    world = await opened(tmp_path / "copy")
    await world.append(event("behind", "ana"))
    assert await drain(world, 1) == ["first", "behind"]

    counts, problems = world.counts(), SqliteDeadLetters(tmp_path / "copy").problems(DESTINATION)
    notices = world.shelf.notices()
    await world.close()
    assert counts.outcomes == {DONE: 2, Outcome.DEAD: 2}
    assert [(problem.cause, problem.count) for problem in problems] == [("store.missing", 2)]
    assert "0 have an outcome, 2 cannot be sent" in notices[0]


async def test_of_events_that_were_read_and_not_tried_it_is_said_that_they_may_be_missing(folder, tmp_path):
    world = await opened(folder)
    await world.append(event("first", "ana"))
    copied(folder, EVENTS, tmp_path / "copy")
    await world.append(event("lost", "bo"), event("lost too", "cy", source="not connected"))
    [lease] = await world.lease(1)
    await world.backlog.settle(Ending(lease=lease, outcome=DONE))
    copied(folder, DELIVERY, tmp_path / "copy")
    await world.close()

    world = await opened(tmp_path / "copy")
    await world.append(event("behind", "ana"))
    assert await drain(world, 1) == ["behind"]

    counts, notices = world.counts(), world.shelf.notices()
    await world.close()
    assert (counts.received, counts.outcomes) == (2, {DONE: 2})
    assert "events 2 to 3 are missing" in notices[0]
    assert "none of them is known to have been sent" in notices[0]


@pytest.mark.parametrize("lost", ["the wal", "the file"])
async def test_a_log_that_lost_its_end_goes_on_behind_it(folder, lost):
    world = await opened(folder)
    await world.append(*(event(f"kept{i}", f"u{i}") for i in range(5)))
    world.log.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await world.append(*(event(f"lost{i}", f"u{i}") for i in range(5)))
    await drain(world, 100)
    # kill -9: nothing is written on closing.
    crashed = folder.with_name("crashed")
    shutil.copytree(folder, crashed)
    await world.close()
    for name in {"the wal": [f"{EVENTS}-wal", f"{EVENTS}-shm"], "the file": [EVENTS, f"{EVENTS}-wal", f"{EVENTS}-shm"]}[
        lost
    ]:
        (crashed / name).unlink()

    world = await opened(crashed)
    await world.append(event("new", "ana"))
    names, notices = await drain(world, 100), world.shelf.notices()
    await world.close()

    assert names == ["new"]
    assert f"events {6 if lost == 'the wal' else 1} to 10 are missing" in notices[0]


async def test_an_older_delivery_file_sends_again_and_skips_nothing(folder, tmp_path):
    world = await opened(folder)
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(4)))
    await drain(world, 100)
    copied(folder, DELIVERY, tmp_path / "copy")
    await world.append(*(event(f"n{i}", f"u{i}") for i in range(4)))
    await drain(world, 100)
    await world.close()
    put_back(tmp_path / "copy", DELIVERY, folder)

    world = await opened(folder)
    await world.append(event("new", "ana"))
    names = await drain(world, 100)
    await world.close()

    assert sorted(names) == ["n0", "n1", "n2", "n3", "new"]


async def test_files_of_two_folders_are_refused_at_the_start_and_by_readers(folder, tmp_path):
    for name in ("one", "two"):
        world = await opened(tmp_path / name)
        await world.append(event(name, "ana"))
        await drain(world, 100)
        await world.close()
    put_back(tmp_path / "one", EVENTS, tmp_path / "two")

    with pytest.raises(FoldersMixed, match="expected files of one data folder"):
        await SqliteWorld(tmp_path / "two").open()
    with pytest.raises(FoldersMixed, match=r"events\.db of folder"):
        SqliteShelf(tmp_path / "two").counts(DESTINATION, ["web"])


def test_a_control_file_of_another_folder_is_refused(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        SqliteOrders(tmp_path / name, clock=ManualClock()).pause(DESTINATION, paused=True, by="ana")
        sqlite_open(tmp_path / name, EVENTS)
    put_back(tmp_path / "one", CONTROL, tmp_path / "two")

    with pytest.raises(FoldersMixed):
        SqliteOrders(tmp_path / "two", clock=ManualClock()).paused()


def sqlite_open(folder, file: str) -> None:
    from penstock.buffer.sqlite.file import open_writer

    open_writer(folder / file).close()


async def test_two_files_that_were_written_apart_are_refused_and_the_doctor_sends_again(folder, tmp_path):
    await apart(folder, copy := tmp_path / "copy")
    (copy / DELIVERY).unlink()
    world = await opened(copy)
    await world.append(*(event(f"other{i}", f"u{i}") for i in range(9)))
    await world.close()
    world = await opened(folder)
    await world.append(event("here", "ana"))
    await drain(world, 100)
    await world.close()
    put_back(folder, DELIVERY, copy)

    with pytest.raises(LogForked, match="another one from event 11 on"):
        await SqliteWorld(copy).open()
    assert doctor(copy).repair()

    assert doctor(copy).findings() == []
    world = await opened(copy)
    names, counts = await drain(world, 100), world.counts()
    await world.close()
    assert sorted(names) == [f"other{i}" for i in range(9)]
    assert counts.received == 19 == sum(counts.outcomes.values())


async def follow(world, orders: SqliteOrders) -> None:
    await Replays(world.backlog).step(orders.replays())


@pytest.fixture
async def replayed(folder, tmp_path):
    """A folder in which a replay was asked for and stopped, and a copy of control.db from between."""
    world = await opened(folder)
    orders = SqliteOrders(folder, clock=world.clock)
    orders.pause("nobody", paused=True, by="ana")
    copied(folder, CONTROL, tmp_path / "before")
    await bury(world, event("m1", "ana"))
    world.pass_time(1)
    job = orders.ask_replay(DESTINATION, Selection(), by="ana")
    copied(folder, CONTROL, tmp_path / "asked")
    yield world, orders, job
    await world.close()


async def again(world, copy) -> tuple[SqliteWorld, SqliteOrders]:
    await world.store.prune()
    await world.close()
    put_back(copy, CONTROL, world.folder)
    fresh = SqliteWorld(world.folder, world.clock)
    return await fresh.open(), SqliteOrders(world.folder, clock=world.clock)


async def test_a_finished_replay_does_not_run_again_after_an_older_control_file_came_back(replayed, tmp_path):
    world, orders, _ = replayed
    await follow(world, orders)
    for lease in await world.lease():
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, cause="custify.refused.422"))

    world, orders = await again(world, tmp_path / "asked")
    await follow(world, orders)

    assert world.counts().waiting == 0
    await world.close()


async def test_a_replay_that_was_stopped_does_not_go_on_after_an_older_control_file_came_back(replayed, tmp_path):
    world, orders, job = replayed
    orders.stop_replay(job, stopped=True)

    world, orders = await again(world, tmp_path / "asked")
    await follow(world, orders)
    assert world.counts().waiting == 0
    assert "its replays" in world.shelf.notices()[0]

    orders.stop_replay(job, stopped=False)
    await follow(world, orders)
    assert world.counts().waiting == 1
    await world.store.prune()
    assert world.shelf.notices() == []
    await world.close()


async def test_a_replay_asked_of_an_older_control_file_is_not_taken_for_one_that_is_done(replayed, tmp_path):
    world, orders, job = replayed
    await follow(world, orders)
    for lease in await world.lease():
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, cause="custify.refused.422"))

    world, orders = await again(world, tmp_path / "before")
    world.pass_time(1)
    assert orders.ask_replay(DESTINATION, Selection(), by="ana") == job + 1
    await follow(world, orders)

    assert world.counts().waiting == 1
    await world.close()


async def test_an_order_to_forget_asked_of_an_older_control_file_is_followed(folder, tmp_path):
    world = await opened(folder)
    orders = SqliteLedgerOrders(folder, clock=world.clock)
    SqliteOrders(folder, clock=world.clock).pause("nobody", paused=True, by="ana")
    copied(folder, CONTROL, tmp_path / "before")
    first = orders.ask_forget(DESTINATION, "user:ana", by="ana")
    await world.lease()
    await world.backlog.remember({"forgotten": first})

    world, _ = await again(world, tmp_path / "before")
    orders = SqliteLedgerOrders(folder, clock=world.clock)
    second = orders.ask_forget(DESTINATION, "user:bo", by="ana")

    assert [order.id for order in orders.asked(DESTINATION, after=first).forgets] == [second]
    await world.close()
