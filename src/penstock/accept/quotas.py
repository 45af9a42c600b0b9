"""How much a source may send: events and bytes a second, with a burst; and what was refused of it.

Pure but for what it remembers: it is told the time. A write key of a web page is public, so whoever has it may send as
fast as they like; one source's flood must not become another one's 503.
"""

import collections
import dataclasses
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
    #: No room for anybody's: 503.
    STORE = "store"
    #: Sent by a browser from a page that may not send: 403. The body is not read, so requests are counted.
    ORIGIN = "origin"


@dataclasses.dataclass(slots=True, kw_only=True)
class Bucket:
    """A token bucket. It may go below nothing by one request, so that a request larger than the rest still passes."""

    per_s: float
    burst: float
    tokens: float
    #: Seconds on the caller's clock.
    as_of: float

    def wait_s(self, now: float) -> float:
        """Return how long until a request may pass; 0 means now."""
        # A clock that was set back gives nothing, and takes nothing.
        gained = max(0.0, now - self.as_of) * self.per_s
        self.tokens, self.as_of = min(self.burst, self.tokens + gained), now
        return 0.0 if self.tokens > 0 else (1.0 - self.tokens) / self.per_s


class Meter:
    """The quota of one source, as its settings have it."""

    def __init__(self, source: Source, now: float) -> None:
        self.source = source
        self.events, self.bytes = (
            Bucket(per_s=per_s, burst=per_s * source.burst_s, tokens=per_s * source.burst_s, as_of=now)
            for per_s in (source.events_per_s_max, source.bytes_per_s_max)
        )

    def take(self, events: int, size_bytes: int, now: float) -> float:
        """Take a request of this size, and return 0; or return how long to wait until one may pass, in seconds."""
        wait_s = max(self.events.wait_s(now), self.bytes.wait_s(now))
        if not wait_s:
            self.events.tokens -= events
            self.bytes.tokens -= size_bytes
        return wait_s

    def follow(self, source: Source) -> None:
        """Go on with other settings; what was used stays used."""
        self.source = source
        for bucket, per_s in ((self.events, source.events_per_s_max), (self.bytes, source.bytes_per_s_max)):
            used_s = (bucket.burst - bucket.tokens) / bucket.per_s
            bucket.per_s, bucket.burst = per_s, per_s * source.burst_s
            bucket.tokens = bucket.burst - used_s * per_s


class Quotas:
    """The quotas of all sources."""

    def __init__(self) -> None:
        self.meters: dict[str, Meter] = {}
        self.lost: collections.Counter[tuple[str, str]] = collections.Counter()
        self.said: dict[tuple[str, str], tuple[float, int]] = {}

    def take(self, source: Source, *, events: int, size_bytes: int, now: float) -> None:
        """Let a request pass. Raises SdkError, with the time to wait, when the source has used its quota up."""
        if not source.has_quota:
            return
        meter = self.meters.get(source.name)
        if meter is None:
            meter = self.meters[source.name] = Meter(source, now)
        elif meter.source is not source:
            meter.follow(source)
        if wait_s := meter.take(events, size_bytes, now):
            raise SdkError(429, TEXT, retry_after_s=math.ceil(wait_s))

    def note(self, source: str, why: Lost, count: int, now: float) -> int:
        """Count what was not taken. Return how many are to be said now: since the last time that was said, or 0."""
        key = (source, why.value)
        self.lost[key] += count
        said_at, before = self.said.get(key, (-math.inf, 0))
        if 0 <= now - said_at < SAID_EVERY_S:
            return 0
        self.said[key] = (now, self.lost[key])
        return self.lost[key] - before
