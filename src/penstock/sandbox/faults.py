"""Switches that make the sandbox fail the way an API fails: refuse, be slow, throttle, lose an answer."""

import math
from collections.abc import Callable
from typing import Annotated

import msgspec

FIRST_FAILURE = 300
OF_A_STATUS = frozenset({"status", "times", "retry_after_s", "text", "only"})


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What POST /_sandbox/faults takes; each set replaces the one before, so `{}` heals."""

    #: Answer with this status and apply nothing …
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    #: … so many times, then no more.
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    #: Retry-After beside `status`; 429 says 1 unless told, null leaves the header out.
    retry_after_s: Annotated[int, msgspec.Meta(ge=0)] | msgspec.UnsetType | None = msgspec.UNSET
    #: Beside `status`: answer with this body, as HTML if it begins with a tag; a login page, or `{"error": …}` with 200.
    text: str | None = None
    #: Beside `status`: only calls whose body contains this, as a firewall in front of the API would refuse them.
    only: str = ""
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=600_000)] = 0.0
    rate_per_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    #: Answer 401, whatever the key.
    reject_keys: bool = False
    #: Share of calls that are applied and whose answer is then cut off.
    drop_answers: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0

    def __post_init__(self) -> None:
        given = (self.times, self.text, self.only or None, None if self.retry_after_s is msgspec.UNSET else 0)
        if self.status is None and any(value is not None for value in given):
            raise ValueError("`times`, `retry_after_s`, `text` and `only` need a `status`")
        if self.status is not None and self.status < FIRST_FAILURE and self.text is None:
            raise ValueError("a `status` of success needs a `text`")


class Switches:
    """The faults that are on, and what is left of them."""

    def __init__(self, *, dice: Callable[[], float]) -> None:
        self._dice = dice
        self.set(Faults())

    def set(self, faults: Faults) -> None:
        """Turn on these faults and no others."""
        self.faults, self._times_left = faults, faults.times
        self._tokens, self._as_of = max(1.0, faults.rate_per_s or 1.0), -math.inf

    def active(self) -> dict[str, object]:
        """Return what is on, `times` counted down."""
        on: dict[str, object] = msgspec.to_builtins(self.faults)
        if self._times_left == 0:
            on = {key: value for key, value in on.items() if key not in OF_A_STATUS}
        return on if not self._times_left else on | {"times": self._times_left}

    def refusal(self, now: float, body: bytes) -> tuple[int, int | None] | None:
        """Return the status and Retry-After this call is refused with, if it is."""
        is_meant = self.faults.only.encode() in body
        return (self._fixed() if is_meant else None) or self._throttled(now)

    def loses_answer(self) -> bool:
        """Throw the dice for one answer."""
        return self.faults.drop_answers > 0 and self._dice() < self.faults.drop_answers

    def _fixed(self) -> tuple[int, int | None] | None:
        status, retry_after_s = self.faults.status, self.faults.retry_after_s
        if status is None or self._times_left == 0:
            return None
        if self._times_left is not None:
            self._times_left -= 1
        if isinstance(retry_after_s, msgspec.UnsetType):
            return status, 1 if status == 429 else None
        return status, retry_after_s

    def _throttled(self, now: float) -> tuple[int, int] | None:
        """Take a token from a bucket that holds one second's worth; a refused call takes none."""
        rate = self.faults.rate_per_s
        if rate is None:
            return None
        self._tokens = min(max(1.0, rate), self._tokens + max(0.0, now - self._as_of) * rate)
        self._as_of = now
        if self._tokens < 1:
            return 429, math.ceil((1 - self._tokens) / rate)
        self._tokens -= 1
        return None
