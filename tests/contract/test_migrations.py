"""How files of older versions come forward: whenever it is cut, and never by a step that was edited after it had run."""

import contextlib
import shutil
import sqlite3

import pytest

from contract.worlds import SqliteWorld, event, file_of_schema
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.rules.lanes import place_in_log
from penstock.buffer.sqlite import file as sqlite
from penstock.buffer.sqlite.control.orders import SqliteOrders
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, SCHEMAS, digest_of, open_writer
from penstock.buffer.sqlite.read.shelf import SqliteShelf
from penstock.clock import ManualClock
from penstock.errors import SettingsError, StoreDamaged

# A step that is in a release is never edited: a file that it made would not be what a later step expects. Add, never change.
DIGESTS = {
    "events_0001.sql": "7ba4ab2f0d39c6cb",
    "events_0002.sql": "5a2ea99ca289afc1",
    "events_0003.sql": "77e99bf292a52bb9",
    "events_0004.sql": "211bcef783946b28",
    "events_0005.sql": "54b28ee2edbf0cc3",
    "events_0006.sql": "fdbcb82a207947e8",
    "events_0007.sql": "156032e7652d79a9",
    "delivery_0001.sql": "fc4b6f317f5124eb",
    "delivery_0002.sql": "84ff0d44f0bee8df",
    "delivery_0003.sql": "71b67920f1e148e3",
    "delivery_0004.sql": "8e06fc4298ea8f42",
    "delivery_0005.sql": "e10d6f2d2526467f",
    "delivery_0006.sql": "51ac60f230fdaa1e",
    "delivery_0007.sql": "33ee36a99cf98542",
    "delivery_0008.sql": "6ecd7c52aa875813",
    "delivery_0009.sql": "9d20d3d679bd9c71",
    "delivery_0010.sql": "4559824f7a0b258b",
    "delivery_0011.sql": "b9064f12f9a6eaab",
    "delivery_0012.sql": "b2595e34434095c9",
    "delivery_0013.sql": "3dfc1360e64eafd6",
    "delivery_0014.sql": "871ae3d3795d1e24",
    "control_0001.sql": "1cc0146f6ab8acba",
    "control_0002.sql": "60c32debb9c08237",
    "control_0003.sql": "18d9f3c4204f7ab7",
    "control_0004.sql": "e36793d15915e163",
    "control_0005.sql": "b184ec913cada9b8",
    "control_0006.sql": "c97c494625c22498",
    "control_0007.sql": "a10b4726a7b37cc5",
    "control_0008.sql": "a2f31c954b32eab7",
}
EVENT = (
    "INSERT INTO events VALUES (1, 'web', 'm1', 'track', 'ana', '', '', 1700000000000, '127.0.0.1', ?)",
    [b'{"messageId":"m1"}'],
)
WAITING = (
    "INSERT INTO waiting (destination, position, seq, lanes, blocked, due, received_at_ms) VALUES (?, 1, 1, ?, 0, 0, ?)",
    ["custify", '["user:ana"]', 1_700_000_000_000],
)
DESTINATION = ("INSERT INTO destination (name, cursor, next_position, received) VALUES ('custify', 1, 2, 1)", [])
PAUSE = ("INSERT INTO pause VALUES ('custify', 1.0, 'ana')", [])
FIRST = {EVENTS: [EVENT], DELIVERY: [DESTINATION, WAITING], CONTROL: [PAUSE]}


def tables(path) -> list[tuple]:
    """Return what a file is made of, and every row in it but what is drawn."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        made = file.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        names = [name for name, sql in made if sql and sql.startswith("CREATE TABLE") and name != "folder"]
        return [*made, *((name, sorted(map(repr, file.execute(f"SELECT * FROM {name}")))) for name in names)]


@pytest.mark.parametrize("file", [EVENTS, DELIVERY, CONTROL])
def test_a_kill_between_any_two_statements_of_any_step_is_brought_forward(tmp_path, file, monkeypatch):
    (tmp_path / "old").mkdir()
    file_of_schema(1, tmp_path / "old", file, *FIRST[file])
    shutil.copytree(tmp_path / "old", tmp_path / "whole")
    open_writer(tmp_path / "whole" / file).close()
    step, statements = sqlite._step, [0]

    def counted(*arguments) -> None:
        # What lies on the disk now is what a kill would leave.
        shutil.copytree(tmp_path / "old", tmp_path / f"cut{statements[0]}")
        statements[0] += 1
        step(*arguments)

    with monkeypatch.context() as cutting:
        cutting.setattr(sqlite, "_step", counted)
        open_writer(tmp_path / "old" / file).close()

    assert statements[0] >= 5
    for number in range(statements[0]):
        open_writer(tmp_path / f"cut{number}" / file).close()
        assert tables(tmp_path / f"cut{number}" / file) == tables(tmp_path / "whole" / file), f"cut before {number}"


@pytest.mark.parametrize("file", [EVENTS, DELIVERY, CONTROL])
def test_no_step_was_edited_after_it_was_written(file):
    assert {name: digest_of(name) for name in SCHEMAS[file]} == {
        name: digest for name, digest in DIGESTS.items() if name in SCHEMAS[file]
    }


@pytest.mark.parametrize("file", [EVENTS, DELIVERY, CONTROL])
def test_a_file_that_an_edited_step_made_is_refused_with_a_sentence(tmp_path, file):
    open_writer(tmp_path / file).close()
    with contextlib.closing(sqlite3.connect(tmp_path / file)) as made:
        made.execute("UPDATE migration SET digest = 'edited' WHERE number = 2")
        made.commit()

    with pytest.raises(SettingsError, match=f"expected a file that was made by this {SCHEMAS[file][1]}"):
        open_writer(tmp_path / file)


def test_a_file_of_a_newer_penstock_is_not_read_as_an_empty_one(tmp_path):
    SqliteOrders(tmp_path, clock=ManualClock()).pause("custify", paused=True, by="ana")
    open_writer(tmp_path / DELIVERY).close()
    for file in (CONTROL, DELIVERY):
        with contextlib.closing(sqlite3.connect(tmp_path / file)) as newer:
            newer.execute("PRAGMA user_version = 99")

    with pytest.raises(SettingsError, match="newer Penstock"):
        SqliteOrders(tmp_path, clock=ManualClock()).paused()
    with pytest.raises(SettingsError, match="newer Penstock"):
        SqliteShelf(tmp_path).counts("custify", ["web"])


async def test_an_event_that_waits_with_an_outcome_is_said_once_with_what_to_do(sqlite_world: SqliteWorld):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    sqlite_world.store.connection.execute("INSERT INTO outcome VALUES ('custify', 1, 'dead', '', 0, 'unknown', '', '')")

    with pytest.raises(StoreDamaged, match="penstock doctor --repair"):
        await sqlite_world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))


async def test_rows_that_contradict_each_other_are_said_once_with_what_to_do(sqlite_world: SqliteWorld):
    await sqlite_world.append(event("m1", "ana"))
    [lease] = await sqlite_world.lease()
    await sqlite_world.backlog.retry(lease, at=0.0, first_failed_at=None, counts=True)
    insert = "INSERT INTO place VALUES ('custify', 'user:ana', ?)"
    sqlite_world.store.connection.execute(insert, [place_in_log(2)])
    await sqlite_world.append(event("m2", "ana"))

    with pytest.raises(StoreDamaged, match="penstock doctor --repair"):
        await sqlite_world.lease()
