"""How a destination wants its events read, as its settings say: one place for all who convert."""

from penstock.convert.plan import Mapping
from penstock.convert.wanted import EventNames, Wishes
from penstock.settings import Destination, Settings


def mapping_of(destination: Destination) -> Mapping:
    """Return how events become calls."""
    return Mapping(
        name=destination.mapping,
        anonymous_fallback=destination.anonymous_fallback,
        nested=destination.nested,
        page_views=destination.page_views,
    )


def wishes_of(destination: Destination, settings: Settings) -> Wishes:
    """Return which events are wanted, by the destination and by each of its connections."""
    connections = [connection for connection in settings.connections if connection.to == destination.name]
    return Wishes(
        consent_provider=destination.consent_provider,
        consent_resolution=destination.consent_resolution,
        consent_categories=destination.consent_categories,
        event_names={c.from_: EventNames(allow=c.events_allow, deny=c.events_deny) for c in connections},
    )
