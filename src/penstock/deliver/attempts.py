"""How a try of a call is written down."""

from penstock.buffer.port.outcomes import Attempt
from penstock.destinations.answer import Answer, Throttled
from penstock.destinations.plan import Call

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
