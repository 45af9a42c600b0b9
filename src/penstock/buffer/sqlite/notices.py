"""What people must know of the store itself: what it lacks, what came back older, and what keeps it from being tidied."""

from collections.abc import Sequence
from pathlib import Path

from penstock.buffer.sqlite import times
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.epochs import gaps
from penstock.buffer.sqlite.rows import AHEAD

REMOVED = f"""
SELECT name, (SELECT count(*) FROM waiting WHERE destination = name), max(0, left_seq - cursor - ({AHEAD})) FROM destination
WHERE left_seq IS NOT NULL ORDER BY name
"""  # noqa: S608 - our own text


def notices(data_dir: Path, *, now: float | None = None) -> Sequence[str]:
    """Return sentences, none when all is well; of the clock only with the time. Raises BufferUnavailable, StoreDamaged, FoldersMixed."""
    with snapshot(data_dir / DELIVERY) as delivery, snapshot(data_dir / EVENTS) as log:
        found = [str(gap) for gap in gaps(delivery, log)]
        if log is not None and now is not None:
            found += times.notices(log, now=now)
        return [*found, *_expired(delivery), *_removed(delivery)] if delivery else found


def _expired(delivery: SqliteConnection) -> list[str]:
    seen, expired = delivery.execute("SELECT control_seen, control_expired FROM folder").fetchone()
    sentence = (
        "an older copy of control.db came back: its replays that have not ended wait until a person resumes them, and what"
        " was changed in the dashboard since is not in it"
    )
    # Said until a replay is asked for, resumed or stopped.
    return [sentence] if seen == expired else []


def _removed(delivery: SqliteConnection) -> list[str]:
    return [
        f"{waiting} events{' and more' if untaken else ''} wait for {name}, which was removed: they, and all that came after"
        f" them, are kept until it comes back or its backlog is discarded"
        for name, waiting, untaken in delivery.execute(REMOVED)
        if waiting or untaken
    ]
