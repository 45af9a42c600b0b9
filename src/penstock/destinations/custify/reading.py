"""How a destination wants its events read, as its settings say: one place for all who convert."""

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Mapping as Table

from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.convert.plan import Filtered, Mapping, Meaning, Unmappable
from penstock.destinations.custify.convert.usable import unusable
from penstock.destinations.custify.convert.wanted import EventNames, Wishes, unwanted
from penstock.event import Event, enriched
from penstock.ledger.guard import GuardMode
from penstock.ledger.modes import Mode
from penstock.ledger.policies import DEFAULTS, Policy
from penstock.ledger.rules import Rules, Unknown
from penstock.settings import Destination, Settings, Switch

#: Why an event is not even converted: it cannot be used, or is not wanted.
Refusal = Unmappable | Filtered


def mapping_of(destination: Destination, settings: Settings) -> Mapping:
    """Return how events become calls."""
    return Mapping(
        name=destination.mapping,
        anonymous_fallback=destination.anonymous_fallback,
        nested=destination.nested,
        page_views=destination.page_views,
        names_max=settings.event_names_max,
        name_chars_max=settings.event_name_chars_max,
        placeholder_ids=settings.placeholder_ids,
        date_attributes=destination.date_attributes,
        clock_ahead_s_max=settings.clock_ahead_s_max,
        null_clears=destination.null_clears,
    )


def mappings_of(mapping: Mapping, settings: Settings) -> dict[str, Mapping]:
    """Return the mapping as it holds for events of each source: not all are believed alike; see destinations/custify/convert/trust.py."""
    return {
        name: dataclasses.replace(mapping, trust=source.trust, trusted_traits=source.trusted_traits)
        for name, source in settings.sources.items()
    }


def by_source(mapping: Mapping, settings: Settings) -> Callable[[str], Mapping]:
    """Return what tells the mapping of a source's events; those of a source that is gone are believed.

    It can be pickled: events are explained in a process of their own.
    """
    return functools.partial(_of_source, mappings_of(mapping, settings), mapping)


def wishes_of(destination: Destination, settings: Settings) -> Wishes:
    """Return which events are wanted, by the destination and by each of its connections."""
    connections = [connection for connection in settings.connections if connection.to == destination.name]
    return Wishes(
        name=destination.name,
        consent_provider=destination.consent_provider,
        consent_resolution=destination.consent_resolution,
        consent_categories=destination.consent_categories,
        event_names={c.from_: EventNames(allow=c.events_allow, deny=c.events_deny) for c in connections},
    )


def call_of(event: Event, mapping: Mapping) -> dict[str, object]:
    """Return a stored event as a mapping reads it; RudderStack does not see what stands beside the calls of a batch."""
    return enriched(event, alone=mapping.name == "rudderstack")


def refusal_of(event: Event, call: dict[str, object], wishes: Wishes) -> Refusal | None:
    """Return why an event that was read as this call is not converted at all, or None.

    An opt-out counts wherever it stands, for every mapping.
    """
    heard = enriched(event) if event.envelope else call
    return unusable(event) or unwanted(heard, source=event.source, wishes=wishes)


def meaning_of(event: Event, mapping: Mapping, wishes: Wishes) -> Meaning:
    """Return what a stored event means for a destination."""
    call = call_of(event, mapping)
    return refusal_of(event, call, wishes) or convert(call, mapping)


def rules_of(destination: Destination) -> Rules:
    """Return what the ledger may do; with rudderstack nothing, unless it was asked for."""
    ours = destination.mapping == "custify/1"
    policies: dict[str, Policy] = {**(DEFAULTS if ours else {}), **destination.policies}
    unknown: Unknown = (
        ("park" if ours else "send") if destination.unknown_people == "auto" else destination.unknown_people
    )
    guard: GuardMode = (
        ("warn" if ours else "off") if destination.attribute_guard == "auto" else destination.attribute_guard
    )
    return Rules(
        skip_unchanged=_is_on(destination.skip_unchanged, auto=ours),
        coalesce=_is_on(destination.coalesce, auto=ours),
        changes_only=destination.changes_only,
        policies=policies,
        reassert_s=destination.reassert_days * 86_400,
        unknown=unknown,
        park_s=destination.park_hours * 3600,
        infer_company=_is_on(destination.infer_company, auto=ours),
        guard=guard,
    )


def mode_of(destination: Destination) -> Mode:
    """Return who is written to."""
    return Mode(
        name=destination.mode,
        companies=frozenset(destination.canary_companies),
        percent=destination.canary_percent,
    )


def _of_source(own: Table[str, Mapping], other: Mapping, source: str) -> Mapping:
    return own.get(source, other)


def _is_on(switch: Switch, *, auto: bool) -> bool:
    return auto if switch == "auto" else switch == "on"
