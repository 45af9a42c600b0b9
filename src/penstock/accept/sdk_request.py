"""Bytes of an SDK request in, a Batch of events out, or why not. Pure; this is where hostile input meets us first.

The rules are those of RudderStack's gateway (identity, messageId, batches), with our differences: a numeric messageId
is kept as text, one event's request_ip stays its own, corrupt gzip is the sender's fault (400), and one unusable event of
a batch does not cost the others; see one_by_one.py.
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from penstock.accept import lenient
from penstock.accept.slices import PLAIN_BYTES_MAX, PLAIN_EVENTS_MAX, TOO_LARGE, Slices, lists_of
from penstock.clock import Dice
from penstock.envelope import ENVELOPE_BYTES_MAX, NOTHING, Envelope
from penstock.errors import SdkError
from penstock.event import Batch, Head, MessageId, items_of, mending

INVALID_JSON = SdkError(400, "invalid json")
NOT_AN_EVENT = SdkError(400, "event is not a valid rudder event")
EMPTY_BATCH = SdkError(400, "empty batch payload")
NO_IDENTITY = SdkError(400, "request neither has anonymousId nor userId")
# An id is a key of lanes and indexes; SDKs send UUIDs and e-mail addresses.
ID_CHARS_MAX = 512
# An id that is an object or a list counts as its text; one larger than this is none.
ODD_ID_BYTES_MAX = 4_096
# What cannot be read as it should be: not JSON, not what it should be, not Unicode, nested too deep.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


Text = Annotated[str, msgspec.Meta(max_length=ID_CHARS_MAX)]


class SdkCall(msgspec.Struct, rename="camel", gc=False):
    """What accept reads of an event as SDKs send it; all else passes through unread."""

    user_id: Text | None = None
    anonymous_id: Text | None = None
    message_id: Text | None = None
    type: str | None = None
    group_id: msgspec.Raw = msgspec.Raw(b"null")
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    request_ip: str | None = msgspec.field(default=None, name="request_ip")


class OddCall(msgspec.Struct, rename="camel", gc=False):
    """The same, whatever the values are: numbers, objects, endless texts. They stay unread until it is known how large."""

    user_id: msgspec.Raw = msgspec.Raw(b"null")
    anonymous_id: msgspec.Raw = msgspec.Raw(b"null")
    message_id: msgspec.Raw = msgspec.Raw(b"null")
    type: msgspec.Raw = msgspec.Raw(b"null")
    group_id: msgspec.Raw = msgspec.Raw(b"null")
    traits: msgspec.Raw = msgspec.Raw(b"{}")
    request_ip: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="request_ip")


class GroupTraits(msgspec.Struct):
    """Where else a group call may name its company."""

    group_id: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="groupId")
    company_id: msgspec.Raw = msgspec.Raw(b"null")
    id: msgspec.Raw = msgspec.Raw(b"null")


class Request(Envelope):
    """A batch, and what holds for all its calls; everything else beside it is ignored, and not kept."""

    batch: msgspec.Raw = NOTHING


class Shared(msgspec.Struct, frozen=True):
    """What the calls of a request share: the ids of who is meant, for those that have none, and the whole envelope, as JSON."""

    user_id: str = ""
    anonymous_id: str = ""
    envelope: bytes = b""


class Arrival(msgspec.Struct, frozen=True):
    """What is known of a request beside its body."""

    source: str
    received_at_ms: int
    ip: str


call_of = msgspec.json.Decoder(SdkCall).decode
calls_of = msgspec.json.Decoder(list[SdkCall] | None).decode
odd_call_of = msgspec.json.Decoder(OddCall).decode
odd_calls_of = msgspec.json.Decoder(list[OddCall]).decode
request_of = msgspec.json.Decoder(Request).decode
group_traits_of = msgspec.json.Decoder(GroupTraits).decode
_raw_of = msgspec.json.Decoder(msgspec.Raw).decode
_LIST = re.compile(rb'"batch"[ \t\n\r]*:[ \t\n\r]*\[')
_encoded = msgspec.json.Encoder().encode
NOTHING_SHARED = Shared()


class TooManyEvents(SdkError):
    """A request with more events than one may have; `count` were read until then."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(TOO_LARGE.status, TOO_LARGE.text)


