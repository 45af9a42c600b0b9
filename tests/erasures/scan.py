"""What a thief finds who has the disk: every byte of every file, as it lies there, unpacked, and with the key of the files.

Names are looked for in small letters, also as URLs, JSON and base64 write them.
"""

import base64
import contextlib
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock.buffer.sqlite.at_rest.ring import head_of, is_encrypted
from penstock.buffer.sqlite.connections import connect_to_read
from penstock.buffer.sqlite.file import EVENTS
from penstock.buffer.sqlite.log import packing
from penstock.buffer.sqlite.privacy.slack import free_room

Text = tuple[str, bytes]


def found_in(data: Path, words: Sequence[str], *logs: Path) -> list[str]:
    """Return where one of some words stands, each file once a word."""
    forms = {form: word for word in words for form in _forms(word)}
    texts = [*_raw(data), *_opened(data), *((path.name, path.read_bytes()) for path in logs)]
    found = {
        f"{name}: {word}"
        for name, text in texts
        for lower in [text.lower()]
        for form, word in forms.items()
        if form in lower
    }
    return sorted(found)


def _forms(word: str) -> Iterator[bytes]:
    """Yield how a word may be written: base64 has three forms, by where in it the word begins."""
    yield word.lower().encode()
    yield urllib.parse.quote(word.lower(), safe="").lower().encode()
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + word.encode())
        yield coded[(0, 2, 3)[before] : len(coded) // 4 * 4 - 4].lower()


def _raw(data: Path) -> Iterator[Text]:
    for path in sorted(data.rglob("*")):
        # A process may replace a file while one looks.
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                yield str(path.relative_to(data)), path.read_bytes()


def _opened(data: Path) -> Iterator[Text]:
    """Yield what only those can read who know the format, or have the key."""
    for path in sorted(data.glob("*.db")):
        with contextlib.closing(connect_to_read(path)) as file:
            if path.name == EVENTS:
                for (frame,) in file.execute("SELECT frame FROM segment"):
                    yield "a segment of events.db", packing.plain(frame)
                for row in file.execute("SELECT ids FROM message"):
                    yield "message ids of events.db", str(row).encode()
            if is_encrypted(head_of(path)):
                yield f"{path.name}, decrypted", _decrypted(path, file)


def _decrypted(path: Path, file) -> bytes:
    size = file.execute("PRAGMA page_size").fetchone()[0]
    pages = []
    for number in range(path.stat().st_size // size):
        page = bytearray(file.read("main", 0, number * size, size)[1])
        # What lies between rows of an encrypted events.db stays until SQLite uses that room: decisions/0053.
        for start, end in free_room(number + 1, bytes(page)) if path.name == EVENTS else ():
            page[start:end] = bytes(end - start)
        pages.append(bytes(page))
    return b"".join(pages)
