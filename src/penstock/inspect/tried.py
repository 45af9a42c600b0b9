"""Whether it is known that calls get through to a destination: by the last test of its key, and by what was answered. Pure."""

from collections.abc import Mapping

from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Counts
from penstock.inspect.key_tests import KeyTest


def doubt(test: KeyTest | None, counts: Counts, live: Mapping[str, object]) -> str:
    """Return why it is not known whether calls get through; empty when it is known that they do."""
    at = live.get("reached_at")
    reached_at = at if isinstance(at, float | int) else 0.0
    if test is not None and not test.reached and reached_at < test.at:
        return f"the last test of the connection failed: {test.said}"
    was_reached = reached_at or counts.outcomes.get(Outcome.DELIVERED) or (test is not None and test.reached)
    return "" if was_reached else "never reached yet: no call was taken, and no test of the connection passed"
