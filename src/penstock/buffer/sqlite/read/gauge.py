"""How things go, on SQLite. A mark costs a few stats; lags are read when asked, so that they need not be written down."""

import collections
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from penstock.buffer.port.outcomes import TAKEN
from penstock.buffer.port.query import name_of
from penstock.buffer.rules.spread import spread
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.segments import came_at, event_at, first_seq, last_seq

# Files whose time of change tells of a commit; a checkpoint changes them too, which costs one more look.
WATCHED = tuple(f"{name}{ending}" for name in (EVENTS, DELIVERY, CONTROL) for ending in ("", "-wal"))
# What was parked waited for its person, and says nothing of how quick we are.
ENDED = """
SELECT at, outcome FROM outcome WHERE destination = ?1 AND seq = ?2
AND NOT EXISTS (SELECT 1 FROM once_parked WHERE destination = ?1 AND seq = ?2)
"""

HAS_ENDED = "SELECT 1 FROM outcome WHERE destination = ? AND seq = ?"


class SqliteGauge:
    """All files of a data folder; see port.Gauge."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def mark(self) -> object:
        """Return a value that is another one once anything was stored or has ended since."""
        return tuple(_changed_at(self.data_dir / name) for name in WATCHED)

    def lags(
        self, destination: str, *, since: int, until: int, of_each: int, step: int = 1
    ) -> Mapping[int, Sequence[float]]:
        """Return how long events took to be taken, by the minutes in which they were received."""
        minutes: dict[int, list[float]] = {}
        with snapshot(self.data_dir / EVENTS) as events, snapshot(self.data_dir / DELIVERY) as delivery:
            if events is None or delivery is None:
                return minutes
            for minute, seqs in _sampled(events, since=since, until=until, of_each=of_each, step=step):
                if found := [lag for seq in seqs for lag in _lag(events, delivery, destination, seq)]:
                    minutes[minute] = found
        return minutes

    def names(
        self, destination: str, *, since: int, until: int, of_each: int, step: int = 1
    ) -> Mapping[int, Mapping[str, int]]:
        """Return how many events of an even sample have which name."""
        minutes: dict[int, Mapping[str, int]] = {}
        with snapshot(self.data_dir / EVENTS) as events, snapshot(self.data_dir / DELIVERY) as delivery:
            if events is None or delivery is None:
                return minutes
            for minute, seqs in _sampled(events, since=since, until=until, of_each=of_each, step=step):
                ended = [seq for seq in seqs if delivery.execute(HAS_ENDED, [destination, seq]).fetchone()]
                stored = (event_at(events, seq) for seq in ended)
                if counts := collections.Counter(name_of(event) for event in stored if event is not None):
                    minutes[minute] = counts
        return minutes


def _sampled(
    events: SqliteConnection, *, since: int, until: int, of_each: int, step: int
) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield each first minute of some steps with the places of a few of the events that were received in it."""
    oldest, beyond = first_seq(events), last_seq(events) + 1
    first = first_from(events, since * 60_000, low=oldest or beyond, high=beyond)
    for minute in range(since, until + 1, step):
        end = first_from(events, (minute + step) * 60_000, low=first, high=beyond)
        yield minute, spread(range(first, end), of_each)
        first = end


def first_from(events: SqliteConnection, received_at_ms: int, *, low: int, high: int) -> int:
    """Return the place of the first event that came then or later. Later places were received later, near enough."""
    while low < high:
        middle = (low + high) // 2
        came = came_at(events, middle)
        if came is not None and came >= received_at_ms:
            high = middle
        else:
            low = middle + 1
    return low


def _lag(events: SqliteConnection, delivery: SqliteConnection, destination: str, seq: int) -> list[float]:
    ended = delivery.execute(ENDED, [destination, seq]).fetchone()
    came = came_at(events, seq)
    return [max(0.0, ended[0] - came / 1000)] if ended and came is not None and ended[1] in TAKEN else []


def changed_at(data_dir: Path, name: str) -> object:
    """Return a value that is another one once anything was written to a file of the data folder."""
    return tuple(_changed_at(data_dir / f"{name}{ending}") for ending in ("", "-wal"))


def _changed_at(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_mtime_ns, facts.st_size
