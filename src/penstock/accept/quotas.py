"""How much a source may send: events and bytes a second, with a burst; and what was refused of it.

Pure but for what it remembers: it is told the time. A write key of a web page is public, so a stranger may send as
fast as they like; one source's flood must not become another one's 503.
"""

import collections
import enum
import math

from penstock.errors import SdkError
from penstock.settings import Source

# RudderStack's own text. The status and the header tell SDKs to send again.
TEXT = "max requests limit reached"
# A refusal is said in the log at most this often for each source and reason.
SAID_EVERY_S = 60.0


class Lost(enum.StrEnum):
    """Why events of a source that was known were not taken. Their sender may send them again, or may not."""

    #: More a second than its quota allows: 429.
    QUOTA = "quota"
    #: More in store than its share allows: 503, for this source alone.
    SHARE = "share"
    #: More events in a request than one may have: 413. Those that were read are counted.
    REQUEST = "request"
    #: No room for anybody's: 503.
    STORE = "store"
    #: Sent by a browser from a page that may not send: 403. The body is not read, so requests are counted.
    ORIGIN = "origin"


class Meter:
    """The quota of one source, as its settings have it: a bucket of events and a bucket of bytes, filled by time.

    A bucket may go below nothing by one request, so that a request larger than the rest still passes.
    """

    __slots__ = ("as_of", "burst_bytes", "burst_events", "bytes_", "events", "holds", "source")

    def __init__(self, source: Source, now: float) -> None:
        self.as_of = now
        self._set(source)

    def take(self, events: int, size_bytes: int, now: float) -> float:
        """Take a request of this size, and return 0; or return how long to wait until one may pass, in seconds."""
        passed_s, self.as_of = now - self.as_of, now
        if passed_s > 0:
            self._fill(passed_s)
        if self.events > 0 and self.bytes_ > 0:
            self.events -= events
            self.bytes_ -= size_bytes
            return 0.0
        return max(
            (1.0 - self.events) / self.source.events_per_s_max, (1.0 - self.bytes_) / self.source.bytes_per_s_max
        )

    def follow(self, source: Source) -> None:
        """Go on with other settings; what was used stays used, in seconds' worth."""
        used_events_s = (self.burst_events - self.events) / self.source.events_per_s_max
        used_bytes_s = (self.burst_bytes - self.bytes_) / self.source.bytes_per_s_max
        self._set(source)
        self.events -= used_events_s * source.events_per_s_max
        self.bytes_ -= used_bytes_s * source.bytes_per_s_max

    def _set(self, source: Source) -> None:
        self.source, self.holds = source, source.has_quota
        self.events = self.burst_events = source.events_per_s_max * source.burst_s
        self.bytes_ = self.burst_bytes = source.bytes_per_s_max * source.burst_s

    def _fill(self, passed_s: float) -> None:
        self.events = min(self.burst_events, self.events + passed_s * self.source.events_per_s_max)
        self.bytes_ = min(self.burst_bytes, self.bytes_ + passed_s * self.source.bytes_per_s_max)


class Quotas:
    """The quotas of all sources."""

    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        #: Sources without a quota, as they were when they last sent: to be asked before anything is counted.
        self.holds_not: dict[str, Source] = {}
        self.lost: collections.Counter[tuple[str, str]] = collections.Counter()
        self.said: dict[tuple[str, str], tuple[float, int]] = {}

    def take(self, source: Source, *, events: int, size_bytes: int, now: float) -> None:
        """Let a request pass. Raises SdkError, with the time to wait, when the source has used its quota up."""
        meter = self.meters.get(source.name)
        if meter is None:
            meter = self.meters[source.name] = Meter(source, now)
        elif meter.source is not source:
            meter.follow(source)
        if not meter.holds:
            self.holds_not[source.name] = source
        elif wait_s := meter.take(events, size_bytes, now):
            raise SdkError(429, TEXT, retry_after_s=math.ceil(wait_s))

    def note(self, source: str, why: Lost, count: int, now: float) -> int:
        """Count what was not taken. Return how many are to be said now: since the last time that was said, or 0."""
        key = (source, why.value)
        self.lost[key] += count
        said_at, before = self.said.get(key, (-math.inf, 0))
        if now - said_at < SAID_EVERY_S:
            return 0
        self.said[key] = (now, self.lost[key])
        return self.lost[key] - before
