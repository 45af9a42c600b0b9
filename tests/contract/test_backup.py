"""A set of one moment, made under traffic, comes back whole; what is not whole is refused and changes nothing."""

import asyncio
import shutil
import sqlite3

import pytest

from contract.test_replay_promises import drain
from contract.worlds import DESTINATION, SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.buffer.sqlite.doctor import backup
from penstock.buffer.sqlite.doctor import restore as sqlite_restore
from penstock.buffer.sqlite.doctor.backup import back_up
from penstock.buffer.sqlite.doctor.restore import prove, restore
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS
from penstock.clock import ManualClock
from penstock.errors import BackupRefused, SettingsError

CLOCK = ManualClock()


@pytest.fixture
async def world(tmp_path):
    (tmp_path / "data").mkdir()
    world = await SqliteWorld(tmp_path / "data").open()
    SqliteOrders(world.folder, clock=world.clock).pause("nobody", paused=True, by="ana")
    await world.append(*(event(f"m{i}", f"u{i}") for i in range(20)))
    await drain(world, 7)
    yield world
    await world.close()


def backed_up(world, to, *, with_key: bool = False, tell=lambda _: None):
    key = world.folder / "secret.key"
    return back_up(world.folder, to, at=1.0, version="1", secret_key=key, with_key=with_key, tell=tell)


def proved(from_, tmp_path):
    key = tmp_path / "data" / "secret.key"
    return prove(from_, tmp_path / "scratch", secret_key=key, clock=CLOCK, tell=lambda _: None)


def put_back(from_, to, *, replace: bool = False):
    return restore(from_, to, secret_key=to / "secret.key", stamp="1", replace=replace)


async def test_a_set_comes_back_with_its_sums_and_its_newest_event(world, tmp_path):
    manifest = backed_up(world, tmp_path / "set")
    proof = proved(tmp_path / "set", tmp_path)

    assert proof.wrong == []
    assert sorted(manifest.files) == sorted([EVENTS, DELIVERY, CONTROL])
    assert (manifest.last_seq, manifest.newest_received_at_ms) == (20, 1_700_000_000_000)
    assert manifest.destinations[DESTINATION].received == 20
    assert dict(manifest.destinations[DESTINATION].outcomes) == {"delivered": 20}


async def test_a_set_made_under_traffic_loses_nothing_and_invents_nothing(world, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "PAGES_A_STEP", 2)
    taken: list[str] = []
    stop = asyncio.Event()

    async def traffic() -> None:
        number = 0
        while not stop.is_set():
            await world.append(*(event(f"t{number}.{i}", f"u{i}") for i in range(3)))
            taken.extend(f"t{number}.{i}" for i in range(3))
            for lease in await world.lease(2):
                await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
            number += 1

    running = asyncio.create_task(traffic())
    for number in range(5):
        while len(taken) < 60 * (number + 1):
            await asyncio.sleep(0)
        before = list(taken)
        await asyncio.to_thread(backed_up, world, tmp_path / f"set{number}")
        folder = tmp_path / f"again{number}"
        put_back(tmp_path / f"set{number}", folder)
        restored = await SqliteWorld(folder).open()
        left = await drain(restored, 100)
        counts, stories = restored.counts(), restored.stories()
        notices = restored.shelf.notices()
        await restored.close()

        assert counts.received == len(stories) == sum(counts.outcomes.values())
        assert {story.event.message_id for story in stories} >= set(before)
        assert len(set(left)) == len(left)
        assert notices == []
    stop.set()
    await running


async def test_retention_between_two_looks_makes_it_look_again(world, tmp_path, monkeypatch):
    await world.append(event("late", "zoe"))
    await world.lease()
    fits, asked = backup._fits, []

    def not_at_first(views) -> bool:
        asked.append(fits(views))
        return len(asked) > 1

    monkeypatch.setattr(backup, "_fits", not_at_first)
    backed_up(world, tmp_path / "set")

    assert asked == [True, True]


