"""What the stores keep of time: the last moment, so that times go on over restarts, and when the wall's clock was set."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.segments import first_seq, last_seq
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.timeline import Jump, Moment, Timeline

# How often the moment is kept; what a crash loses of it makes nothing older, and waits longer only when the machine dies.
KEEP_S = 600.0
# Jumps kept. Of a machine whose clock is set without end, the oldest two are taken for one.
JUMPS_MAX = 100
# How long people are told of a jump.
NOTICE_S = 86_400.0
FOLD = """
UPDATE jump SET by_s = by_s + (SELECT by_s FROM jump ORDER BY number LIMIT 1)
WHERE number = (SELECT number FROM jump ORDER BY number LIMIT 1 OFFSET 1)
"""


def moment_of(connection: SqliteConnection) -> Moment | None:
    """Return the moment that was kept last."""
    row = connection.execute("SELECT boot, since_boot, wall, steady, awake FROM moment").fetchone()
    return Moment(boot=row[0], since_boot=row[1], wall=row[2], steady=row[3], awake=row[4]) if row else None


def keep(connection: SqliteConnection, moment: Moment) -> None:
    """Keep a moment, in a transaction."""
    row = [moment.boot, moment.since_boot, moment.wall, moment.steady, moment.awake]
    connection.execute("INSERT OR REPLACE INTO moment VALUES (1, ?, ?, ?, ?, ?)", row)


def note_jump(connection: SqliteConnection, jump: Jump) -> None:
    """Write down that the wall's clock was set, in a transaction of events.db."""
    insert = "INSERT INTO jump (after_seq, at, by_s) VALUES (?, ?, ?)"
    connection.execute(insert, [last_seq(connection), jump.at, jump.by_s])
    while connection.execute("SELECT count(*) FROM jump").fetchone()[0] > JUMPS_MAX:
        connection.execute(FOLD)
        connection.execute("DELETE FROM jump WHERE number = (SELECT min(number) FROM jump)")


def set_since_ms(log: SqliteConnection, seq: int) -> int:
    """Return by how much the wall's clock was set, all in all, since an event came."""
    total: float = log.execute("SELECT total(by_s) FROM jump WHERE after_seq >= ?", [seq]).fetchone()[0]
    return round(total * 1000)


def as_old(log: SqliteConnection, *, older_than_ms: int) -> tuple[int, int]:
    """Return before which time the oldest events must have come to be as old as `older_than_ms` says by the clock of now.

    And below which place in the log that holds: up to the next time that the clock was set.
    """
    oldest = first_seq(log) or 0
    after = log.execute("SELECT min(after_seq) FROM jump WHERE after_seq >= ?", [oldest]).fetchone()[0]
    return older_than_ms - set_since_ms(log, oldest), SEQ_MAX if after is None else after + 1


def set_forward_s(log: SqliteConnection, *, since: float, file: str = "main") -> float:
    """Return by how much the wall's clock was set forward since a time, all in all: so much younger may things be.

    `file` is the name that events.db is attached by.
    """
    select = f"SELECT total(max(by_s, 0)) FROM {file}.jump WHERE at > ?"  # noqa: S608 - our own names
    total: float = log.execute(select, [since]).fetchone()[0]
    return total


def latest_told(data_dir: Path, *, now: float) -> float:
    """Return the latest time that the wall's clock has shown: now, unless it was set back. Raises as `snapshot` does."""
    with snapshot(data_dir / EVENTS) as log:
        told = log.execute("SELECT max(at - by_s) FROM jump WHERE by_s < 0").fetchone()[0] if log else None
    return now if told is None else max(now, told)


def steady_now(data_dir: Path, clock: Clock, *, boot: str) -> float:
    """Return what time it is for deliver, in steady seconds; as good as the moment that it kept last."""
    timeline = Timeline(clock, boot=boot)
    with contextlib.suppress(StoreDamaged, BufferUnavailable), snapshot(data_dir / DELIVERY) as delivery:
        if delivery is not None and (kept := moment_of(delivery)) is not None:
            timeline.recall(kept)
    return timeline.steady()


def notices(log: SqliteConnection, *, now: float) -> Sequence[str]:
    """Return what people must know of the clock: the last time it was set, if that was lately."""
    row = log.execute("SELECT by_s FROM jump WHERE abs(at - ?) < ? ORDER BY number DESC LIMIT 1", [now, NOTICE_S])
    return [sentence_of(by_s) for (by_s,) in row]


def sentence_of(by_s: float) -> str:
    """Return what a jump means for the reader of times."""
    which = "forward" if by_s > 0 else "back"
    return (
        f"the clock of this machine was set {which} by {_in_words(abs(by_s))}: times from before do not compare with those"
        " since; nothing waits longer or grows older for it"
    )


def _in_words(seconds: float) -> str:
    for unit, size_s in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{seconds:.0f} seconds"


class Times:
    """The times of the role that writes a file: recalled when it is opened, kept now and then. Without any, nothing is."""

    def __init__(self, timeline: Timeline | None) -> None:
        self.timeline = timeline
        self.kept_at = float("-inf")

    @property
    def are_kept(self) -> bool:
        """Return whether there are times to be kept."""
        return self.timeline is not None

    @property
    def is_due(self) -> bool:
        """Return whether the moment is to be kept again."""
        return self.timeline is not None and self.timeline.steady() - self.kept_at >= KEEP_S

    def recall(self, connection: SqliteConnection) -> None:
        """Go on from what the file says, in a transaction."""
        if self.timeline is not None:
            if (kept := moment_of(connection)) is not None:
                self.timeline.recall(kept)
            self.keep(connection)

    def keep(self, connection: SqliteConnection) -> None:
        """Keep the present moment, in a transaction."""
        if self.timeline is not None:
            keep(connection, self.timeline.moment())
            self.kept_at = self.timeline.steady()
