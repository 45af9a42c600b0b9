"""How a try of a call is written down."""

import zlib
from collections.abc import Sequence

import msgspec

from penstock.buffer.port.outcomes import GIVEN, Attempt
from penstock.deliver.dispatch import Dispatch
from penstock.deliver.policy import DeliveryPolicy
from penstock.destinations.answer import Answer, Throttled
from penstock.destinations.plan import Call

_encode = msgspec.json.Encoder().encode
# What is kept of an answer: enough for a validation message, bounded for the disk's sake.
ANSWER_CHARS_MAX = 2_000


def attempt_of(method: str, path: str, answer: Answer, *, at: float, took_s: float) -> Attempt:
    """Return a call that was answered, or not, as it is kept; `at` is in seconds since 1970."""
    status = 429 if isinstance(answer, Throttled) else answer.status
    return Attempt(
        at=at,
        method=method,
        path=path,
        status=status,
        answer=answer.text[:ANSWER_CHARS_MAX],
        duration_ms=round(took_s * 1000),
    )


def unsent(call: Call, *, at: float) -> Attempt:
    """Return a call of shadow mode as it is kept."""
    return Attempt(at=at, method=call.method, path=call.path, status=None, answer="shadow: not sent", duration_ms=0)


def tell(attempts: Sequence[Attempt], dispatch: Dispatch, policy: DeliveryPolicy) -> None:
    """Add to attempts of a dispatch's calls what was sent, so that it can be shown byte for byte.

    Of calls that the event itself means a sum will do, for they can be made again.
    """
    reading = policy.readings.get(dispatch.leases[0].event.source, "")
    for attempt, call in zip(attempts, dispatch.calls, strict=False):
        body = _encode(call.body)
        attempt.reading, attempt.body_sum = reading, zlib.crc32(body)
        # The same object, mostly: then nothing is compared.
        if call not in dispatch.own:
            given = dispatch.given if call.about == "event" else ""
            attempt.body = GIVEN + given.encode() if given else body
