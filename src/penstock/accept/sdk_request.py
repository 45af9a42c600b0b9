"""Bytes of an SDK request in, a Batch of events out, or why not. Pure; this is where hostile input meets us first.

The rules are those of RudderStack's gateway (identity, messageId, batches), with our differences: a numeric messageId
is kept as text, one event's request_ip stays its own, corrupt gzip is the sender's fault (400).
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from penstock.clock import Dice
from penstock.errors import SdkError
from penstock.event import Batch, Head, MessageId, items_of, mended

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


class Call(msgspec.Struct, rename="camel", gc=False):
    """What accept reads of an event as SDKs send it; all else passes through unread."""

    user_id: Text | None = None
    anonymous_id: Text | None = None
    message_id: Text | None = None
    type: str | None = None
    group_id: object = None
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    request_ip: str | None = msgspec.field(default=None, name="request_ip")


class OddCall(msgspec.Struct, rename="camel", gc=False):
    """The same, whatever the values are: numbers, objects, endless texts."""

    user_id: object = None
    anonymous_id: object = None
    message_id: object = None
    type: object = None
    group_id: object = None
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    request_ip: object = msgspec.field(default=None, name="request_ip")


class Request(msgspec.Struct):
    """Only `batch` counts; everything beside it is ignored, as RudderStack does, and not kept."""

    batch: msgspec.Raw = msgspec.Raw(b"null")


class Origin(msgspec.Struct, frozen=True):
    """What is known of a request beside its body."""

    source: str
    received_at_ms: int
    ip: str


call_of = msgspec.json.Decoder(Call).decode
calls_of = msgspec.json.Decoder(list[Call] | None).decode
odd_call_of = msgspec.json.Decoder(OddCall).decode
request_of = msgspec.json.Decoder(Request).decode


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


def read_one(body: bytes, *, type_: str, origin: Origin, dice: Dice) -> Batch:
    """Read the one event of /v1/<type>; the path's type wins. Raises SdkError."""
    return _read(lambda text: _one(text, type_=type_, origin=origin, dice=dice), body)


def read_batch(body: bytes, *, origin: Origin, dice: Dice) -> Batch:
    """Read all events of /v1/batch, or none of them. Raises SdkError."""
    return _read(lambda text: _batch(text, origin=origin, dice=dice), body)


def _read(read: Callable[[bytes], Batch], body: bytes) -> Batch:
    try:
        return read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        clean = mended(body)
    try:
        return read(clean)
    except msgspec.ValidationError as error:
        raise NOT_AN_EVENT from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise INVALID_JSON from error


def _one(text: bytes, *, type_: str, origin: Origin, dice: Dice) -> Batch:
    head = _head(_call(text), type_=type_, ip=origin.ip, dice=dice)
    return Batch(source=origin.source, received_at_ms=origin.received_at_ms, heads=[head], text=text)


def _batch(body: bytes, *, origin: Origin, dice: Dice) -> Batch:
    text = bytes(request_of(body).batch)
    if text.startswith(b"{"):
        # A `batch` that is no list; a single event is taken as it is.
        return _one(text, type_="", origin=origin, dice=dice)
    heads = [_head(call, type_="", ip=origin.ip, dice=dice) for call in _calls(text)]
    if not heads:
        raise EMPTY_BATCH
    if len(heads) == 1:
        [text] = map(bytes, items_of(text))
    return Batch(source=origin.source, received_at_ms=origin.received_at_ms, heads=heads, text=text)


def _calls(text: bytes) -> Iterable[Call]:
    """Read what is asked of each event: of all at once, or one by one, for some are odd."""
    try:
        return calls_of(text) or ()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return map(_call, items_of(text))


def _call(text: bytes | msgspec.Raw) -> Call:
    try:
        return call_of(text)
    except msgspec.ValidationError:
        return _plain(odd_call_of(text))


def _head(call: Call, *, type_: str, ip: str, dice: Dice) -> Head:
    user_id, anonymous_id = (call.user_id or "").strip(), (call.anonymous_id or "").strip()
    if not user_id and not anonymous_id:
        raise NO_IDENTITY
    kind = type_ or (call.type or "").strip().lower()
    return Head(
        message_id=MessageId((call.message_id or "").strip() or dice.fresh_id()),
        type=kind,
        user_id=user_id,
        anonymous_id=anonymous_id,
        company_id=_company_id(call) if kind == "group" else "",
        request_ip=call.request_ip or ip,
    )


def _plain(odd: OddCall) -> Call:
    return Call(
        user_id=_id(odd.user_id),
        anonymous_id=_id(odd.anonymous_id),
        message_id=_message_id(odd.message_id),
        type=odd.type if isinstance(odd.type, str) else None,
        group_id=odd.group_id,
        traits=odd.traits,
        request_ip=odd.request_ip if isinstance(odd.request_ip, str) else None,
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


def _company_id(call: Call) -> str:
    """Return the company a group call writes, wherever it names it."""
    if named := _id(call.group_id):
        return named
    traits = msgspec.json.decode(call.traits)
    candidates = [traits.get(key) for key in ("groupId", "company_id", "id")] if isinstance(traits, dict) else []
    return next((found for value in candidates if (found := _id(value))), "")
