"""Whether a destination that is served for the first time is a new one, or one that had another name. Pure.

Nothing tells them apart but people. A rename that was taken for a new destination would send everything again, or let what
waits under the old name wait for ever; so when one appears with the account of one that is gone, they are asked first.
"""

import dataclasses
from collections.abc import Collection, Mapping

from penstock.buffer.port.names import Known
from penstock.settings import NEW, Destination, Settings, account_of


@dataclasses.dataclass(frozen=True, slots=True)
class Serve:
    """It is what it is called."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rename:
    """It was called otherwise, and goes on from there."""

    old: str


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """It may be one that is gone; nothing is sent before a person says so."""

    old: str


NameVerdict = Serve | Rename | Ask


def naming_of(name: str, settings: Settings, known: Mapping[str, Known], given_up: Collection[str]) -> NameVerdict:
    """Return what a destination of the settings is. `given_up` are those whose backlog is not wanted any more."""
    destination, gone = settings.destinations[name], known.keys() - settings.destinations.keys()
    if name in known or NEW in destination.renamed_from:
        return Serve()
    # The last name first: that one may not have been served.
    for old in destination.renamed_from:
        if old in gone:
            return Rename(old)
    alike = [old for old in sorted(gone - set(given_up)) if _is_alike(known[old], destination, settings)]
    return Ask(alike[0]) if alike and not destination.renamed_from else Serve()


def _is_alike(known: Known, destination: Destination, settings: Settings) -> bool:
    if known.account:
        return known.account == account_of(destination.base_url, destination.api_key)
    shared = set(known.sources) & set(settings.sources_of(destination.name))
    return known.origin == destination.base_url and bool(shared)
