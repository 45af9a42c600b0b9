"""Which people and companies an event names, by every id that tells them: what suppression, erasure and subject access go by. Pure.

Wider than what a destination takes an event to be about: an id counts wherever an SDK may write it, for what is left of
a person who was to be erased is found by it. Names are texts such as `user:42`, `anon:f3…`, `email:ann@example.com` and
`company:acme`.
"""

import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from penstock.event import Event, Head, MessageId, enriched
from penstock.placeholders import (
    PLACEHOLDER_IDS,
    is_hash,
    is_placeholder,
    is_placeholder_company,
    is_placeholder_email,
    plain_email,
)

USER, VISITOR, EMAIL, COMPANY = "user:", "anon:", "email:", "company:"
#: Stands among the names of a call which says that they are one person.
ALIAS = "alias:"
KINDS = (USER, VISITOR, EMAIL, COMPANY)
# What accept cuts ids at.
ID_CHARS_MAX = 512
#: What is stored of an event in place of its type once nothing else is left of it. accept writes all types in small
#: letters, so no sender can make one of these.
SUPPRESSED, ERASED = "SUPPRESSED", "ERASED"
LEFT = frozenset({SUPPRESSED, ERASED})
NOTHING_LEFT = b"{}"
# A number that is no plain one; exponents of more digits are no id of anybody.
NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?")

# Between words of paths, queries and what programs say of themselves.
WORDS_END = re.compile(r"[/\s?&=;,()<>\"'\[\]{}|:]+")


def left_of(head: Head, *, type_: str, message_id: str) -> Head:
    """Return what stays of an event of which nothing may stay: that there was one."""
    gone = {"user_id": "", "anonymous_id": "", "company_id": "", "request_ip": ""}
    return Head(message_id=MessageId(message_id or head.message_id), type=type_, **gone)


def is_left(head: Head) -> bool:
    """Return whether nothing is left of an event."""
    return head.type in LEFT


def name_of(kind: str, text: str) -> str:
    """Return the name of a person or a company by an id, as names are compared; empty for what is no name.

    What stands in place of an address that is stored hashed is one.
    """
    if kind == EMAIL:
        email = plain_email(text)[:ID_CHARS_MAX]
        return EMAIL + email if "@" in email or is_hash(email) else ""
    id_ = text.strip()[:ID_CHARS_MAX]
    return kind + id_ if id_ else ""


def is_shared_placeholder(name: str, placeholders: Sequence[str]) -> bool:
    """Return whether a name is one that programs write where they know no id: very many people share it."""
    kind, _, text = name.partition(":")
    if f"{kind}:" == EMAIL:
        return is_placeholder_email(text, placeholders)
    return is_placeholder_company(text, placeholders) if f"{kind}:" == COMPANY else is_placeholder(text, placeholders)


def names_in(event: Event, placeholders: Sequence[str] = PLACEHOLDER_IDS) -> frozenset[str]:
    """Return all people that an event names, and the company it is about, without those who are placeholders. Never raises."""
    call = enriched(event)
    found = {
        USER + _as_sent(event.user_id, call.get("userId")),
        VISITOR + _as_sent(event.anonymous_id, call.get("anonymousId")),
        COMPANY + event.company_id,
        *_of_call(call),
    }
    # Many applications use the address as the id.
    found |= {name_of(EMAIL, name.removeprefix(USER)) for name in found if name.startswith(USER) and "@" in name}
    found -= {"", *KINDS}
    return (
        frozenset(n for n in found if not is_shared_placeholder(n, placeholders)) if placeholders else frozenset(found)
    )


def _of_call(call: Mapping[str, Any]) -> Iterator[str]:
    yield from (_id(USER, call.get("userId")), _id(VISITOR, call.get("anonymousId")))
    # Who was renamed, from a visitor or from another user.
    previous = [_id(kind, call.get("previousId")) for kind in (USER, VISITOR)]
    yield from (*previous, ALIAS if call.get("type") == "alias" and any(previous) else "")
    is_group = call.get("type") == "group"
    for traits in _traits_of(call):
        yield _email(traits.get("email"))
        # Of a group call, `id` is the company's.
        yield from (_id(USER, traits.get(key)) for key in ("userId", "user_id", *(() if is_group else ("id",))))
        yield _id(VISITOR, traits.get("anonymousId"))


def _traits_of(call: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every place where traits of the person may stand: also those of a whole call among the traits of a group."""
    for holder in (call, call.get("context")):
        if isinstance(holder, dict) and isinstance(traits := holder.get("traits"), dict):
            yield traits
            for inner in (traits, traits.get("context")):
                if isinstance(inner, dict) and isinstance(deeper := inner.get("traits"), dict):
                    yield deeper


def _id(kind: str, value: object) -> str:
    if isinstance(value, str):
        return name_of(kind, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    text = msgspec.json.encode(value).decode()
    return name_of(kind, id_of_number(text) or text)


def _as_sent(id_: str, value: object) -> str:
    """Return the id of a head; where it is a number in the call, as destinations write that."""
    return id_of_number(id_) or id_ if isinstance(value, float) else id_


def id_of_number(text: str) -> str:
    """Return the id that a number with a point or an exponent is to destinations, such as `101` of `101.0`; empty for others."""
    if (text.isalnum() and "e" not in text.lower()) or not NUMBER.fullmatch(text):
        return ""
    number = float(text)
    return str(int(number)) if number.is_integer() else ""


def _email(value: object) -> str:
    return name_of(EMAIL, value) if isinstance(value, str) else ""


def without_person(envelope: bytes) -> bytes:
    """Return what the calls of a batch share, without the person it says they are about."""
    parts = msgspec.json.decode(envelope)
    context = parts.get("context")
    rest = {key: value for key, value in parts.items() if key not in {"userId", "anonymousId", "context"}}
    if isinstance(context, dict):
        rest["context"] = {key: value for key, value in context.items() if key != "traits"}
    return msgspec.json.encode(rest)


def names_quoted(text: str) -> frozenset[str]:
    """Return every name that words of a path or of a free text may be, whatever they mean."""
    plain = urllib.parse.unquote(text)
    words = {word.strip(".") for words in (plain.split("/"), plain.split(), WORDS_END.split(plain)) for word in words}
    return frozenset(name_of(kind, word) for kind in KINDS for word in words) - {""}


def names_shared(envelope: bytes, placeholders: Sequence[str] = PLACEHOLDER_IDS) -> frozenset[str]:
    """Return all people that a batch names for all its calls, without placeholders. Never raises."""
    empty = Head(message_id=MessageId(""), type="", user_id="", anonymous_id="", company_id="", request_ip="")
    return names_in(Event(**msgspec.structs.asdict(empty), source="", received_at_ms=0, body=envelope), placeholders)
