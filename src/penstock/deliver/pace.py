"""How fast one destination may be called. Pure: it is told the time and answers with waiting times.

Custify publishes no rate limit, so the pace is learned: none until the first 429, then less at once and more
slowly (additive increase, multiplicative decrease), as TCP does. Only calls that Custify took let it grow: a limit that
nobody tries, during an outage or a quiet night, stays what was learned.
"""

import dataclasses
import math
from collections.abc import Mapping

# Tokens for a fifth of a second may be saved up: enough for smooth flow, too little for a burst after a pause.
BURST_S = 0.2
# After a 429 the next pace is this share of what was really sent in the last second.
DECREASE = 0.7
# Calls per second regained for each second of full pace without a 429.
INCREASE_PER_S = 1.0
# Never slower than this, or a held-back destination could not find out that it may go on.
PER_S_MIN = 0.5
# A learned limit is written down again when it has moved by about a tenth.
NEWS_MIN, NEWS_MAX = 0.9, 1.1
# Weight of the newest second in the measured rate.
SMOOTHING_S = 1.0


@dataclasses.dataclass(slots=True, kw_only=True)
class Pace:
    """A token bucket whose rate adapts. All times are steady seconds: whatever the wall's clock is set to, and over a sleep."""

    #: The operator's limit in calls per second; math.inf when there is none.
    per_s_max: float = math.inf
    #: The learned limit; math.inf until Custify throttled once.
    per_s: float = math.inf
    #: Nothing may be sent before this time (Retry-After).
    blocked_until: float = 0.0
    #: Calls per second as measured, smoothed over about a second.
    measured_per_s: float = 0.0
    tokens: float = 1.0
    as_of: float = 0.0
    #: The learned limit as it was last written down.
    noted_per_s: float = math.inf

    @property
    def limit(self) -> float:
        """Return the limit in force, in calls per second."""
        return min(self.per_s, self.per_s_max)

    @property
    def is_news(self) -> bool:
        """Return whether the learned limit is another one by now than the one that was written down."""
        return not math.isinf(self.per_s) and not NEWS_MIN < self.noted_per_s / self.per_s < NEWS_MAX

    def to_notes(self) -> dict[str, object]:
        """Return what must survive a restart."""
        self.noted_per_s = self.per_s
        learned = None if math.isinf(self.per_s) else round(self.per_s, 2)
        return {"pace_per_s": learned, "blocked_until": self.blocked_until}

    def recall(self, notes: Mapping[str, object]) -> None:
        """Read `to_notes` back."""
        learned, until = notes.get("pace_per_s"), notes.get("blocked_until")
        if isinstance(learned, int | float) and learned > 0:
            self.per_s = self.noted_per_s = float(learned)
        if isinstance(until, int | float):
            self.blocked_until = float(until)

    def blocked_s(self, now: float) -> float:
        """Return how long Custify still wants quiet."""
        return max(0.0, self.blocked_until - now)

    def wait_s(self, now: float) -> float:
        """Return how long to wait until one call may be sent; 0 means now."""
        self._advance(now)
        blocked_s, limit = self.blocked_s(now), self.limit
        return blocked_s if math.isinf(limit) else max(blocked_s, (1.0 - self._tokens_at(now)) / limit)

    def free_calls(self, now: float) -> float:
        """Return how many calls may start now; math.inf when nothing limits them."""
        if self.wait_s(now) > 0:
            return 0
        return math.inf if math.isinf(self.limit) else math.floor(self._tokens_at(now))

    def sent(self, now: float) -> None:
        """Count a call that was sent."""
        self._advance(now)
        self.tokens -= 1.0
        self.measured_per_s += 1.0 / SMOOTHING_S

    def accepted(self) -> None:
        """Custify took a call: at full pace, calls of one second together raise the limit by INCREASE_PER_S."""
        self.per_s += INCREASE_PER_S / max(1.0, self.per_s)

    def throttled(self, now: float, retry_after_s: float) -> None:
        """Custify said 429: stop everybody for as long as it asks, and go on more slowly."""
        self._advance(now)
        first_of_its_window = now >= self.blocked_until
        self.blocked_until = max(self.blocked_until, now + retry_after_s)
        # Calls already under way get their 429 too; one window must lower the pace only once.
        if first_of_its_window:
            self.per_s = max(PER_S_MIN, DECREASE * min(self.limit, self.measured_per_s))
        self.tokens = min(self.tokens, 0.0)

    def _tokens_at(self, now: float) -> float:
        """Return the tokens of now: calls that wait for their turn are counted ahead, up to the time of the last."""
        return self.tokens - max(0.0, self.as_of - now) * self.limit

    def _advance(self, now: float) -> None:
        """Let tokens and the measured rate follow the time."""
        limit, free_s = self.limit, 0.0
        if now > self.as_of:
            free_s = max(0.0, now - max(self.as_of, self.blocked_until))
            self.measured_per_s *= math.exp((self.as_of - now) / SMOOTHING_S)
            self.as_of = now
        self.tokens = 1.0 if math.isinf(limit) else min(max(1.0, limit * BURST_S), self.tokens + free_s * limit)
