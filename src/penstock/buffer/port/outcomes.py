"""How an event ends at a destination, and what was tried on the way."""

import dataclasses
import enum
from collections.abc import Iterable
from typing import Literal

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


#: Outcomes that a replay undoes when it is asked for them: of all other events nothing is kept that could be sent.
SENDABLE = frozenset({*TAKEN, *REPLAYABLE, Outcome.FILTERED})
#: Which of them a replay is asked for: those that ended badly, all, or those of one outcome.
WantedOutcome = Literal["", "any", "delivered", "no-op", "coalesced", "filtered", "rejected", "dead"]


def is_replayable(outcome: str, cause: str, *, wanted: str, ended: WantedOutcome = "") -> bool:
    """Return whether a replay of a cause (empty: any) takes an event; what shadow mode kept back only when it is named."""
    if ended:
        return outcome in SENDABLE and ended in {"any", outcome} and wanted in {"", cause}
    return wanted == cause == causes.SHADOW or (outcome in REPLAYABLE and wanted in {"", cause})


#: In front of a company; no body begins so.
GIVEN = b"\x00"


def answered(attempts: Iterable["Attempt"]) -> list["Attempt"]:
    """Return the writes that were answered with 2xx; what the answers say decides whether they were acknowledged."""
    return [each for each in attempts if each.method == "POST" and 200 <= (each.status or 0) < 300]


@dataclasses.dataclass(slots=True, kw_only=True)
class Attempt:
    """One try of one call, as a person will want to see it later. Holds no key.

    Not frozen: one is made for each call, and what it sent is added by the one who knows.
    """

    #: When the call was sent, seconds since 1970.
    at: float
    method: str
    path: str
    #: HTTP status, or None when no answer came.
    status: int | None
    #: The destination's answer, bounded, or what went wrong on the way.
    answer: str
    duration_ms: int
    #: By which options the event was read: a key of the `readings` that the destination's notes have; empty for a look-up,
    #: and for what an older Penstock sent.
    reading: str = ""
    #: The CRC-32 of the bytes that were sent; None where none were, or it is not known.
    body_sum: int | None = None
    #: What was sent, where the event, read so, does not give it again: the bytes; or, behind GIVEN, the company whose id was
    #: put into them on the way out.
    body: bytes | None = None
