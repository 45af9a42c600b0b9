"""The alarm's memory and its queue on SQLite: alerts.db, a file that may be lost without any event being lost.

It is opened for each change: there are few, and between two of them nothing is held open.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from penstock.buffer.port.alerts import AlertChange, AlertMemory, Episode, Message, ProblemKey, Telling
from penstock.buffer.sqlite.connections import SqliteConnection, rows_changed
from penstock.buffer.sqlite.file import ALERTS, as_store_errors, open_writer, snapshot, transaction
from penstock.errors import BufferUnavailable, FoldersMixed, StoreDamaged

# What was told is kept for whoever asks later; the oldest of what ended goes.
MESSAGES_MAX = 10_000
Row = TypeVar("Row", Episode, Telling, Message)

FIRST_OF_EACH = "SELECT min(place) FROM message WHERE state = 'waiting' GROUP BY channel, recipient"
WAITING = f"SELECT {{}} FROM message WHERE place IN ({FIRST_OF_EACH}) ORDER BY place"  # noqa: S608 - our own constant
TRIED = "UPDATE message SET tries = ?, due = ?, state = ?, ended_at = ?, answer = ? WHERE id = ?"
OLDEST = "SELECT place FROM message WHERE state != 'waiting' ORDER BY place DESC LIMIT -1 OFFSET ?"
MUTE = "UPDATE episode SET muted_until = ? WHERE rule = ? AND subject = ? AND number = ? AND ended IS NULL"


def _columns(kind: type) -> str:
    return ", ".join(field.name for field in dataclasses.fields(kind))


def _put(connection: SqliteConnection, table: str, things: Sequence[Any], *, how: str = "INSERT OR REPLACE") -> None:
    for thing in things:
        row = [getattr(thing, field.name) for field in dataclasses.fields(thing)]
        marks = ", ".join("?" for _ in row)
        connection.execute(f"{how} INTO {table} ({_columns(type(thing))}) VALUES ({marks})", row)


def _all(connection: SqliteConnection, kind: type[Row], select: str, values: Sequence[Any] = ()) -> list[Row]:
    names = [field.name for field in dataclasses.fields(kind)]
    rows = connection.execute(select.format(_columns(kind)), values)
    return [kind(**dict(zip(names, row, strict=True))) for row in rows]


class SqliteAlertBook:
    """alerts.db in a data folder; see port/alerts.py."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / ALERTS

    def memory(self) -> AlertMemory:
        """Return what was kept last."""
        with self._looking() as alerts:
            if alerts is None:
                return AlertMemory(episodes={}, tellings=(), looks=())
            return AlertMemory(
                episodes={each.key: each for each in _all(alerts, Episode, "SELECT {} FROM episode")},
                tellings=_all(alerts, Telling, "SELECT {} FROM telling"),
                looks=[row[0] for row in alerts.execute("SELECT facts FROM look ORDER BY at")],
            )

    def keep(self, change: AlertChange) -> None:
        """Keep a change in one transaction."""
        with self._changing() as alerts:
            _put(alerts, "episode", change.episodes)
            alerts.executemany("DELETE FROM episode WHERE rule = ? AND subject = ?", change.forgotten)
            gone = [(each.channel, each.rule, each.subject) for each in change.untold]
            alerts.executemany("DELETE FROM telling WHERE channel = ? AND rule = ? AND subject = ?", gone)
            _put(alerts, "telling", change.tellings)
            _put(alerts, "message", change.messages, how="INSERT")
            if change.messages:
                alerts.execute(f"DELETE FROM message WHERE place IN ({OLDEST})", [MESSAGES_MAX])  # noqa: S608 - our own
            if change.look is not None:
                alerts.execute("DELETE FROM look WHERE at < ? OR at > ?", [change.looks_since, change.look[0]])
                alerts.execute("INSERT OR REPLACE INTO look VALUES (?, ?)", change.look)

    def mute(self, key: ProblemKey, number: int, until: float) -> bool:
        """Let there be no reminders of an episode until then."""
        with self._changing() as alerts:
            return rows_changed(alerts, MUTE, [until, *key, number]) > 0

    def waiting(self) -> Sequence[Message]:
        """Return the oldest message that waits for each recipient of each channel."""
        with self._looking() as alerts:
            return _all(alerts, Message, WAITING) if alerts else []

    def tried(self, message: Message) -> None:
        """Keep how a message stands after a try."""
        m = message
        with self._changing() as alerts:
            alerts.execute(TRIED, [m.tries, m.due, m.state, m.ended_at, m.answer, m.id])

    def messages(self, *, limit: int, skip: int = 0) -> Sequence[Message]:
        """Return messages, the newest first."""
        select = "SELECT {} FROM message ORDER BY place DESC LIMIT ? OFFSET ?"
        with self._looking() as alerts:
            return _all(alerts, Message, select, [limit, skip]) if alerts else []

    def renew(self, file: str) -> bool:
        """Let the next change begin with a new file, if it is this one that is damaged; return whether it is.

        The present one stays beside it. Raises BufferUnavailable.
        """
        if file != self.path.name:
            return False
        try:
            for path in self.path.parent.glob(f"{self.path.name}*"):
                ending = path.name.removeprefix(self.path.name)
                if ending in {"", "-wal", "-shm"}:
                    path.replace(path.with_name(f"{self.path.name}.damaged-aside{ending}"))
        except OSError as error:
            raise BufferUnavailable(f"{self.path.name} cannot be put aside: {error}") from error
        return True

    @contextlib.contextmanager
    def _changing(self) -> Iterator[SqliteConnection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.enter_context(as_store_errors(self.path.name))
            stack.enter_context(self._own())
            alerts = stack.enter_context(contextlib.closing(open_writer(self.path)))
            stack.enter_context(transaction(alerts))
            yield alerts

    @contextlib.contextmanager
    def _looking(self) -> Iterator[SqliteConnection | None]:
        with self._own(), snapshot(self.path) as alerts:
            yield alerts

    @contextlib.contextmanager
    def _own(self) -> Iterator[None]:
        """Take a file of another data folder for a damaged one: what it remembers is not about this one."""
        try:
            yield
        except FoldersMixed as error:
            raise StoreDamaged(self.path.name, "it belongs to another data folder") from error
