"""Under which keys an event is found, and what a person may ask for. Pure."""

import msgspec

from penstock.buffer.port.selection import companies_of
from penstock.event import Event, mended

# A key is an index entry; more of a name than this is not searched for.
KEY_CHARS_MAX = 200


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; what is empty does not filter."""

    #: A user id or an anonymous id.
    person: str = ""
    #: A company id, wherever an event names it.
    company: str = ""
    #: The exact name of a track call.
    event_name: str = ""
    message_id: str = ""
    source: str = ""
    type: str = ""
    #: An outcome's text, "waiting" or "retrying".
    state: str = ""

    def keys(self) -> list[str]:
        """Return the index keys that an event must have; the most telling first."""
        asked = (("p", self.person), ("c", self.company), ("e", self.event_name))
        return [_key(kind, value) for kind, value in asked if value]

    def takes(self, event: Event) -> bool:
        """Return whether an event passes all filters but `state`, which is not the event's."""
        return (
            self.message_id in {"", event.message_id}
            and self.source in {"", event.source}
            and self.type in {"", event.type}
            and set(self.keys()) <= keys_of(event)
        )


def keys_of(event: Event) -> set[str]:
    """Return the keys under which an event is found. Never raises."""
    body = _decoded(event.body)
    keys = {_key("p", person) for person in (event.user_id, event.anonymous_id) if person}
    keys |= {_key("c", company) for company in {event.company_id, *companies_of(body)} if company}
    name = body.get("event")
    if event.type == "track" and isinstance(name, str) and name.strip():
        keys.add(_key("e", name.strip()))
    return keys


def _key(kind: str, value: str) -> str:
    return f"{kind}:{value[:KEY_CHARS_MAX]}"


def _decoded(body: bytes) -> dict[str, object]:
    for read in (bytes, mended):
        try:
            value = msgspec.json.decode(read(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        return value if isinstance(value, dict) else {}
    return {}
