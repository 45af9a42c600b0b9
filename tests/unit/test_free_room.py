"""What deleted rows leave between others is overwritten, a few pages at a time, and no row is touched by it."""

import random
from pathlib import Path

import apsw
import pytest

from penstock.buffer.rules.needles import Needles
from penstock.buffer.sqlite.connections import SqliteConnection, connect
from penstock.buffer.sqlite.delivery.retention import scrub
from penstock.buffer.sqlite.privacy import slack
from penstock.errors import BufferUnavailable

GONE = "ann-1f9c-of-acme"
NEEDLES = Needles([f"user:{GONE}"])


@pytest.fixture
def left_overs(tmp_path: Path):
    """A file in which SQLite left bytes of deleted rows between others."""
    path, dice = tmp_path / "some.db", random.Random(5)
    connection = connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("CREATE TABLE row (key TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID")
    for number in range(3_000):
        whose = GONE if number % 3 == 0 else f"other-{number}"
        text = whose * dice.randrange(1, 12)
        connection.execute("INSERT INTO row VALUES (?, ?)", [f"{dice.getrandbits(40):010x}-{whose}", text])
    connection.execute("DELETE FROM row WHERE text LIKE ?", [f"%{GONE}%"])
    assert scrub(connection)
    yield path, connection
    connection.close()


def clean(path: Path, connection: SqliteConnection) -> None:
    for some in slack.in_steps(slack.pages_with(path, slack.names_a_page(NEEDLES))):
        assert slack.overwrite(connection, path, some)


def test_names_between_rows_are_overwritten_and_every_row_stays(left_overs) -> None:
    path, connection = left_overs
    rows = connection.execute("SELECT * FROM row").fetchall()
    assert GONE.encode() in path.read_bytes()

    clean(path, connection)

    assert GONE.encode() not in path.read_bytes()
    assert connection.execute("SELECT * FROM row").fetchall() == rows
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.execute("INSERT INTO row SELECT key || '+', text FROM row")
    assert scrub(connection)
    assert GONE.encode() not in path.read_bytes()
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_whatever_stands_where_nothing_is_goes_where_names_cannot_be_looked_for(left_overs) -> None:
    path, connection = left_overs
    assert slack.pages_with(path, slack.has_left_overs)

    for some in slack.in_steps(slack.pages_with(path, slack.has_left_overs)):
        assert slack.overwrite(connection, path, some)

    assert slack.pages_with(path, slack.has_left_overs) == []
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_while_somebody_reads_nothing_is_overwritten_and_it_is_said(left_overs) -> None:
    path, connection = left_overs
    reader = connect(path)
    connection.execute("INSERT INTO row VALUES ('k', 't')")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM row").fetchone()
    connection.execute("INSERT INTO row VALUES ('l', 't')")

    assert not slack.overwrite(connection, path, slack.pages_with(path, slack.names_a_page(NEEDLES)))

    reader.execute("COMMIT")
    clean(path, connection)
    assert GONE.encode() not in path.read_bytes()
    reader.close()


def test_pages_are_overwritten_in_bounded_steps() -> None:
    assert [len(some) for some in slack.in_steps(range(1_000))] == [slack.PAGES_AT_ONCE] * 5


@pytest.mark.parametrize("page", [bytes(4096), b"\x0d" + b"\xff" * 4095, b"\x00\x00\x00\x07" + b"x" * 4092])
def test_a_page_that_is_not_understood_has_no_free_room(page: bytes) -> None:
    assert slack.free_room(7, page) == []


def test_a_page_that_is_just_being_written_is_read_again_and_one_that_never_opens_is_said() -> None:
    class Torn:
        def __init__(self, times: int) -> None:
            self.times = times

        def read(self, *_: object) -> tuple[bool, bytes]:
            self.times -= 1
            if self.times >= 0:
                raise apsw.CorruptError("database disk image is malformed")
            return True, b"page"

    assert slack._page(Torn(3), 0, 4) == b"page"
    with pytest.raises(BufferUnavailable):
        slack._page(Torn(10_000), 0, 4)
