"""Who did what, on SQLite: what repeats within a period is one row with a count, so the disk cannot be filled with it."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock.buffer.port.control import Deed, Sort
from penstock.buffer.sqlite.connections import FILE_ERRORS, SqliteConnection, is_damage, rows_changed
from penstock.buffer.sqlite.control.changing import behind_others, opened_to_change
from penstock.buffer.sqlite.file import CONTROL, EVENTS, snapshot, transaction
from penstock.buffer.sqlite.times import set_forward_s
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, StoreDamaged

#: Rows of one period that are told apart, for one person; of refusals, whose names strangers choose, for all together.
ROWS_MAX = {Sort.DEED: 200, Sort.LOOK: 500, Sort.REFUSAL: 20}
#: The same sentence within so many seconds is one row.
PERIOD_S = {Sort.DEED: 60.0, Sort.LOOK: 3_600.0, Sort.REFUSAL: 60.0}
# Strangers make these: above this many the oldest of them go, and of them alone.
REFUSALS_MAX = 100_000
OTHERS, MORE = "others", "more of the kind"

KNOWN = "UPDATE journal SET times = times + ?, at = ? WHERE sort = ? AND period = ? AND who = ? AND what = ?"
FRESH = "INSERT INTO journal (times, at, sort, period, who, what) VALUES (?, ?, ?, ?, ?, ?)"
NEWEST = "SELECT at, who, what, times FROM journal WHERE sort = ? ORDER BY at DESC, id DESC LIMIT ? OFFSET ?"
OLDEST = "SELECT id FROM journal WHERE sort = ? ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?"
FORGET_OLDEST = f"DELETE FROM journal WHERE id IN ({OLDEST})"  # noqa: S608 - our own constant


class SqliteJournal:
    """The journal in control.db; see control_port.Journal."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.path, self.clock = data_dir / CONTROL, clock

    @behind_others
    def note(self, by: str, what: str, *, sort: Sort = Sort.DEED, times: int = 1) -> None:
        """Keep a sentence about what a user did, as of now."""
        with self.transaction() as control:
            if self._counted(control, sort, by, what, times):
                return
            if self._rows(control, sort, by) >= ROWS_MAX[sort]:
                by, what = OTHERS if sort is Sort.REFUSAL else by, MORE
                if self._counted(control, sort, by, what, times):
                    return
            control.execute(FRESH, self._row(sort, by, what, times))
            if sort is Sort.REFUSAL:
                control.execute(FORGET_OLDEST, [sort, REFUSALS_MAX])

    def deeds(self, *, limit: int = 100, skip: int = 0, sort: Sort = Sort.DEED) -> Sequence[Deed]:
        """Return what was done, the newest first, without the `skip` newest."""
        with snapshot(self.path) as control:
            rows = control.execute(NEWEST, [sort, limit, skip]).fetchall() if control else []
        return [Deed(at=at, by=by, what=what, times=times) for at, by, what, times in rows]

    @behind_others
    def forget_deeds(self, sort: Sort, *, before: float) -> int:
        """Forget what is older; return how many sentences that were. Nothing is written when there is none.

        A clock that is set forward makes nothing older.
        """
        with snapshot(self.path.with_name(EVENTS)) as log:
            before -= set_forward_s(log, since=before) if log else 0.0
        with snapshot(self.path) as control:
            select = "SELECT 1 FROM journal WHERE sort = ? AND at < ? LIMIT 1"
            if control is None or control.execute(select, [sort, before]).fetchone() is None:
                return 0
        with self.transaction() as control:
            return rows_changed(control, "DELETE FROM journal WHERE sort = ? AND at < ?", [sort, before])

    def _counted(self, control: SqliteConnection, sort: Sort, by: str, what: str, times: int) -> bool:
        """Count a sentence that was said in this period already; return whether it was."""
        return rows_changed(control, KNOWN, self._row(sort, by, what, times)) > 0

    def _rows(self, control: SqliteConnection, sort: Sort, by: str) -> int:
        select, asked = "SELECT count(*) FROM journal WHERE sort = ? AND period = ?", [sort, self._period(sort)]
        if sort is not Sort.REFUSAL:
            select, asked = f"{select} AND who = ?", [*asked, by]
        return int(control.execute(select, asked).fetchone()[0])

    def _row(self, sort: Sort, by: str, what: str, times: int) -> list[object]:
        return [times, self.clock.now(), sort, self._period(sort), by, what]

    def _period(self, sort: Sort) -> int:
        return int(self.clock.now() // PERIOD_S[sort])

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteConnection]:
        """Open the file to write one statement. Raises BufferUnavailable, StoreDamaged."""
        try:
            with opened_to_change(self.path, checked=False) as connection:
                yield connection
        except FILE_ERRORS as error:
            if is_damage(error):
                raise StoreDamaged(self.path.name, str(error)) from error
            raise BufferUnavailable(f"{self.path.name} cannot be written now: {error}") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[SqliteConnection]:
        """Open the file and do all or nothing; no other process writes meanwhile. Raises as `writing` does."""
        with self.writing() as connection, transaction(connection):
            yield connection
