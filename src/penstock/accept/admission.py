"""What stands between a known key and the log: where a browser sends from, and how much its source has sent already."""

import structlog

from penstock.accept.origins import check_origin
from penstock.accept.quotas import Lost, Quotas
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, SdkError, ShareUsedUp
from penstock.event import Batch
from penstock.settings import Source

log = structlog.get_logger()


class Admission:
    """Lets requests of known sources pass, and counts what it does not let pass as possibly lost."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock, self.quotas = clock, Quotas()

    def let_in(self, source: Source, origin: str) -> None:
        """Look which page a browser sends from. Raises SdkError."""
        try:
            check_origin(source, origin)
        except SdkError:
            self._lose(source.name, Lost.ORIGIN, 1)
            raise

    def take(self, source: Source, batch: Batch) -> None:
        """Take a batch from its source's quota. Raises SdkError, with the time to wait."""
        if self.quotas.holds_not.get(source.name) is source:
            return
        count = len(batch.heads)
        try:
            self.quotas.take(source, events=count, size_bytes=len(batch.text), now=self.clock.steady())
        except SdkError:
            self._lose(source.name, Lost.QUOTA, count)
            raise

    def not_stored(self, source: Source, error: BufferUnavailable, count: int) -> None:
        """Count events that there was no room for."""
        self._lose(source.name, Lost.SHARE if isinstance(error, ShareUsedUp) else Lost.STORE, count)

    def too_many(self, source: str, count: int) -> None:
        """Count the events of a request that has more than one may have."""
        self._lose(source, Lost.REQUEST, count)

    def facts(self) -> list[tuple[str, str, int]]:
        """Return source, reason and count of what may be lost, as JSON values."""
        return [(source, why, count) for (source, why), count in self.quotas.lost.items()]

    def _lose(self, source: str, why: Lost, count: int) -> None:
        if said := self.quotas.note(source, why, count, self.clock.steady()):
            log.warning("events_refused", source=source, reason=why.value, count=said)
