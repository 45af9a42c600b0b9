"""How a destination wants its events read, as its settings say: one place for all who convert."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

from penstock.destinations.every import convert, package_of
from penstock.destinations.options import Options
from penstock.destinations.plan import Filtered, Meaning, Unmappable
from penstock.destinations.times import happened
from penstock.destinations.usable import unusable
from penstock.destinations.wanted import EventNames, Wishes, unwanted
from penstock.event import Event, enriched
from penstock.settings import Destination, Settings

#: Why an event is not even converted: it cannot be used, or is not wanted.
Refusal = Unmappable | Filtered


def options_of(destination: Destination, settings: Settings) -> Options:
    """Return how events are read for a destination."""
    options: Options = package_of(destination).options(destination, settings)
    return options


def options_by_source(options: Options, settings: Settings) -> dict[str, Options]:
    """Return the options as they hold for events of each source: not all are believed alike."""
    return {
        name: dataclasses.replace(options, source=name, trust=source.trust, trusted_traits=source.trusted_traits)
        for name, source in settings.sources.items()
    }


def by_source(options: Options, settings: Settings) -> Callable[[str], Options]:
    """Return what tells the options for a source's events; those of a source that is gone are believed.

    It can be pickled: events are explained in a process of their own.
    """
    return functools.partial(_of_source, options_by_source(options, settings), options)


def wishes_of(destination: Destination, settings: Settings) -> Wishes:
    """Return which events are wanted, by the destination and by each of its connections."""
    connections = [connection for connection in settings.connections if connection.to == destination.name]
    return Wishes(
        name=destination.name,
        product=destination.type,
        consent_provider=destination.consent_provider,
        consent_resolution=destination.consent_resolution,
        consent_categories=destination.consent_categories,
        event_names={c.from_: EventNames(allow=c.events_allow, deny=c.events_deny) for c in connections},
    )


def call_of(event: Event, options: Options) -> dict[str, object]:
    """Return a stored event as a destination reads it."""
    return enriched(event, alone=options.is_alone)


def refusal_of(event: Event, call: dict[str, object], wishes: Wishes) -> Refusal | None:
    """Return why an event that was read as this call is not converted at all, or None.

    An opt-out counts wherever it stands, for every mapping.
    """
    heard = enriched(event) if event.envelope else call
    return unusable(event) or unwanted(heard, source=event.source, wishes=wishes)


def meaning_of(event: Event, options: Options, wishes: Wishes) -> Meaning:
    """Return what a stored event means for a destination."""
    call = call_of(event, options)
    return refusal_of(event, call, wishes) or convert(call, options)


def meaning_and_time(event: Event, options: Options, wishes: Wishes) -> tuple[Meaning, int]:
    """Return what a stored event means for a destination, and when it happened, milliseconds since 1970."""
    call = call_of(event, options)
    at = happened(call, options).at
    meaning = refusal_of(event, call, wishes) or convert(call, options)
    return meaning, event.received_at_ms if at is None else int(at.timestamp() * 1000)


def _of_source(own: Mapping[str, Options], other: Options, source: str) -> Options:
    return own.get(source, other)