async def test_a_set_is_there_whole_or_not_at_all(world, tmp_path):
    (world.folder / DELIVERY).rename(tmp_path / "elsewhere")
    (world.folder / DELIVERY).write_bytes(b"not a database" * 1000)
    with pytest.raises(BackupRefused, match=r"delivery\.db"):
        backed_up(world, tmp_path / "set")
    (tmp_path / "elsewhere").rename(world.folder / DELIVERY)

    assert not [path.name for path in tmp_path.iterdir() if "set" in path.name]


async def test_a_folder_that_is_not_empty_is_left_alone(world, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_text("mine")

    with pytest.raises(BackupRefused, match="not empty"):
        backed_up(world, tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["mine"]


async def test_a_disk_without_room_is_said_and_nothing_is_left(world, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))

    with pytest.raises(BackupRefused, match="10 are free"):
        backed_up(world, tmp_path / "set")
    assert not [path.name for path in tmp_path.iterdir() if "set" in path.name]


@pytest.mark.parametrize("file", [EVENTS, DELIVERY, CONTROL])
async def test_a_set_that_was_changed_or_cut_is_not_put_back(world, tmp_path, file):
    backed_up(world, tmp_path / "set")
    whole = (tmp_path / "set" / file).read_bytes()
    (tmp_path / "set" / file).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    assert file in proved(tmp_path / "set", tmp_path).wrong[0]
    with pytest.raises(BackupRefused, match=file):
        put_back(tmp_path / "set", tmp_path / "new")
    assert not (tmp_path / "new").exists()


async def test_a_set_whose_figures_do_not_add_up_is_not_trusted(world, tmp_path):
    world.store.connection.execute("UPDATE tally SET count = count + 1")
    backed_up(world, tmp_path / "set")

    assert "waiting and ended 21" in proved(tmp_path / "set", tmp_path).wrong[0]


async def test_what_is_there_is_never_overwritten(world, tmp_path):
    backed_up(world, tmp_path / "set")
    old = tmp_path / "old"
    shutil.copytree(world.folder, old)
    before = (old / EVENTS).read_bytes()

    with pytest.raises(BackupRefused, match="has files already"):
        put_back(tmp_path / "set", old)
    restored = put_back(tmp_path / "set", old, replace=True)

    assert (restored.aside / EVENTS).read_bytes() == before
    assert not (old / f"{EVENTS}-wal").exists()


async def test_a_restore_that_was_interrupted_is_finished_before_anything_starts(world, tmp_path, monkeypatch):
    backed_up(world, tmp_path / "set")
    copy_file, copied = sqlite_restore.copy_file, []

    def cut(from_, to) -> None:
        copied.append(to)
        if len(copied) > 1:
            raise KeyboardInterrupt
        copy_file(from_, to)

    monkeypatch.setattr(sqlite_restore, "copy_file", cut)
    with pytest.raises(KeyboardInterrupt):
        put_back(tmp_path / "set", tmp_path / "new")
    with pytest.raises(SettingsError, match="interrupted"):
        await SqliteWorld(tmp_path / "new").open()

    monkeypatch.undo()
    put_back(tmp_path / "set", tmp_path / "new")
    fresh = await SqliteWorld(tmp_path / "new").open()
    assert fresh.counts().received == 20
    await fresh.close()


async def test_the_key_goes_along_only_when_it_is_asked_for_and_a_missing_one_is_said(world, tmp_path):
    (world.folder / "secret.key").write_bytes(b"the key")
    backed_up(world, tmp_path / "without")
    backed_up(world, tmp_path / "with", with_key=True)

    assert not (tmp_path / "without" / "secret.key").exists()
    assert put_back(tmp_path / "without", tmp_path / "one").key_is_missing
    assert not put_back(tmp_path / "with", tmp_path / "two").key_is_missing
    assert (tmp_path / "two" / "secret.key").read_bytes() == b"the key"
    assert oct((tmp_path / "two" / EVENTS).stat().st_mode)[-3:] == "600"


async def test_a_set_is_one_file_each_and_can_be_read_where_nothing_can_be_written(world, tmp_path):
    backed_up(world, tmp_path / "set")

    with sqlite3.connect(f"file:{tmp_path}/set/{EVENTS}?mode=ro", uri=True) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    copy.close()
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == sorted(
        [EVENTS, DELIVERY, CONTROL, "backup.json"]
    )
