"""Who changed what, who came in and looked at personal data, who was refused: told to the journal, a little at a time.

What people change is written at once. Looks and refusals repeat, and strangers make as many refusals as they like: the
first of a kind is written at once, what repeats is counted here and written now and then.
"""

import threading
from collections.abc import Callable

import structlog

from penstock.buffer.port.control import Journal, Sort
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.settings import Settings

log = structlog.get_logger()

#: How long counts may wait here before they are written.
FLUSH_S = 10.0
#: Refusals that are told apart within that time; what strangers send must not cost a disk sync each.
REFUSALS_MAX = 20
STRANGERS, MORE = "others", "more of the kind"
AuditLine = tuple[Sort, str, str]


class Audit:
    """The journal, and what is still to be written to it."""

    def __init__(self, journal: Journal, *, clock: Clock) -> None:
        self.journal, self.clock, self.lock = journal, clock, threading.Lock()
        #: Counts since the last look at the clock.
        self.counts: dict[AuditLine, int] = {}
        self.flushed_at = clock.steady()

    def note(self, by: str, what: str) -> None:
        """Write down what a user did."""
        self.journal.note(by, what)

    def looked(self, by: str, what: str) -> None:
        """Count that a user came in, or looked at personal data."""
        self._count(Sort.LOOK, by, what)

    def refused(self, who: str, what: str) -> None:
        """Count that a user was refused."""
        self._count(Sort.REFUSAL, who, what)

    def flush(self) -> int:
        """Write what was counted; return how many lines that were."""
        with self.lock:
            counts, self.counts = self.counts, {}
            self.flushed_at = self.clock.steady()
        waiting = {line: times for line, times in counts.items() if times}
        for line, times in waiting.items():
            self._write(line, times)
        return len(waiting)

    def reword(self, unsaid: Callable[[str], str]) -> None:
        """Say what is still to be written in other words."""
        with self.lock:
            counts, self.counts = self.counts, {}
            for (sort, by, what), times in counts.items():
                line = (sort, by, unsaid(what))
                self.counts[line] = self.counts.get(line, 0) + times

    def tidy(self, settings: Settings) -> int:
        """Write what was counted, forget what is older than the settings say; return how many sentences went."""
        self.flush()
        days = {Sort.DEED: settings.audit_days, **dict.fromkeys((Sort.LOOK, Sort.REFUSAL), settings.audit_looks_days)}
        now = self.clock.now()
        return sum(self.journal.forget_deeds(sort, before=now - kept * 86_400) for sort, kept in days.items())

    def _count(self, sort: Sort, by: str, what: str) -> None:
        if self.clock.steady() - self.flushed_at >= FLUSH_S:
            self.flush()
        line = (sort, by, what)
        with self.lock:
            is_new = line not in self.counts
            refusals = sum(kind is Sort.REFUSAL for kind, _, _ in self.counts)
            if is_new and sort is Sort.REFUSAL and refusals >= REFUSALS_MAX:
                line, is_new = (sort, STRANGERS, MORE), False
            self.counts[line] = self.counts.get(line, 0) + (0 if is_new else 1)
        if is_new:
            self._write(line, 1)

    def _write(self, line: AuditLine, times: int) -> None:
        sort, by, what = line
        try:
            self.journal.note(by, what, sort=sort, times=times)
        except (BufferUnavailable, StoreDamaged) as error:
            # Who mends a full disk must be let in, and look.
            log.warning("audit_not_written", sort=sort.value, times=times, reason=str(error))
