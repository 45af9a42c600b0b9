"""What a file still has of deleted rows between those that are there, and how it loses that, a few pages at a time.

`secure_delete` overwrites what is freed. But where SQLite packs a page anew, cells that moved may leave their bytes in the
room between: no row has them, and a reader of the disk does. No row has that room, so it is overwritten in the file itself
(https://sqlite.org/fileformat2.html#b_tree_pages), by the one writer, while the write-ahead log is empty and no other may write.

Files are read and written through SQLite's own way to them: to open and close a file of SQLite's otherwise loses the locks
that the process has on it (https://sqlite.org/howtocorrupt.html, 2.2).
"""

import contextlib
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw

from penstock.buffer.rules.needles import DISTINCTIVE_CHARS, Needles
from penstock.buffer.sqlite.at_rest.ring import TURNED, head_of, is_encrypted
from penstock.buffer.sqlite.connections import SqliteConnection, connect_to_read
from penstock.buffer.sqlite.delivery.retention import scrub
from penstock.errors import BufferUnavailable

# Pages read in one go, and overwritten while others must not write: some milliseconds.
PAGES_READ, PAGES_AT_ONCE = 256, 200
FILE_HEADER_BYTES, INTERIOR, LEAVES = 100, frozenset({2, 5}), frozenset({10, 13})
# Of a page that is being written.
TRIES_MAX = 100
# From here on the number of another page, with which other kinds of pages begin, may look like the kind of a page.
PAGES_MAX = 2 << 24

FilePage = tuple[int, bytes]


def names_a_page(needles: Needles) -> Callable[[FilePage], bool]:
    """Return what tells whether a name stands anywhere in a page; short ids are part of very much, and not looked for."""
    words = [value.encode().lower() for value in needles.values if len(value) >= DISTINCTIVE_CHARS]

    def is_named(page: FilePage) -> bool:
        text = page[1].lower() if words else b""
        return any(word in text for word in words)

    return is_named


def has_left_overs(page: FilePage) -> bool:
    """Return whether anything stands where nothing is. For files whose rows are packed: names cannot be looked for there."""
    return any(page[1][start:end].strip(b"\0") for start, end in free_room(*page))


def is_sealed(path: Path) -> bool:
    """Return whether a file is encrypted: what lies in its free room cannot be read without its key, nor be overwritten in place."""
    return is_encrypted(head_of(path))


def pages_with(path: Path, is_meant: Callable[[FilePage], bool]) -> list[int]:
    """Return the numbers of pages that are meant. Takes seconds for a large file, and holds no other up."""
    if is_sealed(path):
        # Such a file is written anew, once, wherever it is.
        return [page[0] for page in _decrypted(path) if is_meant(page)][:1]
    with _opened(path) as file:
        return [page[0] for page in _pages(file) if is_meant(page)]


def overwrite(connection: SqliteConnection, path: Path, numbers: Sequence[int]) -> bool:
    """Overwrite the free room of some pages, and return whether that was possible; between transactions of the one writer.

    The write-ahead log has to be emptied for that, which it cannot be while it is read. Raises apsw.Error.
    """
    if not scrub(connection):
        return False
    if is_sealed(path):
        _make_anew(connection, path.with_name(path.name + TURNED))
        return True
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_log_empty(path):
            return False
        with _opened(path) as file:
            size = _page_bytes(file)
            for number in numbers:
                _overwrite(file, number, size)
            file.xSync(apsw.SQLITE_SYNC_FULL)
    finally:
        connection.execute("COMMIT")
    # Pages that are remembered as they were would be written like that once more.
    connection.execute("PRAGMA shrink_memory")
    return True


def _decrypted(path: Path) -> Iterator[FilePage]:
    """Yield pages as who has the key would read them. Raises apsw.Error, SettingsError, BufferUnavailable."""
    with contextlib.closing(connect_to_read(path)) as connection:
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        for number in range(path.stat().st_size // size):
            yield number + 1, _page(connection, number * size, size)


def _page(connection: SqliteConnection, offset: int, size: int) -> bytes:
    """Return a page. One that is just being written does not open: it is read again. Raises BufferUnavailable."""
    for _ in range(TRIES_MAX):
        with contextlib.suppress(apsw.CorruptError, apsw.IOError):
            return bytes(connection.read("main", 0, offset, size)[1])
    raise BufferUnavailable("a page of an encrypted file is being written, again and again")


def _make_anew(connection: SqliteConnection, neighbour: Path) -> None:
    """Do what VACUUM does through a file that has the same key: its own temporary file would be in the clear."""
    neighbour.unlink(missing_ok=True)
    try:
        connection.execute("VACUUM main INTO ?", [str(neighbour)])
        with (
            contextlib.closing(connect_to_read(neighbour)) as fresh,
            connection.backup("main", fresh, "main") as backup,
        ):
            backup.step()
    finally:
        neighbour.unlink(missing_ok=True)


def in_steps(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield numbers of pages, as many at once as are overwritten in one go."""
    for start in range(0, len(numbers), PAGES_AT_ONCE):
        yield numbers[start : start + PAGES_AT_ONCE]


def free_room(number: int, page: bytes) -> list[tuple[int, int]]:
    """Return from where to where nothing is in a page of a b-tree; nothing of another page, or of one that is not understood."""
    head = FILE_HEADER_BYTES if number == 1 else 0
    kind, first_free, cells, content = struct.unpack_from(">BHHH", page, head)
    if kind not in INTERIOR | LEAVES or number >= PAGES_MAX:
        return []
    begin, content = head + (12 if kind in INTERIOR else 8) + 2 * cells, content or 65536
    places = struct.unpack_from(f">{cells}H", page, begin - 2 * cells) if begin <= len(page) else ()
    if not begin <= content <= len(page) or any(not content <= place < len(page) for place in places):
        return []
    return [(begin, content), *_freed(page, first_free)]


def _freed(page: bytes, place: int) -> Iterator[tuple[int, int]]:
    """Yield the blocks of a page that were freed, without what links them."""
    while 0 < place <= len(page) - 4:
        following, size = struct.unpack_from(">HH", page, place)
        yield place + 4, min(place + size, len(page))
        if following <= place:
            return
        place = following


def _overwrite(file: apsw.VFSFile, number: int, size: int) -> None:
    offset = (number - 1) * size
    if offset + size > file.xFileSize():
        return
    for start, end in free_room(number, file.xRead(size, offset)):
        if end > start:
            file.xWrite(bytes(end - start), offset + start)


def _pages(file: apsw.VFSFile) -> Iterator[FilePage]:
    size, total = _page_bytes(file), file.xFileSize()
    for offset in range(0, total - total % size, size * PAGES_READ):
        block = file.xRead(min(size * PAGES_READ, total - total % size - offset), offset)
        for at in range(0, len(block), size):
            yield (offset + at) // size + 1, block[at : at + size]


def _page_bytes(file: apsw.VFSFile) -> int:
    if file.xFileSize() < FILE_HEADER_BYTES:
        return FILE_HEADER_BYTES
    [size] = struct.unpack(">H", file.xRead(2, 16))
    return 65536 if size == 1 else int(size)


def _is_log_empty(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return not log.exists() or log.stat().st_size == 0


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[apsw.VFSFile]:
    file = apsw.VFSFile("", str(path.absolute()), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE, 0])
    try:
        yield file
    finally:
        file.xClose()
