"""How an event ends at a destination, and what was tried on the way."""

import dataclasses
import enum

from penstock import causes


class Outcome(enum.StrEnum):
    """How an event ended at one destination. Each event gets exactly one."""

    DELIVERED = "delivered"
    NO_OP = "no-op"
    COALESCED = "coalesced"
    FILTERED = "filtered"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"
    DEAD = "dead"
    ERASED = "erased"


#: Outcomes after which the destination holds what the event says.
TAKEN = frozenset({Outcome.DELIVERED, Outcome.NO_OP, Outcome.COALESCED})

#: Outcomes that can be undone: the payload is kept, and a better mapping or a mended field may help.
REPLAYABLE = frozenset({Outcome.DEAD, Outcome.REJECTED})


def is_replayable(outcome: str, cause: str, *, wanted: str) -> bool:
    """Return whether a replay of a cause (empty: any) takes an event; what shadow mode kept back only when it is named."""
    return wanted == cause == causes.SHADOW or (outcome in REPLAYABLE and wanted in {"", cause})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one call, as a person will want to see it later. Holds no key."""

    #: When the call was sent, seconds since 1970.
    at: float
    method: str
    path: str
    #: HTTP status, or None when no answer came.
    status: int | None
    #: The destination's answer, bounded, or what went wrong on the way.
    answer: str
    duration_ms: int
