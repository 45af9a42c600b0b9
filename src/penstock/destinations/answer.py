"""What a destination said to one call, as a value with a name. Never an exception.

Whatever an answer can say is bounded here, where it enters: how long to wait, how much text, what a status means.
"""

import dataclasses
import datetime as dt
import email.utils
import re
from collections.abc import Mapping

from penstock import causes
from penstock.destinations.impostors import brief, error_in, is_page

# The longest wait that an answer may ask for, unless the settings say otherwise: longer than windows of published limits.
RETRY_AFTER_S_MAX = 3_600.0
# What Retry-After may say beyond RFC 9110 §10.2.3: fractions, a sign, a unit. More digits than that are as good as for ever.
SECONDS, DIGITS_MAX = re.compile(r"([+-]?)([0-9]+)(\.[0-9]*)? ?(?:s|secs?|seconds?)?", re.IGNORECASE), 15
# Limiters that mean a moment say it in seconds since 1970; so near to now it is nothing else.
MOMENT_WITHIN_S = 86_400.0
# About what was sent. All other 4xx are about the key, the account or the way: no other call would fare better.
ABOUT_THE_PAYLOAD = frozenset({400, 404, 409, 413, 414, 422, 424, 431})
# Said of one payload, also by a web server in front of the API.
TOO_LARGE = frozenset({413, 414, 431})


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """2xx: the destination has it."""

    status: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Throttled:
    """429: not now. Says nothing about the event."""

    #: Seconds the destination asked us to wait, None when it did not say; never more than we agree to.
    retry_after_s: float | None
    text: str
    #: It asked for more than we agree to.
    is_cut: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Barred:
    """Said about the key, the account or the way, or not by the destination at all: no call can succeed until that is mended.

    Unless others pass: then it is about this one; see blame.py.
    """

    status: int | None
    text: str
    #: Where the status does not say it: which of the causes.
    cause: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """A 4xx about what was sent: this call will never be taken. A 404 may be about the way, too; see blame.py."""

    status: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unavailable:
    """408, 425, 5xx, or no answer at all: the same call may succeed later, and may even have been applied."""

    status: int | None
    text: str
    #: Seconds the destination asked us to wait, as in Throttled.
    retry_after_s: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Down:
    """No call has a usable answer now, whatever it says: nothing about the event."""

    status: int | None
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Singled:
    """An answer about the destination that this event alone gets, while a harmless read, or others, pass."""

    answer: "Barred | Refused"
    #: False: it was so for the first time, and may have been a moment of everybody's.
    counts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown:
    """The destination does not know the person of an event: it would take the event, and drop it without a word."""

    #: Under which the person may become known: `user:…`, `email:…`.
    subjects: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Suspicious:
    """An attribute looks like a mistake, and the destination wants a person to look before it is sent."""


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
#: An answer, once it is known which event or destination it is about.
Judged = Answer | Down | Singled


def read_answer(
    status: int,
    *,
    headers: Mapping[str, str],
    text: str,
    now: float,
    retry_after_s_max: float = RETRY_AFTER_S_MAX,
    speaks_json: bool = True,
) -> Answer:
    """Name an HTTP answer; header names are lower-case. The table of rules is in docs/guarantees.md.

    `text` is the body as far as it was read. Several headers of one name come as lines. `now` is in seconds since 1970,
    for waits that are given as a date. A destination that does not speak JSON alone may say yes with a page.
    """
    asked_s = retry_after_s(headers.get("retry-after", ""), now=now)
    wait_s = None if asked_s is None else min(asked_s, retry_after_s_max)
    if status == 429:
        return Throttled(wait_s, text, is_cut=wait_s != asked_s)
    if status in {408, 425} or not 200 <= status < 500:
        return Unavailable(status, text, wait_s)
    if not speaks_json and 200 <= status < 300:
        return Accepted(status, text)
    if is_page(text, headers.get("content-type", "")) and status not in {401, *TOO_LARGE} and not 300 <= status < 400:
        return Barred(status, text, causes.NOT_THE_API)
    if status < 300:
        return Barred(status, text, causes.ERROR_ANSWER) if error_in(text) else Accepted(status, text)
    return Refused(status, text) if status in ABOUT_THE_PAYLOAD else Barred(status, text)


def is_yes(status: int, text: str) -> bool:
    """Return whether an answer that was kept says that its call was taken: a page does not, nor does an error that comes with 200."""
    return isinstance(read_answer(status, headers={}, text=text, now=0.0), Accepted)


def why_barred(answer: Barred, who: str, credential: str) -> tuple[str, str]:
    """Return why no call can succeed until that is mended, as a sentence and a cause.

    `who` and `credential` are words of the kind of destination; see port.Package.
    """
    status, text = answer.status, answer.text
    if answer.cause == causes.NOT_THE_API:
        return f"{brief(text)} answers in {who}'s place, with {status}", causes.NOT_THE_API
    if answer.cause == causes.ERROR_ANSWER:
        return f"{who} answers {status} with an error: {brief(error_in(text))}", causes.ERROR_ANSWER
    if status is None:
        return text, answer.cause
    if status in {401, 403}:
        return f"{who} refused the {credential} with {said(status, text)}", causes.KEY_REJECTED
    if status in {402, 451}:
        return f"{who} refuses the account with {said(status, text)}", causes.ACCOUNT
    if status >= 400:
        return f"{who}'s address does not take calls: {said(status, text)}", causes.ROUTE
    return f"{who}'s address answers with a redirect ({status}), which is not followed", causes.REDIRECTED


def said(status: int | None, text: str) -> str:
    """Return a status and the beginning of an answer, as a part of a sentence."""
    return f"{status}: {brief(text)}" if status else brief(text)


def retry_after_s(header: str, *, now: float) -> float | None:
    """Read Retry-After as seconds or as an HTTP date (RFC 9110 §10.2.3); None when it says neither.

    Of several, which proxies join with commas, the longest counts.
    """
    waits = [_wait_s(line.strip(), now=now) for line in header.splitlines()]
    if not any(c.isalpha() for c in header):
        waits += [_wait_s(part.strip(), now=now) for line in header.splitlines() for part in line.split(",")]
    return max((wait for wait in waits if wait is not None), default=None)


def _wait_s(text: str, *, now: float) -> float | None:
    if said := SECONDS.fullmatch(text):
        sign, digits, fraction = said.groups()
        seconds = float("inf") if len(digits) > DIGITS_MAX else float(digits + (fraction or ""))
        ahead_s = _ahead_s(seconds, now=now)
        return 0.0 if sign == "-" else seconds if ahead_s is None else ahead_s
    try:
        at = email.utils.parsedate_to_datetime(text)
        # "-0000" is UTC, too, from a sender that does not know its zone.
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _ahead_s(said: float, *, now: float) -> float | None:
    """Return how far a moment, in seconds or milliseconds since 1970, is ahead; None for what is none."""
    if now < MOMENT_WITHIN_S:
        return None  # a clock that counts from its start, as in tests, has no moments
    ahead = [moment_s - now for moment_s in (said, said / 1000) if abs(moment_s - now) < MOMENT_WITHIN_S]
    return max(0.0, ahead[0]) if ahead else None
