"""The data file: one JSON line per write that was applied, replayed at the next start.

A line is handed to the kernel before the call is answered, so kill -9 loses nothing that was answered. It is not
synced: a sandbox need not outlive a power cut, and must keep up with load tests.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

Op = Literal["person", "customer", "company", "event", "delete_person", "delete_company"]


class Write(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of the state; applying the same writes in the same order gives the same state, ids included."""

    #: Seconds since 1970.
    at: float
    op: Op
    body: dict[str, Any]


class JournalError(Exception):
    """The data file cannot be read or written; nothing in it was changed."""


class Journal:
    """An append-only file. Without a path it remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._fd, self._size = path, -1, 0
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error

    def writes(self) -> Iterator[Write]:
        """Yield what earlier runs applied; cut off a last line that was not written to its end."""
        if self._fd < 0:
            return
        with os.fdopen(os.dup(self._fd), "rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break
                yield self._read(number, line)
                self._size += len(line)
        os.ftruncate(self._fd, self._size)

    def append(self, write: Write) -> None:
        """Keep one write. Raises JournalError when the disk does not take it; the file is as before then."""
        if self._fd < 0:
            return
        line = msgspec.json.encode(write) + b"\n"
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise JournalError(f"{self._path}: {error.strerror}") from error
        if written < len(line):
            os.ftruncate(self._fd, self._size)
            raise JournalError(f"{self._path}: the disk is full")
        self._size += written

    def clear(self) -> None:
        """Forget everything."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            self._size = 0

    def close(self) -> None:
        """Let the file go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self, number: int, line: bytes) -> Write:
        try:
            return msgspec.json.decode(line, type=Write)
        except msgspec.MsgspecError as error:
            raise JournalError(f"{self._path}, line {number}: not a sandbox data file ({error})") from error
