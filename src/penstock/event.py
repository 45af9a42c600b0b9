"""The value that travels: one SDK call, stored exactly as it was accepted."""

import dataclasses
from typing import NewType

MessageId = NewType("MessageId", str)

#: The order an event belongs to, as a text such as "user:42", "anon:f3…" or "company:acme".
Lane = NewType("Lane", str)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One SDK call. `body` is what came; the other fields stand beside it and never change it."""

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