def plain_one(body: bytes, *, type_: str, origin: Arrival, dice: Dice) -> Batch | None:
    """Read the one event of /v1/<type>, as SDKs send it, in one go; None when `one_in_slices` must. Raises SdkError."""
    if len(body) > PLAIN_BYTES_MAX:
        return None
    try:
        return _batch_of_one(call_of(body), body, type_=type_, origin=origin, dice=dice)
    except UNREADABLE:
        return None


def plain_batch(body: bytes, *, origin: Arrival, dice: Dice) -> Batch | None:
    """Read the events of /v1/batch, as SDKs send them, in one go; None when `batch_in_slices` must. Raises SdkError."""
    if len(body) > PLAIN_BYTES_MAX:
        return None
    try:
        request = request_of(body)
        text, shared = bytes(request.batch), shared_of(request)
        calls = calls_of(text) or ()
        if len(calls) > PLAIN_EVENTS_MAX:
            return None
        heads = [head_of(call, type_="", ip=origin.ip, dice=dice, shared=shared) for call in calls]
    except (*UNREADABLE, SdkError):
        # An unusable event is no reason to refuse the others.
        return None
    return _batch_of(heads, text, origin=origin, shared=shared)


def one_in_slices(body: bytes, *, type_: str, origin: Arrival, dice: Dice) -> Slices[Batch]:
    """Read the one event of /v1/<type>, whatever it is like; the path's type wins. Raises SdkError."""

    def read(text: bytes) -> Slices[Batch]:
        yield
        return _batch_of_one(call_in(text), text, type_=type_, origin=origin, dice=dice)

    return (yield from _reading(read, lenient.without_mark(body)))


def batch_in_slices(body: bytes, *, origin: Arrival, dice: Dice, events_max: int) -> Slices[Batch]:
    """Read all events of /v1/batch, or none of them, whatever they are like. Raises SdkError."""

    def read(body: bytes) -> Slices[Batch]:
        yield
        yield from _counted(body, events_max)
        request = request_of(body)
        text, shared = bytes(request.batch), shared_of(request)
        if text.startswith(b"{"):
            # A `batch` that is no list; a single event is taken as it is.
            return _batch_of_one(call_in(text), text, type_="", origin=origin, dice=dice, shared=shared)
        heads: list[Head] = []
        for some in lists_of(text) if text.startswith(b"[") else [text]:
            if some is not None:
                heads += [head_of(call, type_="", ip=origin.ip, dice=dice, shared=shared) for call in _calls(some)]
            if len(heads) > events_max:
                raise TooManyEvents(len(heads))
            yield
        return _batch_of(heads, text, origin=origin, shared=shared)

    return (yield from _reading(read, lenient.without_mark(body)))


def _counted(body: bytes, events_max: int) -> Slices[None]:
    """Look for too many events in what is too large to be looked through in one go. Raises TooManyEvents."""
    if len(body) <= PLAIN_BYTES_MAX or body.count(b"}") <= events_max:
        return
    list_ = _LIST.search(body, 0, ENVELOPE_BYTES_MAX)
    # Otherwise it may be a list somewhere else, or no event's.
    if list_ is None or not _is_json(body[: list_.end()] + b"]}"):
        return
    count = 0
    for some in lists_of(body[list_.end() - 1 :]):
        if some is not None:
            count += len(items_of(some)) if _is_json(some) else 0
        if count > events_max:
            raise TooManyEvents(count)
        yield


def _is_json(text: bytes) -> bool:
    try:
        _raw_of(text)
    except UNREADABLE:
        return False
    return True


def _reading(read: Callable[[bytes], Slices[Batch]], body: bytes) -> Slices[Batch]:
    """Read a body; what cannot be read once more, with what is not Unicode replaced."""
    try:
        return (yield from read(body))
    except UNREADABLE as error:
        trouble = error
    clean = yield from mending(body)
    for text in (clean, (yield from lenient.readable(clean))):
        if text != body:
            try:
                return (yield from read(text))
            except UNREADABLE as error:
                trouble = error
    raise (NOT_AN_EVENT if isinstance(trouble, msgspec.ValidationError) else INVALID_JSON).again() from trouble


