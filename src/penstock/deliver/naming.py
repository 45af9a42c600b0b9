"""Whether a destination goes on with what is kept under its name, or under another one, or begins anew. Pure.

Nothing tells them apart but people. A rename that was taken for a new destination would send everything again, or let what
waits under the old name wait for ever; and where two exchange their names, what waits for one workspace would be sent to the
other. So one that has the account of one that is gone, or has another account now, is not served before they said.

An exchange is done in steps of one name each, so that a crash between any two is gone on from: the past that is in the way
is set aside under a name of its own first. The one that is served last finds it there.
"""

import dataclasses
from collections.abc import Collection, Mapping

from penstock.buffer.port.names import Known
from penstock.settings import NEW, Destination, Settings
from penstock.settings.renames import (
    accounts_of,
    alike_of,
    aside_of,
    is_at_home,
    meaning_of,
    original_of,
    past_of,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Serve:
    """It is what it is called."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rename:
    """What is kept under one name is kept under another one from now on."""

    old: str
    #: None: the name of the destination itself.
    new: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """It may be one that is gone, or is called otherwise now; nothing is sent before a person says so."""

    old: str
    is_gone: bool = True

    def why(self) -> tuple[str, str]:
        """Return what people must say, and which name it may have had."""
        return meaning_of(self.old, is_gone=self.is_gone), original_of(self.old)


@dataclasses.dataclass(frozen=True, slots=True)
class AskThere:
    """What is kept under its name may be another one's; nothing is sent before a person says so there."""

    taker: str

    def why(self) -> tuple[str, str]:
        """Return what people must say, and where; there is no other name to choose."""
        return (
            f"{self.taker} has the key or secret that it had; it goes on once renamed_from of {self.taker} says which one that is",
            "",
        )


NameVerdict = Serve | Rename | Ask | AskThere


def naming_of(name: str, settings: Settings, known: Mapping[str, Known], given_up: Collection[str]) -> NameVerdict:
    """Return what a destination of the settings is. `given_up` are those whose backlog is not wanted any more."""
    destination, before, after = settings.destinations[name], _accounts(known), accounts_of(settings)
    if is_at_home(name, before, after):
        return Serve()
    past = past_of(name, destination.renamed_from, before, after)
    alike = [old for old in alike_of(name, before, after) if old not in given_up]
    if name in known:
        if past or (alike and NEW in destination.renamed_from):
            return Rename(name, aside_of(name, before))
        return Ask(alike[0], alike[0] not in after) if alike else _unless_taken(name, settings, before, after)
    if past:
        return Rename(past)
    alike = alike or [
        old
        for old in sorted(known.keys() - after.keys() - set(given_up))
        if _is_alike(known[old], destination, settings)
    ]
    return Ask(alike[0], alike[0] not in after) if alike and not destination.renamed_from else Serve()


def _unless_taken(name: str, settings: Settings, before: Mapping[str, str], after: Mapping[str, str]) -> NameVerdict:
    """Return whether a destination goes on with another key: not while one that has the former key may be what it was."""
    takers = [
        other
        for other, account in sorted(after.items())
        if account == before[name]
        and not is_at_home(other, before, after)
        and NEW not in settings.destinations[other].renamed_from
    ]
    return AskThere(takers[0]) if takers else Serve()


def _accounts(known: Mapping[str, Known]) -> dict[str, str]:
    return {name: each.account for name, each in known.items()}


def _is_alike(known: Known, destination: Destination, settings: Settings) -> bool:
    """Return whether one that an older Penstock served, without a note of its account, is alike."""
    shared = set(known.sources) & set(settings.sources_of(destination.name))
    return not known.account and known.origin == destination.base_url and bool(shared)
