"""What a file still has of deleted rows, and how it loses that.

`secure_delete` overwrites what is freed. But where SQLite packs a page anew, cells that moved may leave their bytes in the
room between: no row has them, and a reader of the disk does. So the file is read as bytes, and made anew where a name is in it.
"""

from pathlib import Path

from penstock.buffer.rules.needles import DISTINCTIVE_CHARS, Needles
from penstock.buffer.sqlite.connections import SqliteConnection

BLOCK_BYTES = 1 << 20


def is_in_file(path: Path, needles: Needles) -> bool:
    """Return whether one of some names stands anywhere in a file; short ids are part of very much, and not looked for."""
    words = [value.encode().lower() for value in needles.values if len(value) >= DISTINCTIVE_CHARS]
    if not words or not path.exists():
        return False
    overlap, before = max(map(len, words)), b""
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            text = before + block.lower()
            if any(word in text for word in words):
                return True
            before = text[-overlap:]
    return False


def make_anew(connection: SqliteConnection) -> None:
    """Write a file anew, without what lies between its rows; outside of transactions. Raises apsw.Error."""
    # Through a temporary file, not through memory: it may be larger than that.
    connection.execute("PRAGMA temp_store = DEFAULT")
    try:
        connection.execute("VACUUM main")
    finally:
        connection.execute("PRAGMA temp_store = MEMORY")