def shared_of(request: Request) -> Shared:
    """Return what the calls of a request share. Raises SdkError when it is larger than an event may be."""
    request.batch = NOTHING
    envelope = _encoded(request)
    if envelope == b"{}":
        return NOTHING_SHARED
    if len(envelope) > ENVELOPE_BYTES_MAX:
        raise TOO_LARGE.again()
    return Shared(_id(request.user_id), _id(request.anonymous_id), envelope)


def _batch_of_one(
    call: SdkCall, text: bytes, *, type_: str, origin: Arrival, dice: Dice, shared: Shared = NOTHING_SHARED
) -> Batch:
    heads, came = [head_of(call, type_=type_, ip=origin.ip, dice=dice, shared=shared)], origin.received_at_ms
    return Batch(source=origin.source, received_at_ms=came, heads=heads, text=text, envelope=shared.envelope)


def _batch_of(heads: list[Head], text: bytes, *, origin: Arrival, shared: Shared) -> Batch:
    if not heads:
        raise EMPTY_BATCH.again()
    if len(heads) == 1:
        text = text[1:-1].strip(b" \t\n\r")
    came = origin.received_at_ms
    return Batch(source=origin.source, received_at_ms=came, heads=heads, text=text, envelope=shared.envelope)


def _calls(text: bytes) -> Iterable[SdkCall]:
    """Read what is asked of each event, as it should be, or as it is, for some are odd."""
    try:
        return calls_of(text) or ()
    except msgspec.ValidationError:
        return map(_plain, odd_calls_of(text))


def call_in(text: bytes) -> SdkCall:
    """Read what is asked of one event, whatever its values are. Raises msgspec's errors when it is no JSON object."""
    try:
        return call_of(text)
    except msgspec.ValidationError:
        return _plain(odd_call_of(text))


def head_of(call: SdkCall, *, type_: str, ip: str, dice: Dice, shared: Shared) -> Head:
    """Return what names and orders an event. Raises SdkError when neither it nor its batch names anybody."""
    user_id = (call.user_id or "").strip() or shared.user_id
    anonymous_id = (call.anonymous_id or "").strip() or shared.anonymous_id
    if not user_id and not anonymous_id:
        raise NO_IDENTITY.again()
    kind = type_ or (call.type or "").strip().lower()
    return Head(
        message_id=MessageId((call.message_id or "").strip() or dice.fresh_id()),
        type=kind,
        user_id=user_id,
        anonymous_id=anonymous_id,
        company_id=company_of(call) if kind == "group" else "",
        request_ip=call.request_ip or ip,
    )


def _plain(odd: OddCall) -> SdkCall:
    type_, request_ip = _value(odd.type), _value(odd.request_ip)
    return SdkCall(
        user_id=_id(odd.user_id),
        anonymous_id=_id(odd.anonymous_id),
        message_id=_message_id(odd.message_id),
        type=type_ if isinstance(type_, str) else None,
        group_id=odd.group_id,
        traits=odd.traits,
        request_ip=request_ip if isinstance(request_ip, str) else None,
    )


def _value(raw: msgspec.Raw) -> object:
    """Return a text, a number or a small object; None for what is too large to be one of an id's size."""
    text = bytes(raw)
    return msgspec.json.decode(text) if len(text) <= ODD_ID_BYTES_MAX or text.startswith(b'"') else None


def _id(raw: msgspec.Raw) -> str:
    """Return an id as text, as RudderStack's identity rule has it: numbers and objects count, `0` too."""
    value = _value(raw)
    if isinstance(value, str):
        return value.strip()[:ID_CHARS_MAX]
    if value is None:
        return ""
    return msgspec.json.encode(value).decode()[:ID_CHARS_MAX]


def _message_id(raw: msgspec.Raw) -> str:
    value = _value(raw)
    return _id(raw) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def company_of(call: SdkCall) -> str:
    """Return the company a group call writes, wherever it names it."""
    if named := _id(call.group_id):
        return named
    if not bytes(call.traits).startswith(b"{"):
        return ""
    traits = group_traits_of(call.traits)
    return next((found for raw in (traits.group_id, traits.company_id, traits.id) if (found := _id(raw))), "")
