"""The page: what a customer success manager would see, and what came in. No script; everything is escaped."""

import collections
import json
from pathlib import Path
from typing import Any

import jinja2

from penstock.sandbox import rules, view
from penstock.sandbox.gate import Gate
from penstock.sandbox.store import Entity, Event, Store

#: Of each table the newest so many are shown.
ROWS_MAX = 50
VALUE_CHARS_MAX = 2000

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

_HERE = Path(__file__).parent
STYLE = (_HERE / "static" / "sandbox.css").read_bytes()
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(gate: Gate) -> str:
    """Write the page."""
    store = gate.api.store
    sizes = collections.Counter(id_ for person in store.people.values() for id_ in person.companies)
    return _TEMPLATES.get_template("page.html").render(
        store=store,
        calls=gate.calls.newest(ROWS_MAX),
        calls_total=gate.calls.total,
        faults=gate.switches.active(),
        people=_newest(store.people),
        companies=_newest(store.companies),
        members=sizes,
        events=[_row(store, event) for event in _last(store.events)],
        dropped=[_row(store, event) for event in _last(store.dropped)],
        readings=rules.READINGS,
        rows_max=ROWS_MAX,
    )


def _newest(entities: dict[str, Entity]) -> list[Entity]:
    return sorted(entities.values(), key=lambda entity: entity.updated_at, reverse=True)[:ROWS_MAX]


def _last(events: collections.deque[Event]) -> list[Event]:
    return list(events)[: -ROWS_MAX - 1 : -1]


def _row(store: Store, event: Event) -> dict[str, Any]:
    return {
        "event": event,
        "happened_at": view.happened_at(event),
        "person": store.people.get(event.person or ""),
        "companies": [store.companies[id_] for id_ in event.companies if id_ in store.companies],
    }


def _value(value: object) -> str:
    """Write a value of an attribute or body as a person reads it, but not without end."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + "…"


def _bytes(body: bytes) -> str:
    return _value(body.decode(errors="replace"))


def _label(entity: Entity) -> str:
    fields = entity.fields
    return str(
        fields.get("name") or fields.get("email") or fields.get("user_id") or fields.get("company_id") or entity.id
    )


def _field(fields: dict[str, Any], name: str) -> Any:
    """Return a field for a cell; what is null or not set is empty, zero is not."""
    value = fields.get(name)
    return "" if value is None else value


_TEMPLATES.filters |= {
    "value": _value,
    "bytes": _bytes,
    "field": _field,
    "label": _label,
    "utc": view.utc,
    "type_of": rules.type_of,
}
