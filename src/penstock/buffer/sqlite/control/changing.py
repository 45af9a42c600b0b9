"""The one way in which control.db is changed. Beyond one machine a change is also everybody's, or it is not made."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import open_writer, transaction


class SharesChanges(Protocol):
    """What makes a change everybody's; see replica/control.py."""

    def changing(self, connection: SqliteConnection) -> contextlib.AbstractContextManager[None]:
        """Take in what others changed, and when the body is done, let them have what it changed; else it raises."""


#: By file: those of this process that several nodes have.
SHARED = dict[Path, SharesChanges]()


@contextlib.contextmanager
def opened_to_change(path: Path, *, checked: bool = True) -> Iterator[SqliteConnection]:
    """Open a file to change it. Raises BufferUnavailable, StoreDamaged, and what SQLite raises."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(open_writer(path, checked=checked)) as connection:
        shared = SHARED.get(path)
        if shared is None:
            yield connection
            return
        with transaction(connection), shared.changing(connection):
            yield connection
