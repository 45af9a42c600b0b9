"""The one way in which control.db is changed. Beyond one machine a change is also everybody's, or it is not made."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.retention import scrub
from penstock.buffer.sqlite.file import as_store_errors, open_writer, transaction
from penstock.errors import AnotherWasFirst

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
# How often a change is done again because another node was first: each time at least one of them got through.
TRIES = 20


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
    shared = SHARED.get(path)
    with contextlib.closing(open_writer(path, checked=checked, follows=shared is not None)) as connection:
        if shared is None:
            yield connection
            return
        with transaction(connection), shared.changing(connection):
            yield connection


def behind_others(change: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Let a change of this file be done again, from its first look on, when another node was first; it may run several times, and counts once.

    Raises AnotherWasFirst when others always were.
    """

    @functools.wraps(change)
    def again(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        for _ in range(TRIES - 1):
            with contextlib.suppress(AnotherWasFirst):
                return change(*args, **kwargs)
        return change(*args, **kwargs)

    return again


@contextlib.contextmanager
def opened_to_scrub(path: Path) -> Iterator[SqliteConnection]:
    """Open a file to overwrite what is no row any more, here alone: each node has pages of its own. The WAL is emptied, if it can be.

    Raises BufferUnavailable, StoreDamaged.
    """
    with as_store_errors(path.name), contextlib.closing(open_writer(path, checked=False)) as connection:
        scrub(connection)
        yield connection
