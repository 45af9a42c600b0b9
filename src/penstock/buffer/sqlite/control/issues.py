"""What people decided about problems, in control.db."""

from collections.abc import Mapping
from pathlib import Path

from penstock.buffer.port.issues import Issue, IssueState
from penstock.buffer.sqlite.control.changing import behind_others
from penstock.buffer.sqlite.control.journal import SqliteJournal
from penstock.buffer.sqlite.file import snapshot
from penstock.buffer.sqlite.remembered import Remembered
from penstock.clock import Clock

DECIDED = "SELECT destination, cause, state, owner, reason, at, changed_by, last_seq FROM issue"
DECIDE = "INSERT OR REPLACE INTO issue VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class SqliteIssues:
    """control.db in a data folder; see port/issues.py."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.file = SqliteJournal(data_dir, clock=clock)
        self.remembered = Remembered(self.file.path, clock=clock)

    def decided(self) -> Mapping[tuple[str, str], Issue]:
        """Return the decisions by destination and cause."""
        return self.remembered.read("decided", self._decided)

    @behind_others
    def decide(self, issue: Issue) -> None:
        """Keep a decision in the place of the one before."""
        i = issue
        with self.file.writing() as control:
            row = [i.destination, i.cause, i.state, i.owner, i.reason, i.at, i.by, i.last_seq]
            control.execute(DECIDE, row)

    def _decided(self) -> Mapping[tuple[str, str], Issue]:
        with snapshot(self.file.path) as control:
            rows = control.execute(DECIDED).fetchall() if control else []
        return {
            (destination, cause): Issue(
                destination=destination,
                cause=cause,
                state=IssueState(state),
                owner=owner,
                reason=reason,
                at=at,
                by=by,
                last_seq=last_seq,
            )
            for destination, cause, state, owner, reason, at, by, last_seq in rows
        }
