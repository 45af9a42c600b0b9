"""How fast one destination may be called. Pure: it is told the time and answers with waiting times.

No rate limit is published, so the pace is learned: none until the first 429, then the rate that was taken, a little
less. From there it grows, slowly about the rate at which it was throttled last, faster below and above, as TCP does in its
CUBIC form (RFC 9438): a limit is used nearly whole, and one that was raised is found. Only calls that were taken let it
grow: a limit that is not tried, during an outage or a quiet night, stays what was learned; after a day it is forgotten.
"""

import dataclasses
import math
from collections.abc import Mapping

from penstock.destinations.answer import RETRY_AFTER_S_MAX

# Tokens for a fifth of a second may be saved up: enough for smooth flow, too little for a burst after a pause. Fewer where
# the limit is known and nearly used: what is saved up there would be beyond it.
BURST_S, BURST_KNOWN_S = 0.2, 0.03
# After a 429 the next pace is this share of what was really sent in the last second: little less where the limit was known,
# and so is what it is; much less the first time, and where that was too much again within seconds.
DECREASE, DECREASE_KNOWN, AGAIN_S = 0.7, 0.97, 5.0
# Calls per second regained for each second of full pace while the limit is not known.
INCREASE_PER_S = 1.0
# Where it is known: the share of it regained in a second below it, close to it, and of the distance above it.
BELOW_PER_S, CLOSE_PER_S, ABOVE_PER_S, CLOSE = 0.05, 0.0005, 0.05, 0.02
# Beyond what is known, only a limit counts that calls came near to. Just before a call, the measured rate of calls that come
# evenly is half a call below what it is: next to nothing of a hundred, most of one.
TRIED, BEFORE_A_CALL_PER_S = 0.8, 0.5
# A token that lacks less is there: a call that waits for it wakes up when it nearly is, for fractions of seconds do not add up.
NEARLY = 1e-6
# Never slower than this, or a held-back destination could not find out that it may go on.
PER_S_MIN = 0.5
# A learned limit is written down again when it has moved by about a tenth.
NEWS_MIN, NEWS_MAX = 0.9, 1.1
# Weight of the newest second in the measured rate.
SMOOTHING_S = 1.0
# What was learned is believed so long after the last 429.
BELIEVED_S = 86_400.0
# A longer quiet than this is not waited out over a restart, and when it ends one read asks whether everybody may go on.
LONG_QUIET_S = 60.0


