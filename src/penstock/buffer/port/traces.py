"""What is left of people in the store: found by a look from outside, removed by the owner of each file."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner of a file is to remove; doing it twice does no harm."""

    #: All names that are meant, as identity.py writes names.
    names: Sequence[str]
    #: The numbers of their events, in order.
    seqs: Sequence[int] = ()
    #: Search keys, with numbers of events.
    found: Sequence[tuple[str, int]] = ()
    #: Rows about other people's events whose texts name them: destination and number; of attempts also which one.
    outcomes: Sequence[tuple[str, int]] = ()
    attempts: Sequence[tuple[str, int, int]] = ()


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found in one file."""

    #: By kind of thing: how many there are.
    counts: Mapping[str, int]
    removal: Removal
    #: What was asked for and written down about them, as texts; of control.db and alerts.db alone.
    texts: Sequence[str] = ()

    @property
    def is_nothing(self) -> bool:
        """Return whether nothing is left."""
        return not any(self.counts.values())


#: Events by all names in them, which tells the ids that are one person's.
Sightings = Mapping[frozenset[str], Sequence[int]]


class Traces(Protocol):
    """The way to what is left of people. Looks only, takes seconds, and holds no writer up. Raises BufferUnavailable, StoreDamaged."""

    def sightings(self, names: frozenset[str]) -> Sightings:
        """Return the events that name one of these people or companies, of all that are stored."""

    def ties(self, names: frozenset[str]) -> Sequence[tuple[str, str]]:
        """Return which e-mail addresses and visitors are tied to which person at a destination, if one of both is named."""

    def mentions(self, names: frozenset[str], *, seqs: frozenset[int]) -> int:
        """Return how many other events than these have one of the names somewhere in them; short ids are not looked for."""

    def beside(self, names: frozenset[str], seqs: Sequence[int]) -> Held:
        """Return what delivery.db has of people, and of their events with these numbers."""

    def asked(self, names: frozenset[str]) -> Held:
        """Return what was asked for, shared, written down and told about people: in control.db and alerts.db."""

    def forget_asked(self, names: frozenset[str]) -> None:
        """Remove what `asked` found. The only verb that changes anything."""
