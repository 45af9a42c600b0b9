"""What connecting a source to a destination would send of what is stored; said before it is done."""

import dataclasses
from collections.abc import Collection, Mapping

from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.shelf import Shelf
from penstock.settings import NEW, Settings
from penstock.settings.renames import accounts_of, alike_of, past_of

DAY_S = 86_400
#: What a form offers, beside what is usual for the source.
CHOICES = ("auto", "now", "1 day", "7 days", "30 days", "all")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """One source that may be connected."""

    #: Stored events, by what may be chosen.
    counts: Mapping[str, int]
    is_first: bool
    #: It was connected before: there is nothing to choose, it goes on where it stopped, with so many stored events.
    goes_on: int | None = None


def beginning_of(
    source: str, destination: str, settings: Settings, shelf: Shelf, begun: BegunSources, *, now: float
) -> Beginning:
    """Return what each choice would send, as far as it is stored now."""
    known = begun.begun()
    if source in known.get(destination, ()):
        return Beginning(counts={}, is_first=False, goes_on=_behind(source, destination, shelf))
    is_first = _is_first(source, {destination}, settings, known)
    counts = {choice: _count(choice, source, shelf, is_first=is_first, now=now) for choice in CHOICES}
    return Beginning(counts=counts, is_first=is_first)


def to_send(before: Settings, after: Settings, shelf: Shelf, begun: BegunSources, *, now: float) -> dict[str, int]:
    """Return how many stored events each connection would send that is new in `after`."""
    known, places, counts = {(c.from_, c.to) for c in before.connections}, begun.begun(), {}
    pasts = {name: _past_of(name, before, after) for name in after.destinations}  # what was renamed goes on
    for source, name in [(c.from_, c.to) for c in after.connections]:
        past = pasts[name]
        if past and (source, past) in known:
            continue
        if past and source in places.get(past, ()):
            counts[f"{source} to {name}"] = _behind(source, past, shelf)
            continue
        is_first = _is_first(source, {name, *after.destinations[name].renamed_from}, after, places)
        choice = after.deliver_from(source, name)
        counts[f"{source} to {name}"] = _count(choice, source, shelf, is_first=is_first, now=now)
    return counts


def _past_of(name: str, before: Settings, after: Settings) -> str | None:
    """Return under which name is kept what a destination goes on with; None for one that begins anew."""
    were, are, said = accounts_of(before), accounts_of(after), after.destinations[name].renamed_from
    is_new = NEW in said and bool(alike_of(name, were, are))
    return past_of(name, said, were, are) or (None if is_new else name)


def _is_first(source: str, names: Collection[str], settings: Settings, begun: Mapping[str, Collection[str]]) -> bool:
    """Return whether no other destination than that of these names got the source, or will before it."""
    is_elsewhere = any(source in sources for name, sources in begun.items() if name not in names)
    return not is_elsewhere and not any(settings.is_later(source, name) for name in names)


def _behind(source: str, destination: str, shelf: Shelf) -> int:
    """Return how many events of a source came since the destination read the log."""
    return shelf.counts(destination, (source,)).received - shelf.counts(destination, ()).received


def _count(choice: str, source: str, shelf: Shelf, *, is_first: bool, now: float) -> int:
    if choice == "auto":
        choice = "all" if is_first else "now"
    if choice == "now":
        return 0
    days = int(choice.rstrip(" days")) if choice != "all" else 0
    return shelf.stored(source, since=now - days * DAY_S if days else 0.0)
