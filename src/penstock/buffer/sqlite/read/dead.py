"""What ended badly, on SQLite: operate's look at dead and rejected events. Reads both files, changes nothing."""

from collections.abc import Sequence
from pathlib import Path

from penstock.buffer.port.dead_letters import Problem, ReplayProgress, Selected
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.port.shelf import Story
from penstock.buffer.rules.whose import Chosen
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS, snapshot
from penstock.buffer.sqlite.log.payloads import first_with_body
from penstock.buffer.sqlite.log.segments import event_at
from penstock.buffer.sqlite.read.chosen import look
from penstock.buffer.sqlite.read.whose import SqliteAcquaintances
from penstock.buffer.sqlite.rows import read_story

# Of large events fewer are looked at for one page: each is read, and kept in memory, until it is shown.
LOOKED_AT_BYTES_MAX = 16_000_000
GROUPS = """
SELECT cause, outcome, count(*), min(seq), max(seq), min(at), max(at), sum(seq < ?) FROM outcome WHERE destination = ? AND
"""
ENDED = "GROUP BY cause, outcome"


class SqliteDeadLetters:
    """Both files of a data folder; see port.DeadLetters."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def problems(self, destination: str) -> Sequence[Problem]:
        """Return the dead and rejected events by cause, the most frequent first."""
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            if delivery is None:
                return ()
            given = [first_with_body(events) if events is not None else 0, destination]
            rows = delivery.execute(f"{GROUPS} outcome IN ('dead', 'rejected') {ENDED}", given).fetchall()
            rows += delivery.execute(f"{GROUPS} cause = 'mode.shadow' {ENDED}", given).fetchall()
            return [
                Problem(
                    cause=cause,
                    outcome=Outcome(outcome),
                    count=count,
                    first_seq=first,
                    last_seq=last,
                    first_at=first_at,
                    last_at=last_at,
                    gone=gone,
                )
                for cause, outcome, count, first, last, first_at, last_at, gone in sorted(
                    rows, key=lambda row: (-row[2], row[0], row[1])
                )
            ]

    def select(self, destination: str, selection: Selection, *, after_seq: int = 0, limit: int = 100) -> Selected:
        """Return the events of a selection in the order of the log; looks at `limit` at most."""
        with snapshot(self.data_dir / DELIVERY) as delivery, snapshot(self.data_dir / EVENTS) as events:
            if delivery is None or events is None:
                return Selected(stories=(), next_seq=None)
            chosen = Chosen(selection, SqliteAcquaintances(delivery, destination))
            rows, next_seq = look(delivery, events, destination, chosen, after_seq=after_seq, limit=limit)
            taken, looked_at_bytes = [], 0
            for number, (seq, _) in enumerate(rows, 1):
                story = _story(delivery, events, destination, seq)
                if story is not None and chosen.takes(story.event):
                    taken.append(story)
                looked_at_bytes += len(story.event.body) if story else 0
                if looked_at_bytes >= LOOKED_AT_BYTES_MAX and number < len(rows):
                    return Selected(stories=taken, next_seq=seq)
        return Selected(stories=taken, next_seq=next_seq)

    def progress(self, job: int) -> ReplayProgress | None:
        """Return how far a replay has come."""
        with snapshot(self.data_dir / DELIVERY) as delivery:
            row = None
            if delivery is not None:
                row = delivery.execute("SELECT replayed, is_read FROM replay WHERE job = ?", [job]).fetchone()
            if delivery is None or row is None:
                return None
            waiting = delivery.execute("SELECT count(*) FROM waiting WHERE job = ?", [job]).fetchone()[0]
            tally = delivery.execute("SELECT outcome, count FROM replay_tally WHERE job = ?", [job])
            outcomes = {Outcome(outcome): count for outcome, count in tally}
        return ReplayProgress(replayed=row[0], waiting=waiting, outcomes=outcomes, is_read=bool(row[1]))


def _story(delivery: SqliteConnection, events: SqliteConnection, destination: str, seq: int) -> Story | None:
    # An outcome whose event retention has just taken.
    event = event_at(events, seq)
    return read_story(delivery, destination, seq, event) if event else None
