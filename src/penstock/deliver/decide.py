"""What becomes of an event, decided in one pure place.

Rules for changing this file: no clock, no chance, no I/O; every kind of Meaning and Answer is matched;
a verdict that ends an event says why in a sentence an operator understands.
"""

import dataclasses
from typing import assert_never

from penstock import causes
from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.outcomes import Outcome
from penstock.destinations.answer import (
    Accepted,
    Barred,
    Down,
    Judged,
    Recognised,
    Refused,
    Singled,
    Stuck,
    Suspicious,
    Throttled,
    Unavailable,
    Unjudged,
    Unknown,
    said,
    why_barred,
)
from penstock.destinations.plan import Filtered, Unmappable

# Custify's own client waits this long when a 429 names no time (CustifyOfficial/custify-mcp, src/api/client.ts).
RETRY_AFTER_S_DEFAULT = 10.0
# How often a lane that waits for an attribute's approval looks whether it came.
APPROVAL_S = 5.0
# How soon an event is judged that could not be: another one was, or its process was killed.
JUDGE_AGAIN_S = 5.0
#: How an event ends of which nothing is left, by why that is so.
OF_WHAT_IS_LEFT = {causes.SUPPRESSED: Outcome.SUPPRESSED, causes.ERASED: Outcome.ERASED}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long and how often a failing call is repeated."""

    #: How people call what is at the far side, and what they enter for it.
    who: str = "Custify"
    credential: str = "API key"
    #: How the codes begin of what it says.
    causes: str = "custify"

    delay_s_min: float = 1.0
    delay_s_max: float = 300.0
    #: Measured on the retry clock, which stands still while the destination is held, paused or down.
    give_up_after_s: float = 72 * 3600.0
    #: How long an event waits for its person to become known, and how often the destination is asked meanwhile.
    park_s: float = 86_400.0
    look_again_s: float = 3_600.0
    #: How long a visitor's event waits for a sign-in, and how many such events do; 0 s: none does.
    visitor_s: float = 0.0
    visitor_events_max: int = 100_000

    def waited_s(self, lease: Lease, now: float) -> float:
        """Return for how long an event was parked, on the retry clock; a visitor's at least since the sign-in."""
        if lease.parked_at is None:
            return 0.0
        return now - lease.parked_at - (self.visitor_s if lease.event.became else 0.0)

    def delay_s(self, attempt: int, *, jitter: float) -> float:
        """Return the wait after a failed attempt: full jitter under a doubling ceiling; `jitter` is in [0, 1]."""
        # 2 ** 20 s is beyond any ceiling; the bound keeps a lane with thousands of attempts from overflowing.
        ceiling = min(self.delay_s_max, self.delay_s_min * 2.0 ** min(attempt, 20))
        return self.delay_s_min + jitter * (ceiling - self.delay_s_min)


@dataclasses.dataclass(frozen=True, slots=True)
class Settle:
    """The event has its outcome."""

    outcome: Outcome
    reason: str = ""
    #: One of causes.py; empty for what arrived.
    cause: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RetryIn:
    """Not now; its lane waits `delay_s`, no other does."""

    delay_s: float
    #: False: the event is not to blame and comes no closer to being given up.
    counts: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Hold:
    """Nothing can be delivered until a person mends it, or the destination is back: keep this event and all others, untouched."""

    reason: str
    cause: str
    #: The event's call failed, for the first time: it is said to be retrying, and comes no closer to being given up.
    counts: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Park:
    """Out of the lane, until something is learned of one of the subjects; at the latest after `delay_s`."""

    delay_s: float
    subjects: tuple[str, ...]
    #: How many events may be parked for visitors; None for an event of a known person.
    room: int | None = None
    #: What becomes of it where there is no room.
    otherwise: Settle = Settle(Outcome.REJECTED)


#: What is said of an event without a call: by the mapping, by the ledger, by the watch over pure steps.
Unsaid = Unmappable | Filtered | Unknown | Recognised | Suspicious | Stuck | Unjudged
#: All that can be said of an event: by its destination, or by us.
Said = Judged | Unsaid
Verdict = Settle | RetryIn | Hold | Park


