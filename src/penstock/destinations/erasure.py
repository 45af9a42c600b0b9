"""What came of it when a destination was asked to delete people, as values. Nothing here has a name."""

import dataclasses
from typing import Protocol

from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled, Unavailable, why_barred


class Remover(Protocol):
    """A destination in which records can be looked up and deleted."""

    async def read(self, path: str) -> Answer:
        """Make one read and name its answer. Never raises."""

    async def delete(self, path: str) -> Answer:
        """Delete what stands at a path and name the answer. Never raises."""


@dataclasses.dataclass(frozen=True, slots=True)
class Erased:
    """None of them is there any more, or there is nothing to delete."""

    #: Records that were deleted now.
    deleted: int
    #: What the reading back found, in a sentence.
    said: str


@dataclasses.dataclass(frozen=True, slots=True)
class NotErased:
    """They may be there still; it has to be tried again."""

    #: Records that were deleted all the same.
    deleted: int
    #: Why, for a person who has to do something about it.
    why: str
    #: Seconds the destination asked to be left alone for; None when it did not say.
    retry_after_s: float | None = None


def why_not(answer: Answer, who: str) -> str:
    """Return in words why a read or a deletion did not come about. The answer's own text may name a person: it is left out."""
    match answer:
        case Barred(status, _):
            # Where there is no status, the text is our own.
            said = answer if status is None else dataclasses.replace(answer, text="")
            return why_barred(said, who, "key")[0].removesuffix(": ")
        case Refused(status, _):
            return f"{who} refused to delete, with {status}"
        case Throttled():
            return f"{who} asks for fewer calls just now (429)"
        case Unavailable(status, _, _):
            return f"{who} gave no usable answer" + (f" ({status})" if status else "")
        case Accepted(status, _):
            return f"{who} answered {status}, and what it says cannot be read"
