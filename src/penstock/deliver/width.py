"""How many calls may be under way at once. Pure: it is told how calls went.

The pace says how many calls a second are allowed; the width follows how many it can work on. It shrinks when answers
take longer than they used to, and with every failure, and grows while all is well: after an outage the first calls go out
few at a time. The rule is the gradient of Netflix's concurrency-limits (Gradient2), with failures counted as well.
"""

import dataclasses
import math

START = 8.0
# An answer may take twice the usual time before the width shrinks for it.
TOLERANCE = 2.0
# The most that one answer shrinks the width to, before smoothing; and what one failure leaves of it.
GRADIENT_MIN, AFTER_FAILURE = 0.5, 0.9
# Weight of one answer: in the width, and in what is usual.
SMOOTHING, USUAL_SMOOTHING = 0.2, 0.02


@dataclasses.dataclass(slots=True, kw_only=True)
class Width:
    """A limit of calls under way, between 1 and `calls_max`."""

    calls_max: int
    calls: float = START
    #: How long an answer usually takes, in seconds; 0 until there was one.
    usual_s: float = 0.0

    @property
    def limit(self) -> int:
        """Return how many calls may be under way now."""
        return min(self.calls_max, int(self.calls))

    def answered(self, seconds: float, *, under_way: int) -> None:
        """An answer came after `seconds`, with so many calls under way."""
        self.usual_s += (seconds - self.usual_s) * (USUAL_SMOOTHING if self.usual_s else 1.0)
        if under_way < self.calls / 2:
            return  # says nothing about a wider width
        gradient = min(1.0, max(GRADIENT_MIN, TOLERANCE * self.usual_s / max(seconds, 1e-9)))
        wanted = self.calls * gradient + math.sqrt(self.calls)
        self._set(self.calls + (wanted - self.calls) * SMOOTHING)

    def failed(self) -> None:
        """A call had no usable answer."""
        self._set(self.calls * AFTER_FAILURE)

    def begin_anew(self) -> None:
        """No call gets through: those that try first, once some may, are few."""
        self._set(min(self.calls, START))

    def _set(self, calls: float) -> None:
        self.calls = max(1.0, min(float(self.calls_max), calls))