@dataclasses.dataclass(slots=True, kw_only=True)
class Pace:
    """A token bucket whose rate adapts. All times are steady seconds: whatever the wall's clock is set to, and over a sleep."""

    #: The operator's limit in calls per second; math.inf when there is none.
    per_s_max: float = math.inf
    #: The learned limit; math.inf until a 429 came.
    per_s: float = math.inf
    #: The pace at which the last 429 came; math.inf until one did.
    ceiling_per_s: float = math.inf
    #: When it did.
    throttled_at: float = -math.inf
    #: Nothing may be sent before this time (Retry-After).
    blocked_until: float = 0.0
    #: The quiet was long, or a person ended it: one read asks first.
    must_ask: bool = False
    #: Calls per second as measured, smoothed over about a second in which calls were allowed.
    measured_per_s: float = 0.0
    tokens: float = 1.0
    as_of: float = 0.0
    #: The learned limit as it was last written down.
    noted_per_s: float = math.inf

    def __post_init__(self) -> None:
        """A limit that a person gives is as if learned now."""
        if math.isinf(self.throttled_at):
            self.throttled_at = self.as_of

    @property
    def limit(self) -> float:
        """Return the limit in force, in calls per second."""
        return min(self.per_s, self.per_s_max)

    @property
    def is_news(self) -> bool:
        """Return whether the learned limit is another one by now than the one that was written down."""
        if math.isinf(self.per_s):
            return not math.isinf(self.noted_per_s)
        return not NEWS_MIN < self.noted_per_s / self.per_s < NEWS_MAX

    def to_notes(self) -> dict[str, object]:
        """Return what must survive a restart."""
        self.noted_per_s = self.per_s
        learned = None if math.isinf(self.per_s) else math.floor(self.per_s * 100) / 100
        at = None if learned is None else self.throttled_at
        return {"pace_per_s": learned, "throttled_at": at, "blocked_until": self.blocked_until}

    def recall(self, notes: Mapping[str, object], *, quiet_s_max: float = RETRY_AFTER_S_MAX) -> None:
        """Read `to_notes` back, at the time `as_of`. Whatever an older version wrote ends in time.

        A long quiet ends with a restart: a person may have mended what it was for, and one read tells.
        """
        learned, at = _number(notes, "pace_per_s"), _number(notes, "throttled_at")
        if learned is not None and learned > 0:
            self.per_s = self.noted_per_s = max(PER_S_MIN, learned)
            self.throttled_at = self.as_of if at is None else min(at, self.as_of)
        quiet_s = min((_number(notes, "blocked_until") or 0.0) - self.as_of, quiet_s_max)
        if quiet_s > LONG_QUIET_S:
            self.must_ask = True
        elif quiet_s > 0:
            self.blocked_until = self.as_of + quiet_s

    def end_quiet(self, now: float) -> None:
        """A person wants to know at once: one read asks, instead of waiting for as long as the destination said."""
        if self.blocked_s(now) > 0:
            self.blocked_until, self.must_ask = now, True

    def blocked_s(self, now: float) -> float:
        """Return how long the destination still wants quiet."""
        return max(0.0, self.blocked_until - now)

    def wait_s(self, now: float) -> float:
        """Return how long to wait until one call may be sent; 0 means now."""
        self._advance(now)
        blocked_s, limit = self.blocked_s(now), self.limit
        lacks = 0.0 if limit == math.inf else 1.0 - self._tokens_at(now)
        return blocked_s if lacks <= NEARLY else max(blocked_s, lacks / limit)

    def free_calls(self, now: float) -> float:
        """Return how many calls may start now; math.inf when nothing limits them."""
        if self.wait_s(now) > 0:
            return 0
        return math.inf if self.limit == math.inf else math.floor(self._tokens_at(now) + NEARLY)

    def sent(self, now: float) -> None:
        """Count a call that was sent."""
        self._advance(now)
        self.tokens -= 1.0
        self.measured_per_s += 1.0 / SMOOTHING_S

    def accepted(self) -> None:
        """A call was taken: at full pace, calls of one second together raise the limit as `_growth_per_s` says."""
        if self.per_s != math.inf:
            self.per_s += self._growth_per_s() / max(1.0, self.per_s)

    def throttled(self, now: float, retry_after_s: float) -> None:
        """A 429 came: stop all calls for as long as it asks, and go on more slowly."""
        self._advance(now)
        free_s = now - self.blocked_until
        self.quiet(now, retry_after_s)
        # Calls already under way get their 429 too; one window must lower the pace only once.
        if free_s >= 0:
            is_known = not math.isinf(self.ceiling_per_s) and free_s >= AGAIN_S
            # Who was asked for nothing for hours was throttled at no rate at all: that says little of the limit.
            self.ceiling_per_s, self.throttled_at = max(PER_S_MIN, min(self.limit, self.measured_per_s)), now
            self.per_s = max(PER_S_MIN, (DECREASE_KNOWN if is_known else DECREASE) * self.ceiling_per_s)
        self.tokens = min(self.tokens, 0.0)

    def quiet(self, now: float, seconds: float) -> None:
        """Nothing may be sent for so long: the destination asked for it."""
        self.blocked_until = max(self.blocked_until, now + seconds)
        self.must_ask = self.must_ask or seconds > LONG_QUIET_S

    def _growth_per_s(self) -> float:
        ceiling = self.ceiling_per_s
        if math.isinf(ceiling):
            return INCREASE_PER_S
        distance = self.per_s / ceiling - 1.0
        if distance < -CLOSE:
            return ceiling * BELOW_PER_S
        if self.measured_per_s + BEFORE_A_CALL_PER_S < TRIED * self.per_s:
            return 0.0
        if distance <= CLOSE:
            return ceiling * CLOSE_PER_S
        # Of a small limit a share is next to nothing; what was learned from a few calls must not hold for hours.
        return max(INCREASE_PER_S, ceiling * ABOVE_PER_S) * min(1.0, distance)

    def _tokens_at(self, now: float) -> float:
        """Return the tokens of now: calls that wait for their turn are counted ahead, up to the time of the last."""
        return self.tokens - (self.as_of - now) * self.limit

    def _advance(self, now: float) -> None:
        """Let tokens and the measured rate follow the time."""
        if now - self.throttled_at > BELIEVED_S:
            self.per_s = self.ceiling_per_s = math.inf
        limit, free_s = self.limit, 0.0
        if now > self.as_of:
            free_s = max(0.0, now - max(self.as_of, self.blocked_until))
            # A quiet that was asked for says nothing about how fast calls may be made.
            self.measured_per_s *= math.exp(-free_s / SMOOTHING_S)
            self.as_of = now
        if limit == math.inf:
            self.tokens = 1.0
            return
        burst_s = BURST_S if self.ceiling_per_s == math.inf else BURST_KNOWN_S
        self.tokens = min(max(1.0, limit * burst_s), self.tokens + free_s * limit)


def _number(notes: Mapping[str, object], name: str) -> float | None:
    """Return a note that is a number one can count with; None for everything else."""
    value = notes.get(name)
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