def decide(
    answer: Said,
    *,
    attempt: int,
    failing_for_s: float,
    jitter: float,
    policy: RetryPolicy,
    parked_for_s: float = 0.0,
) -> Verdict:
    """Return what becomes of an event after `answer` to its `attempt`.

    `failing_for_s` and `parked_for_s` are on the retry clock, which stands still while the destination rests.
    """
    match answer:
        case Unmappable() | Filtered() | Unknown() | Recognised() | Suspicious() | Stuck() | Unjudged():
            return _without_a_call(answer, parked_for_s=parked_for_s, policy=policy)
        case Accepted():
            return Settle(Outcome.DELIVERED)
        case Throttled(retry_after):
            # "Not now" is not "not you": a 429 must not bring an event closer to its end.
            # A long wait is the destination's, and kept by its pace: whatever ends it early must find the event due.
            wait_s = RETRY_AFTER_S_DEFAULT if retry_after is None else retry_after
            return RetryIn(min(wait_s, RETRY_AFTER_S_DEFAULT), counts=False)
        case Barred():
            return why_held(answer, policy)
        case Down():
            return dataclasses.replace(why_down(answer, policy), counts=attempt == 1)
        case Refused(status, text):
            reason = f"{policy.who} refused the call with {said(status, text)}"
            return Settle(Outcome.DEAD, reason, causes.said_by(policy.causes, causes.refused(status)))
        case Singled(counts=True) | Unavailable() if failing_for_s >= policy.give_up_after_s:
            return _given_up(answer, policy, attempt=attempt)
        case Singled(_, counts):
            return RetryIn(policy.delay_s(attempt, jitter=jitter), counts=counts)
        case Unavailable(_, _, retry_after):
            return RetryIn(max(policy.delay_s(attempt, jitter=jitter), retry_after or 0.0), counts=True)
        case _:
            assert_never(answer)


def _given_up(answer: Singled | Unavailable, policy: RetryPolicy, *, attempt: int) -> Settle:
    """End an event that failed for as long as it may."""
    gave_up = f"gave up after {attempt} attempts"
    if isinstance(answer, Unavailable):
        reason = f"{gave_up}; last problem: {said(answer.status, answer.text)}"
        return Settle(Outcome.DEAD, reason, causes.said_by(policy.causes, causes.UNAVAILABLE))
    last = answer.answer
    cause = last.cause if isinstance(last, Barred) else ""
    reason = (
        f"{gave_up}: this event alone is answered, while a read or others pass, with {said(last.status, last.text)}"
    )
    return Settle(Outcome.DEAD, reason, causes.said_by(policy.causes, cause or causes.refused(last.status or 0)))


def _without_a_call(answer: Unsaid, *, parked_for_s: float, policy: RetryPolicy) -> Verdict:
    match answer:
        case Filtered(reason, cause):
            return Settle(OF_WHAT_IS_LEFT.get(cause, Outcome.FILTERED), reason, cause)
        case Unmappable(visitor=str(visitor)) if visitor:
            return _of_visitor(visitor, parked_for_s=parked_for_s, policy=policy)
        case Unmappable(reason, cause):
            return Settle(Outcome.REJECTED, reason, cause)
        case Recognised():
            return RetryIn(0.0, counts=False)
        case Suspicious():
            return RetryIn(APPROVAL_S, counts=False)
        case Stuck(text):
            return Settle(Outcome.DEAD, f"Penstock gave it up before any call: {text}", causes.STUCK)
        case Unjudged():
            return RetryIn(JUDGE_AGAIN_S, counts=False)
        case Unknown() if parked_for_s >= policy.park_s:
            reason = f"{policy.who} does not know the person, and no identify or group call came for them"
            return Settle(Outcome.DEAD, reason, causes.PERSON_UNKNOWN)
        case Unknown(subjects):
            return Park(min(policy.look_again_s, policy.park_s - parked_for_s), subjects)
        case _:
            assert_never(answer)


def _of_visitor(visitor: str, *, parked_for_s: float, policy: RetryPolicy) -> Verdict:
    left_s = policy.visitor_s - parked_for_s
    if left_s <= 0:
        return Settle(Outcome.REJECTED, "no person signed in as the visitor in time, or several did", causes.ANONYMOUS)
    full = Settle(Outcome.REJECTED, "as many events wait for visitors to sign in as may", causes.ANONYMOUS)
    return Park(left_s, (f"anon:{visitor}",), policy.visitor_events_max, full)


def why_down(answer: Down, policy: RetryPolicy) -> Hold:
    """Say why nothing can be delivered while no call gets through."""
    reason = f"{policy.who} gives no usable answer: {said(answer.status, answer.text)}"
    return Hold(reason, causes.said_by(policy.causes, causes.UNAVAILABLE))


def why_held(answer: Barred, policy: RetryPolicy) -> Hold:
    """Say why nothing can be delivered until a person mends it."""
    reason, cause = why_barred(answer, policy.who, policy.credential)
    return Hold(reason, causes.said_by(policy.causes, cause))
