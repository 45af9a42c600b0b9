"""What connecting a source to a destination would send of what is stored; said before it is done."""

import dataclasses
from collections.abc import Mapping

from penstock.buffer.port.shelf import Shelf
from penstock.settings import Settings

DAY_S = 86_400
#: What a form offers, beside what is usual for the source.
CHOICES = ("auto", "now", "1 day", "7 days", "30 days", "all")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """One source that may be connected."""

    #: Stored events, by what may be chosen.
    counts: Mapping[str, int]
    is_first: bool


def beginning_of(source: str, destination: str, settings: Settings, shelf: Shelf, *, now: float) -> Beginning:
    """Return what each choice would send, as far as it is stored now."""
    is_first = not any(c.from_ == source and c.to != destination for c in settings.connections)
    counts = {choice: _count(choice, source, shelf, is_first=is_first, now=now) for choice in CHOICES}
    return Beginning(counts=counts, is_first=is_first)


def to_send(before: Settings, after: Settings, shelf: Shelf, *, now: float) -> dict[str, int]:
    """Return how many stored events each connection would send that is new in `after`."""
    known = {(c.from_, c.to) for c in before.connections}
    for name, destination in after.destinations.items():  # what was renamed goes on
        known |= {
            (source, name)
            for source, old in known
            if old in destination.renamed_from and name not in before.destinations
        }
    counts = {}
    for source, name in [(c.from_, c.to) for c in after.connections if (c.from_, c.to) not in known]:
        is_first = not any(own == source for own, _ in known)
        choice = after.deliver_from(source, name)
        counts[f"{source} to {name}"] = _count(choice, source, shelf, is_first=is_first, now=now)
    return counts


def _count(choice: str, source: str, shelf: Shelf, *, is_first: bool, now: float) -> int:
    if choice == "auto":
        choice = "all" if is_first else "now"
    if choice == "now":
        return 0
    days = int(choice.rstrip(" days")) if choice != "all" else 0
    return shelf.stored(source, since=now - days * DAY_S if days else 0.0)
