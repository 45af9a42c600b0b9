"""Bytes of an SDK request in, Events out, or why not. Pure; this is where hostile input meets us first.

The rules are those of RudderStack's gateway (identity, messageId, batches), with our differences: a numeric messageId
is kept as text, one event's request_ip stays its own, corrupt gzip is the sender's fault (400).
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from penstock.clock import Dice
from penstock.errors import SdkError
from penstock.event import Event, MessageId, mended

INVALID_JSON = SdkError(400, "invalid json")
NOT_AN_EVENT = SdkError(400, "event is not a valid rudder event")
EMPTY_BATCH = SdkError(400, "empty batch payload")
NO_IDENTITY = SdkError(400, "request neither has anonymousId nor userId")
TOO_LARGE = SdkError(413, "request size exceeds max limit")
CORRUPT_GZIP = SdkError(400, "failed to uncompress request body")

GZIP = 16 + zlib.MAX_WBITS
# An id is a key of lanes and indexes; SDKs send UUIDs and e-mail addresses.
ID_CHARS_MAX = 512


Text = Annotated[str, msgspec.Meta(max_length=ID_CHARS_MAX)]


class Head(msgspec.Struct, rename="camel", gc=False):
    """What accept reads of an event as SDKs send it; all else passes through unread."""

    user_id: Text | None = None
    anonymous_id: Text | None = None
    message_id: Text | None = None
    type: str | None = None
    group_id: object = None
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    request_ip: str | None = msgspec.field(default=None, name="request_ip")


class OddHead(msgspec.Struct, rename="camel", gc=False):
    """The same, whatever the values are: numbers, objects, endless texts."""

    user_id: object = None
    anonymous_id: object = None
    message_id: object = None
    type: object = None
    group_id: object = None
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    request_ip: object = msgspec.field(default=None, name="request_ip")


class Batch(msgspec.Struct):
    """Only `batch` counts; everything beside it is ignored, as RudderStack does."""

    batch: list[msgspec.Raw] | None = None


class BatchOfHeads(msgspec.Struct):
    """All events of a batch as SDKs send them, read at once."""

    batch: list[Head]


class BatchOfOne(msgspec.Struct):
    """A `batch` that is no list; a single event is taken as it is."""

    batch: msgspec.Raw


class Origin(msgspec.Struct, frozen=True):
    """What is known of a request beside its body."""

    source: str
    received_at_ms: int
    ip: str


head_of = msgspec.json.Decoder(Head).decode
odd_head_of = msgspec.json.Decoder(OddHead).decode
heads_of = msgspec.json.Decoder(BatchOfHeads).decode
batch_of = msgspec.json.Decoder(Batch).decode
batch_of_one = msgspec.json.Decoder(BatchOfOne).decode


def inflated(body: bytes, *, bytes_max: int) -> bytes:
    """Unpack gzip, never to more than `bytes_max`. Raises SdkError."""
    inflater = zlib.decompressobj(GZIP)
    try:
        plain = inflater.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise CORRUPT_GZIP from error
    if len(plain) > bytes_max:
        raise TOO_LARGE
    if not inflater.eof:
        raise CORRUPT_GZIP
    return plain


def read_one(body: bytes, *, type_: str, origin: Origin, dice: Dice) -> list[Event]:
    """Read the one event of /v1/<type>; the path's type wins. Raises SdkError."""
    try:
        return [_event(_head(body), body, type_=type_, origin=origin, dice=dice)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        clean = mended(body)
    try:
        return [_event(_head(clean), clean, type_=type_, origin=origin, dice=dice)]
    except msgspec.ValidationError as error:
        raise NOT_AN_EVENT from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise INVALID_JSON from error


def read_batch(body: bytes, *, origin: Origin, dice: Dice) -> list[Event]:
    """Read all events of /v1/batch, or none of them. Raises SdkError."""
    try:
        return _batch(body, origin=origin, dice=dice)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        clean = mended(body)
    try:
        return _batch(clean, origin=origin, dice=dice)
    except msgspec.ValidationError as error:
        raise NOT_AN_EVENT from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise INVALID_JSON from error


def _batch(body: bytes, *, origin: Origin, dice: Dice) -> list[Event]:
    items = _items(body)
    if not items:
        raise EMPTY_BATCH
    bodies = map(bytes, items)
    return [
        _event(head, raw, type_="", origin=origin, dice=dice)
        for head, raw in zip(_heads(body, items), bodies, strict=True)
    ]


def _heads(body: bytes, items: Sequence[msgspec.Raw]) -> Iterable[Head]:
    """Read what is asked of each event: of all at once, or one by one, for some are odd."""
    try:
        return heads_of(body).batch
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return map(_head, items)


def _items(body: bytes) -> list[msgspec.Raw] | None:
    try:
        return batch_of(body).batch
    except msgspec.ValidationError:
        item = batch_of_one(body).batch
        if bytes(item).startswith(b"{"):
            return [item]
        raise


def _head(raw: bytes | msgspec.Raw) -> Head:
    try:
        return head_of(raw)
    except msgspec.ValidationError:
        return _plain(odd_head_of(raw))


def _event(head: Head, raw: bytes, *, type_: str, origin: Origin, dice: Dice) -> Event:
    user_id, anonymous_id = (head.user_id or "").strip(), (head.anonymous_id or "").strip()
    if not user_id and not anonymous_id:
        raise NO_IDENTITY
    kind = type_ or (head.type or "").strip().lower()
    return Event(
        source=origin.source,
        message_id=MessageId((head.message_id or "").strip() or dice.fresh_id()),
        type=kind,
        user_id=user_id,
        anonymous_id=anonymous_id,
        company_id=_company_id(head) if kind == "group" else "",
        received_at_ms=origin.received_at_ms,
        request_ip=head.request_ip or origin.ip,
        body=raw,
    )


def _plain(head: OddHead) -> Head:
    return Head(
        user_id=_id(head.user_id),
        anonymous_id=_id(head.anonymous_id),
        message_id=_message_id(head.message_id),
        type=head.type if isinstance(head.type, str) else None,
        group_id=head.group_id,
        traits=head.traits,
        request_ip=head.request_ip if isinstance(head.request_ip, str) else None,
    )


def _id(value: object) -> str:
    """Return an id as text, as RudderStack's identity rule has it: numbers and objects count, `0` too."""
    if isinstance(value, str):
        return value.strip()[:ID_CHARS_MAX]
    if value is None:
        return ""
    return msgspec.json.encode(value).decode()[:ID_CHARS_MAX]


def _message_id(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return _id(value)


def _company_id(head: Head) -> str:
    """Return the company a group call writes, wherever it names it."""
    if named := _id(head.group_id):
        return named
    traits = msgspec.json.decode(head.traits)
    candidates = [traits.get(key) for key in ("groupId", "company_id", "id")] if isinstance(traits, dict) else []
    return next((found for value in candidates if (found := _id(value))), "")
