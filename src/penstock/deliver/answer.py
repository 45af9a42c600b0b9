"""What Custify said to one call, as a value with a name. Never an exception."""

import dataclasses
import email.utils
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """2xx: Custify has it."""

    status: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Throttled:
    """429: not now. Says nothing about the event."""

    #: Seconds Custify asked us to wait, None when it did not say.
    retry_after_s: float | None
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Barred:
    """401, 403, a redirect, or a way that must not be taken: no call can succeed until a person mends it."""

    status: int | None
    text: str
    #: Where there is no status: which of the causes.
    cause: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """Any other 4xx: this call will never be taken."""

    status: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unavailable:
    """408, 425, 5xx, or no answer at all: the same call may succeed later, and may even have been applied."""

    status: int | None
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown:
    """Custify does not know the person of an event: it would take the event, and drop it without a word."""

    #: Under which the person may become known: `user:…`, `email:…`.
    subjects: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Suspicious:
    """An attribute looks like a mistake, and the destination wants somebody to look before it is sent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recognised:
    """A look-up found the person of an event: what was parked for them goes first, then the event comes again."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stuck:
    """A pure step of the event, alone, used up its budget wherever it was done."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unjudged:
    """A step of the event kept the loop, and it could not be found out yet whether the event is to blame."""

    text: str


Answer = Accepted | Throttled | Barred | Refused | Unavailable


def read_answer(status: int, *, headers: Mapping[str, str], text: str, now: float) -> Answer:
    """Name an HTTP answer; header names are lower-case. The table of rules is in docs/guarantees.md."""
    if 200 <= status < 300:
        return Accepted(status, text)
    if status == 429:
        return Throttled(retry_after_s(headers.get("retry-after", ""), now=now), text)
    if status in {401, 403} or 300 <= status < 400:
        return Barred(status, text)
    if status in {408, 425} or not 400 <= status < 500:
        return Unavailable(status, text)
    return Refused(status, text)


def retry_after_s(header: str, *, now: float) -> float | None:
    """Read Retry-After as seconds or as an HTTP date (RFC 9110 §10.2.3); None when it says neither."""
    try:
        return max(0.0, float(int(header)))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
