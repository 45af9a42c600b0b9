"""Which values of an event are looked at: all of them, or a page of the many, the most telling ones first. Pure."""

import dataclasses
from collections.abc import Mapping, Sequence

from penstock.explain.trials import Sent
from penstock.json_paths import Path

# Leaves that are tried at a time. A usual event has thirty; of one with more, the rest is asked for page by page.
LEAVES_MAX = 200
# Leaves that stand by on later pages: without them, who it is about and of which type, no page would mean anything.
FRAME_MAX = 40
#: What every SDK sends on the outside of an event; before what a stranger may have put beside it.
OUTSIDE = frozenset(
    {"type", "userId", "anonymousId", "groupId", "previousId", "messageId", "event", "name", "timestamp",
     "originalTimestamp", "sentAt", "receivedAt", "request_ip", "channel", "category"}
)  # fmt: skip
#: Values that many leaves share, so that being sent says nothing of any of them.
COMMON = (True, False, 0, 1, "")


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Some leaves of an event, in its order."""

    looked_at: Mapping[Path, object]
    #: What is tried along with them, so that the calls are those of the event.
    kept: Mapping[Path, object]
    #: The leaves to look at, the most telling ones first.
    ranked: Sequence[Path]
    #: How many the event has, and how many of them come before these.
    leaves: int
    first: int

    @property
    def is_all(self) -> bool:
        """Return whether nothing of the event is missing."""
        return len(self.kept) == self.leaves


def page_of(every: Sequence[tuple[Path, object]], sent: Sent, *, first: int, leaves_max: int, about: str = "") -> Page:
    """Return the page of an event's leaves that begins at `first`; the only one, if they are few.

    What is called `about` comes first of all.
    """
    order = _order(every, sent, about)
    chosen = order[first : first + leaves_max]
    kept = {*chosen, *order[: min(FRAME_MAX, leaves_max)]} if first else chosen
    return Page(
        looked_at=dict(every[number] for number in sorted(chosen)),
        kept=dict(every[number] for number in sorted(kept)),
        ranked=[every[number][0] for number in chosen],
        leaves=len(every),
        first=first,
    )


def _order(every: Sequence[tuple[Path, object]], sent: Sent, about: str) -> list[int]:
    """Return the leaves' numbers: those that Custify has fields of its own for first, then the outermost."""
    own = {(type(v), v) for place, v in sent.items() if len(place.field) == 1 and not isinstance(v, dict | list)} - {
        (type(v), v) for v in COMMON
    }

    def rank(number: int) -> tuple[bool, bool, bool, int, int]:
        path, value = every[number]
        is_own = not isinstance(value, dict | list) and (type(value), value) in own
        is_meant = bool(about) and bool(path) and path[-1] == about
        return not is_meant, not is_own, not (len(path) == 1 and path[0] in OUTSIDE), len(path), number

    return sorted(range(len(every)), key=rank)
