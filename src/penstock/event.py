"""The value that travels: one SDK call, stored exactly as it was accepted."""

import datetime as dt
import re
from typing import NewType

import msgspec

from penstock.timestamps import from_ms, parsed, to_text

MessageId = NewType("MessageId", str)

#: Types of events that say how things are, not what happened: those that follow one another may become one call.
UPSERTS = frozenset({"identify", "group"})

# Half of a surrogate pair, escaped; `\\\\ud800` is a backslash and letters, not an escape.
LONE_SURROGATE = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u(?:[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F][0-9a-fA-F]{2})"
)

#: The order an event belongs to, as a text such as "user:42", "anon:f3…" or "company:acme".
Lane = NewType("Lane", str)


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """One SDK call. `body` is what came; the other fields stand beside it and never change it.

    The order of the fields is how events are stored: a new one comes last, with a default.
    """

    #: Name of the source whose write key the request carried.
    source: str
    #: Chosen by the SDK, else by us; within one source the same id is stored once, however often it is sent.
    message_id: MessageId
    #: identify, track, group, page, screen, alias or whatever the sender wrote; the path's type wins over the body's.
    type: str
    #: `userId` as text, trimmed; empty when the event names none.
    user_id: str
    #: `anonymousId` as text, trimmed; empty when the event names none.
    anonymous_id: str
    #: The company a group call writes, as text; empty for every other call.
    company_id: str
    #: When the request came, in milliseconds since 1970, UTC.
    received_at_ms: int
    #: The sender's address, or the `request_ip` that the event brought itself.
    request_ip: str
    #: The call's JSON, byte for byte as it came, so that a corrected mapping can be applied later.
    body: bytes


def enriched(event: Event) -> dict[str, object]:
    """Return the call as a mapping reads it: the body, with what accept knew and corrected times. Never raises.

    The times follow RudderStack's processor: a `timestamp` that is a date is kept as it is; otherwise it becomes
    received - (sentAt - originalTimestamp), which takes a wrong clock of the sender out.
    """
    body = _decoded(event.body)
    call: dict[str, object] = body if isinstance(body, dict) else {}
    received = from_ms(event.received_at_ms)
    original = parsed(call.get("originalTimestamp")) or received
    sent = parsed(call.get("sentAt")) or received
    return call | {
        "type": event.type,
        "messageId": event.message_id,
        "request_ip": event.request_ip,
        "receivedAt": to_text(received),
        "originalTimestamp": to_text(original),
        "sentAt": to_text(sent),
        "timestamp": to_text(parsed(call.get("timestamp")) or _corrected(received, sent=sent, original=original)),
    }


def mended(body: bytes) -> bytes:
    """Replace what is not valid Unicode. SDKs cut texts in the middle of a character; the event is still an event."""
    text = body.decode("utf-8", errors="replace")
    return LONE_SURROGATE.sub(lambda match: f"{match[1]}\\ufffd", text).encode()


def _decoded(body: bytes) -> object:
    for read in (bytes, mended):
        try:
            return msgspec.json.decode(read(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


def _corrected(received: dt.datetime, *, sent: dt.datetime, original: dt.datetime) -> dt.datetime:
    try:
        return received - (sent - original)
    except OverflowError:
        return received
