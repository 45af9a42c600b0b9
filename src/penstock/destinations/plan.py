"""What an event means for a destination: a Plan of Calls, Unmappable, or Filtered."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from penstock import causes

#: What a call is about: somebody's or a company's record, or something that happened.
About = Literal["person", "company", "event"]
#: Paths of calls that keep a record. Every other call tells what happened, to whom is told each time.
RECORDS: Mapping[str, About] = {"/people": "person", "/company": "company"}


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a destination. Sending it twice does no harm."""

    path: str
    body: dict[str, object]
    method: Literal["POST"] = "POST"
    #: Fields whose value nobody stated: it was derived, and gives way to what anybody ever says.
    guessed: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    @property
    def about(self) -> About:
        """Return what the call is about, for whoever need not know any destination's paths."""
        return RECORDS.get(self.path, "event")


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The calls of one event, to be made in this order."""

    calls: tuple[Call, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Unmappable:
    """The event cannot become a call; it ends as rejected, and `reason` is a sentence for the operator."""

    reason: str
    #: One of causes.py.
    cause: str
    #: The anonymous id of an event that names nobody else: it could be sent if it were known who that is.
    visitor: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Filtered:
    """The event could be read but is not wanted at this destination; it ends as filtered."""

    reason: str
    cause: str = causes.TYPE_UNWANTED


Meaning = Plan | Unmappable | Filtered
