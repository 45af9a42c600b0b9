"""Which events a replay is about."""

from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.buffer.port.outcomes import WantedOutcome
from penstock.event import Event, enriched


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A filter over events that have ended, dead and rejected ones unless `outcome` says more; what is empty does not filter."""

    #: One of causes.py.
    cause: str = ""
    source: str = ""
    #: A user id, an e-mail address or an anonymous id: events under any name of that person are meant.
    person: str = ""
    #: A company id: what names it, and what its people did beside that.
    company: str = ""
    #: The type of SDK call, and the name of a track call.
    type: str = ""
    event_name: str = ""
    #: One event alone.
    message_id: str = ""
    #: When the events were received, seconds since 1970; from is included, until is not.
    since: float | None = None
    until: float | None = None
    #: Ended before this, seconds since 1970: what ends badly again is not selected twice.
    ended_before: float | None = None
    #: How the events ended: badly; "any" way after which they can be sent again; or one.
    outcome: WantedOutcome = ""

    def takes(self, event: Event) -> bool:
        """Return whether an event passes all filters that it can answer itself.

        `cause`, `outcome` and `ended_before` are not the event's; which person or account it is about, rules/whose.py says.
        """
        received = event.received_at_ms / 1000
        return (
            self.source in {"", event.source}
            and self.type in {"", event.type}
            and self.message_id in {"", event.message_id}
            and (self.since is None or received >= self.since)
            and (self.until is None or received < self.until)
            and (not self.event_name or enriched(event).get("event") == self.event_name)
        )


def companies_of(body: dict[str, Any]) -> Iterator[str]:
    """Yield every company an event names, as text."""
    context, properties, traits = (
        _table(body.get("context")),
        _table(body.get("properties")),
        _table(body.get("traits")),
    )
    named = [body.get("groupId"), context.get("groupId")]
    if traits or "traits" in context:
        link = _table(traits.get("company")) | _table(_table(context.get("traits")).get("company"))
        named += [link.get("id"), link.get("company_id")]
    if properties:
        named += [properties.get(key) for key in ("company_id", "companyId", "organization_id")]
    several = traits.get("companies")
    for each in several if isinstance(several, list) else ():
        named += [_table(each).get("id"), _table(each).get("company_id")]
    yield from (str(value).strip() for value in named if value is not None and isinstance(value, str | int))


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
