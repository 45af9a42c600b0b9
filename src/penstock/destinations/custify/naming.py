"""Who a stored event is about, before it is converted: what the lanes of a destination are named after.

The mapping's own functions say it, of as much of the event as they look at for that. The rest is passed over unread, for
every event is asked, at every destination, by the one thread that writes delivery.db.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable

import msgspec

from penstock.destinations.custify.convert.subjects import named
from penstock.destinations.custify.options import Mapping
from penstock.envelope import filled
from penstock.event import Event, Named, mended

# Raised whenever the same event, with the same settings, may be about another person than before.
READING = 3
# An id that is a number or a text, with its escapes. What is longer is cut, and what is neither is none.
ID_BYTES_MAX = 4_096
#: Stands for what is there and is no object: it hides what the batch says, and is none of what is asked for.
NO_OBJECT = 0


#: What is not there.
ABSENT = msgspec.Raw(b"")


class _Ids(msgspec.Struct, gc=False, rename={"user": "userId", "group": "groupId"}):
    """As much of traits, of a company among them, or of properties, as may say whose they are."""

    user: msgspec.Raw = ABSENT
    user_id: msgspec.Raw = ABSENT
    id: msgspec.Raw = ABSENT
    email: msgspec.Raw = ABSENT
    group: msgspec.Raw = ABSENT
    company_id: msgspec.Raw = ABSENT
    remove: msgspec.Raw = ABSENT


class _Traits(_Ids, gc=False, rename={"user": "userId", "group": "groupId"}):
    """Traits, in which a whole call may stand."""

    company: msgspec.Raw = ABSENT
    companies: msgspec.Raw = ABSENT
    traits: msgspec.Raw = ABSENT
    context: msgspec.Raw = ABSENT


class _Call(msgspec.Struct, gc=False, rename="camel"):
    """As much of a call."""

    user_id: msgspec.Raw = ABSENT
    anonymous_id: msgspec.Raw = ABSENT
    group_id: msgspec.Raw = ABSENT
    traits: msgspec.Raw = ABSENT
    context: msgspec.Raw = ABSENT
    properties: msgspec.Raw = ABSENT


class _Context(msgspec.Struct, gc=False):
    """As much of a context."""

    traits: msgspec.Raw = ABSENT


class _Link(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A company that is named, and of which nothing is said."""

    id: msgspec.Raw = ABSENT
    company_id: msgspec.Raw = ABSENT
    remove: msgspec.Raw = ABSENT


_call_of = msgspec.json.Decoder(_Call).decode
_context_of = msgspec.json.Decoder(_Context).decode
_traits_of = msgspec.json.Decoder(_Traits).decode
_ids_of = msgspec.json.Decoder(_Ids).decode
_link_of = msgspec.json.Decoder(_Link).decode
_list_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
_value_of = msgspec.json.Decoder().decode


@dataclasses.dataclass(frozen=True, slots=True)
class NamedBy:
    """How a destination with this mapping reads who an event is about; see event.Naming."""

    mapping: Mapping

    @property
    def key(self) -> str:
        """Return what decides who an event is about, as a text."""
        return _key(self.mapping.name, self.mapping.anonymous_fallback, self.mapping.placeholder_ids)

    def __call__(self, event: Event) -> Named:
        """Return who an event is about. Never raises."""
        return named(who(event, alone=self.mapping.name == "rudderstack"), self.mapping)


@functools.lru_cache(maxsize=64)
def _key(name: str, is_fallback: bool, placeholders: tuple[str, ...]) -> str:
    return hashlib.blake2b(repr((READING, name, is_fallback, placeholders)).encode(), digest_size=8).hexdigest()


def who(event: Event, *, alone: bool) -> dict[str, object]:
    """Return a call with nothing in it but what may say who it is about."""
    call = _read(event.body)
    if event.envelope and not alone:
        call = filled(call, _read(event.envelope))
    call["type"] = event.type.strip().lower()
    return call


def _read(body: bytes) -> dict[str, object]:
    for read in (bytes, mended):
        try:
            return _call(read(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return {}


def _call(body: bytes) -> dict[str, object]:
    if not body.lstrip().startswith(b"{"):
        return {}
    call = _call_of(body)
    found = _values({"userId": call.user_id, "anonymousId": call.anonymous_id, "groupId": call.group_id})
    parts = (
        ("traits", call.traits, _traits),
        ("context", call.context, _context),
        ("properties", call.properties, _ids),
    )
    return found | {name: _part(raw, read) for name, raw, read in parts if raw is not ABSENT}


def _part(raw: msgspec.Raw, read: Callable[[msgspec.Raw], dict[str, object]]) -> object:
    """Return what is read of an object; of anything else, that it is none."""
    if _is_object(raw):
        return read(raw)
    return None if bytes(raw) == b"null" else NO_OBJECT


def _context(raw: msgspec.Raw) -> dict[str, object]:
    traits = _context_of(raw).traits
    return {} if traits is ABSENT else {"traits": _part(traits, _traits)}


def _traits(raw: msgspec.Raw) -> dict[str, object]:
    traits = _traits_of(raw)
    found = _ids_in(traits)
    if traits.company is not ABSENT:
        found["company"] = _part(traits.company, _company)
    if traits.companies is not ABSENT and bytes(traits.companies).startswith(b"["):
        found["companies"] = [_part(each, _company) for each in _list_of(traits.companies)]
    # A whole call that stands among the traits of a group call; see destinations/custify/convert/group.py.
    if _is_object(traits.traits):
        found["traits"] = _ids(traits.traits)
    if _is_object(traits.context) and _is_object(inner := _context_of(traits.context).traits):
        found["context"] = {"traits": _ids(inner)}
    return found


def _company(raw: msgspec.Raw) -> dict[str, object]:
    try:
        link = _link_of(raw)
        return _values({"id": link.id, "company_id": link.company_id, "remove": link.remove})
    except msgspec.ValidationError:
        # What else is said of it is not asked here; that something is, makes it a company that is written.
        named_ = _ids_of(raw)
        return _values({"id": named_.id, "company_id": named_.company_id, "remove": named_.remove}) | {"unread": True}


def _ids(raw: msgspec.Raw) -> dict[str, object]:
    return _ids_in(_ids_of(raw))


def _ids_in(ids: _Ids) -> dict[str, object]:
    person = {"userId": ids.user, "user_id": ids.user_id, "id": ids.id, "email": ids.email}
    return _values({**person, "groupId": ids.group, "company_id": ids.company_id})


def _values(parts: dict[str, msgspec.Raw]) -> dict[str, object]:
    """Return what is there, by name."""
    return {name: _value(bytes(raw)) for name, raw in parts.items() if raw is not ABSENT}


def _value(text: bytes) -> object:
    """Return a text, a number, a flag or null; objects and lists are no values that are asked for, but they are there."""
    if text.startswith((b"{", b"[")):
        return [NO_OBJECT]
    return _value_of(text) if len(text) <= ID_BYTES_MAX or text.startswith(b'"') else None


def _is_object(raw: msgspec.Raw) -> bool:
    return raw is not ABSENT and bytes(raw).startswith(b"{")
