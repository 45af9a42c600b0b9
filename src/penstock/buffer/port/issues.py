"""What people decided about problems: operate's end of it."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Protocol


class IssueState(enum.StrEnum):
    """How far people have come with a problem."""

    NEW = "new"
    SEEN = "seen"
    #: A user sees to it.
    ASSIGNED = "assigned"
    #: Mended; it is open again when it happens again.
    RESOLVED = "resolved"
    #: Not to be mended, for a reason; it is open again when it happens again.
    DISMISSED = "dismissed"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What was decided last about the problem of one cause at one destination."""

    destination: str
    cause: str
    state: IssueState
    #: The user who sees to it; empty for none.
    owner: str = ""
    #: Why it was dismissed.
    reason: str = ""
    #: Seconds since 1970.
    at: float
    by: str
    #: Place in the log of the last event that had the cause by then.
    last_seq: int

    def in_words(self, what: str) -> str:
        """Return what was decided, by what was asked for, as a journal says it."""
        return {"assign": f"assigned to {self.owner}", "dismiss": f"dismissed: {self.reason}"}.get(
            what, self.state.value
        )


class Issues(Protocol):
    """What people decided about problems."""

    def decided(self) -> Mapping[tuple[str, str], Issue]:
        """Return the decisions by destination and cause."""

    def decide(self, issue: Issue) -> None:
        """Keep a decision in the place of the one before."""
