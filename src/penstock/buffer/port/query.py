"""Under which keys an event is found, and what a person may ask for. Pure."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import TypedDict

import msgspec

from penstock.buffer.port.selection import companies_of
from penstock.envelope import filled
from penstock.event import Event, mended
from penstock.placeholders import plain_email

# A key is an index entry; more of a name than this is not searched for.
KEY_CHARS_MAX = 200
#: Kinds of keys: people, companies, names of track calls.
PERSON, COMPANY, NAME = "p", "c", "e"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; what is empty does not filter."""

    #: A user id, an e-mail address or an anonymous id: what came under any name of that person is found.
    person: str = ""
    #: A company id: what names it, what it was given to on the way out, and what its people did beside that.
    company: str = ""
    #: The exact name of a track call.
    event_name: str = ""
    message_id: str = ""
    source: str = ""
    type: str = ""
    #: An outcome's text, "waiting", "retrying" or "parked".
    state: str = ""
    #: When it was received, in seconds since 1970: from is included, until is not.
    since: float | None = None
    until: float | None = None

    def takes(self, event: Event, keys: AbstractSet[str]) -> bool:
        """Return whether an event that is found under these keys passes all filters that it can answer itself.

        Which person or account it is about, and `state`, are not the event's to say: see rules/whose.py.
        """
        received = event.received_at_ms / 1000
        return (
            self.message_id in {"", event.message_id}
            and (self.since is None or received >= self.since)
            and (self.until is None or received < self.until)
            and self.source in {"", event.source}
            and self.type in {"", event.type}
            and (not self.event_name or key_of(NAME, self.event_name) in keys)
        )


def keys_of(event: Event) -> set[str]:
    """Return the keys under which an event is found. Never raises."""
    body = _decoded(event.body)
    if b"context" in event.envelope:
        body = filled(body, _decoded(event.envelope))
    keys = {key_of(PERSON, person) for person in (event.user_id, event.anonymous_id) if person}
    if event.became:
        keys.add(key_of(PERSON, event.became.partition(":")[2]))
    # One that names its person by id is found by that, and leads to the address; other readings of an id have a key by their lane.
    if not event.user_id:
        keys |= {key_of(PERSON, email) for email in _emails_of(body)}
    keys |= {key_of(COMPANY, company) for company in {event.company_id, *companies_of(body)} if company}
    name = body.get("event")
    if event.type == "track" and isinstance(name, str) and name.strip():
        keys.add(key_of(NAME, name.strip()))
    return keys


def name_of(event: Event) -> str:
    """Return the name of a track call; of every other its type. Never raises."""
    name = _decoded(event.body).get("event") if event.type == "track" else None
    return name.strip()[:KEY_CHARS_MAX] if isinstance(name, str) and name.strip() else event.type


def _emails_of(body: dict[str, object]) -> Iterator[str]:
    """Yield the addresses among the traits of an event."""
    context = body.get("context")
    for traits in (body.get("traits"), context.get("traits") if isinstance(context, dict) else None):
        email = traits.get("email") if isinstance(traits, dict) else None
        if isinstance(email, str) and email.strip():
            yield plain_email(email)


def key_of(kind: str, value: str) -> str:
    """Return the key of a person, company or name."""
    return f"{kind}:{value[:KEY_CHARS_MAX]}"


class _CompanyRead(TypedDict, total=False):
    id: object
    company_id: object


class _TraitsRead(TypedDict, total=False):
    email: object
    company: _CompanyRead
    companies: object


class _ContextRead(TypedDict, total=False):
    groupId: object
    traits: _TraitsRead


class _PropertiesRead(TypedDict, total=False):
    company_id: object
    companyId: object
    organization_id: object


class _CallRead(TypedDict, total=False):
    """As much of a call as may say under which keys it is found; the rest is passed over unread."""

    event: object
    groupId: object
    context: _ContextRead
    properties: _PropertiesRead
    traits: _TraitsRead


_call_of = msgspec.json.Decoder(_CallRead).decode


def _decoded(body: bytes) -> dict[str, object]:
    try:
        return {**_call_of(body)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_whole(body)


def _read_whole(body: bytes) -> dict[str, object]:
    """Read a call in which something is of another form, or is no text."""
    for read in (bytes, mended):
        try:
            value = msgspec.json.decode(read(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        return value if isinstance(value, dict) else {}
    return {}
