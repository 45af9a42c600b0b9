"""Which SQLite opens the files, who may write to the log, and who moves its write-ahead log into the file."""

import contextlib
import subprocess
import sys

import apsw
import pytest

from contract.worlds import SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.sqlite.at_rest.ring import head_of
from penstock.buffer.sqlite.connections import VERSION, connect, connect_to_read
from penstock.buffer.sqlite.doctor.salvage import salvage
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, open_writer, snapshot
from penstock.errors import StoreDamaged

# The first whose write-ahead log loses nothing when it begins anew: https://sqlite.org/wal.html.
MENDED = (3, 51, 3)
CUT_TEXT = "UPDATE outcome SET reason = CAST(x'c3' AS TEXT)"


def wal_bytes(world: SqliteWorld) -> int:
    return (world.folder / f"{EVENTS}-wal").stat().st_size


async def bury(world: SqliteWorld, *attempts: Attempt) -> None:
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    ending = Ending(lease=lease, outcome=Outcome.DEAD, reason="no", cause="custify.refused", attempts=attempts)
    await world.backlog.settle(ending)


def test_the_sqlite_that_runs_has_no_write_ahead_log_that_loses_a_commit():
    assert tuple(map(int, VERSION.split("."))) >= MENDED


def test_rows_that_nobody_reads_any_more_keep_no_transaction_open(tmp_path):
    with contextlib.closing(connect(tmp_path / CONTROL)) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(9)])

        def rows():
            for row in connection.execute("SELECT x FROM t"):
                connection.execute("SELECT 1 FROM t").fetchall()
                yield row

        for _ in map(tuple, rows()):
            break
        assert connection.txn_state("main") == apsw.SQLITE_TXN_NONE


async def test_deliver_cannot_write_to_the_log(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))

    for connection, table in ((sqlite_world.store.log, "segment"), (sqlite_world.store.connection, "log.segment")):
        with pytest.raises(apsw.ReadOnlyError):
            connection.execute(f"DELETE FROM {table}")
    assert len(await sqlite_world.lease()) == 1


async def test_a_reader_moves_nothing_out_of_the_write_ahead_log_also_when_it_is_closed_last(sqlite_world):
    await sqlite_world.append(*(event(f"m{number}", "ana") for number in range(200)))
    with contextlib.closing(connect_to_read(sqlite_world.folder / EVENTS)) as reader:
        assert reader.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 0
    before = wal_bytes(sqlite_world)
    sqlite_world.log.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    sqlite_world.log.connection.close()
    await sqlite_world.store.close()

    assert wal_bytes(sqlite_world) == before > 0
    await sqlite_world.open()
    assert len(await sqlite_world.lease()) == 1


async def test_the_writer_leaves_everything_in_the_file_though_a_reader_is_closed_after_it(sqlite_world):
    await sqlite_world.append(event("m1", "ana"))
    await sqlite_world.log.close()

    assert wal_bytes(sqlite_world) == 0
    await sqlite_world.open()


async def test_a_text_that_was_damaged_is_damage_and_the_rest_is_saved(sqlite_world):
    await bury(sqlite_world)
    sqlite_world.store.connection.execute(CUT_TEXT)

    with pytest.raises(StoreDamaged), snapshot(sqlite_world.folder / DELIVERY) as delivery:
        delivery.execute("SELECT reason FROM outcome").fetchall()

    await sqlite_world.close()
    rows = salvage(sqlite_world.folder / DELIVERY, stamp="1").rows
    assert (rows["outcome"], rows["destination"]) == (0, 1)
    await sqlite_world.open()


@pytest.mark.parametrize("file", [EVENTS, DELIVERY, CONTROL])
def test_every_row_has_a_key_so_that_a_changeset_can_name_it(tmp_path, file):
    with contextlib.closing(open_writer(tmp_path / file)) as made:
        tables = (
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        names = [row[0] for row in made.execute(tables)]
        keyless = "SELECT 1 FROM pragma_table_info(?) WHERE pk > 0"
        assert names
        assert [name for name in names if made.execute(keyless, [name]).fetchone() is None] == []


async def test_the_calls_of_an_event_are_numbered_in_the_order_in_which_they_were_made(sqlite_world):
    calls = [Attempt(at=at, method="POST", path="/event", status=500, answer="", duration_ms=1) for at in (3.0, 1.0)]
    await bury(sqlite_world, *calls)
    with contextlib.closing(connect(sqlite_world.folder / DELIVERY)) as delivery:
        assert delivery.execute("SELECT number, at FROM attempt ORDER BY number").fetchall() == [(1, 3.0), (2, 1.0)]


def test_to_look_at_a_file_leaves_the_locks_that_the_process_has_on_it(tmp_path):
    path = tmp_path / "a.db"
    with contextlib.closing(connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL").fetchall()
        writer.execute("CREATE TABLE t (x)")
        assert is_locked(path)

        head_of(path)

        assert is_locked(path), "another process would take the log away when it closes the file"


def is_locked(path) -> bool:
    """Return whether another process is kept from having the file alone; see SHARED_FIRST of SQLite's os.h."""
    code = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)"
    return subprocess.run([sys.executable, "-c", code, str(path)], check=False, capture_output=True).returncode != 0
