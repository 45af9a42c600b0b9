"""Reads a batch of which not every event can be used: the others are taken, and so is that one, to end as rejected. Pure.

RudderStack's gateway refuses the whole request, and SDKs throw it away: one bad event costs the other 99. Here it is stored
like them, of no person, and `convert.usable` says of it why it cannot be used. See decision 0023.
"""

import msgspec

from penstock.accept import lenient, sdk_request
from penstock.accept.lenient import Cut
from penstock.accept.sdk_request import (
    EMPTY_BATCH,
    NO_IDENTITY,
    NOT_AN_EVENT,
    UNREADABLE,
    Arrival,
    Request,
    SdkCall,
    Shared,
    TooManyEvents,
    head_of,
    plain_batch,
    plain_one,
    shared_of,
)
from penstock.accept.slices import Slices
from penstock.clock import Dice
from penstock.errors import SdkError
from penstock.event import Batch, Head, MessageId, in_one_go, mending

# Events of so many a pause is made in between.
ITEMS_OF_A_SLICE = 100
_is_json = msgspec.json.Decoder(msgspec.Raw).decode


def batch_in_slices(
    body: bytes, *, origin: Arrival, dice: Dice, events_max: int, all_or_nothing: bool = False
) -> Slices[Batch]:
    """Read all events of /v1/batch, whatever they are like. Raises SdkError when not one of them can be used.

    With `all_or_nothing`, it raises as soon as one of them cannot be used.
    """
    try:
        return (yield from sdk_request.batch_in_slices(body, origin=origin, dice=dice, events_max=events_max))
    except TooManyEvents:
        raise
    except SdkError as error:
        if all_or_nothing or error.status != NOT_AN_EVENT.status or error.text == EMPTY_BATCH.text:
            raise
        refused = error
    clean = yield from mending(lenient.without_mark(body))
    try:
        rest, items = yield from lenient.cut(clean, items_max=events_max)
        if len(items) > events_max:
            raise TooManyEvents(len(items))
        request = yield from _request_of(rest)
    except (Cut, *UNREADABLE) as error:
        raise refused from error
    return (yield from _each(items, shared_of(request), refused, origin=origin, dice=dice))


def read_one(body: bytes, *, type_: str, origin: Arrival, dice: Dice) -> Batch:
    """Read the one event of /v1/<type>, without a pause. Raises SdkError."""
    batch = plain_one(body, type_=type_, origin=origin, dice=dice)
    return batch or in_one_go(sdk_request.one_in_slices(body, type_=type_, origin=origin, dice=dice))


def read_batch(
    body: bytes, *, origin: Arrival, dice: Dice, events_max: int = 10_000, all_or_nothing: bool = False
) -> Batch:
    """Read all events of /v1/batch, without a pause. Raises SdkError."""
    batch = plain_batch(body, origin=origin, dice=dice)
    return batch or in_one_go(
        batch_in_slices(body, origin=origin, dice=dice, events_max=events_max, all_or_nothing=all_or_nothing)
    )


def _request_of(rest: bytes) -> Slices[Request]:
    try:
        return sdk_request.request_of(rest)
    except msgspec.DecodeError:
        return sdk_request.request_of((yield from lenient.readable(rest)))


def _each(items: list[bytes], shared: Shared, refused: SdkError, *, origin: Arrival, dice: Dice) -> Slices[Batch]:
    heads, bodies = list[Head](), list[bytes]()
    for number, item in enumerate(items, 1):
        call, text = yield from _read(item)
        heads.append(_head_of(call, shared, origin=origin, dice=dice))
        bodies.append(text)
        if not number % ITEMS_OF_A_SLICE:
            yield
    if not any(head.user_id or head.anonymous_id for head in heads):
        raise refused
    text = bodies[0] if len(bodies) == 1 else b"[%b]" % b",".join(bodies)
    came = origin.received_at_ms
    return Batch(source=origin.source, received_at_ms=came, heads=heads, text=text, envelope=shared.envelope)


def _read(item: bytes) -> Slices[tuple[SdkCall | None, bytes]]:
    """Return what is asked of an item, and the item as JSON: as it came, mended, or as the text of what cannot be read."""
    for text in (item, (yield from lenient.readable(item))):
        try:
            return _call_in(text), text
        except UNREADABLE:
            continue
    return None, msgspec.json.encode(item.decode(errors="replace"))


def _call_in(text: bytes) -> SdkCall | None:
    """Return what is asked of an event; None of other JSON. Raises what UNREADABLE lists."""
    try:
        return sdk_request.call_in(text)
    except msgspec.ValidationError:
        # No object; whether it is JSON has not been looked at yet.
        _is_json(text)
        return None


def _head_of(call: SdkCall | None, shared: Shared, *, origin: Arrival, dice: Dice) -> Head:
    if call is None:
        return _nobody(SdkCall(), origin, dice)
    try:
        return head_of(call, type_="", ip=origin.ip, dice=dice, shared=shared)
    except SdkError as error:
        if error.text != NO_IDENTITY.text:
            raise
        return _nobody(call, origin, dice)


def _nobody(call: SdkCall, origin: Arrival, dice: Dice) -> Head:
    """Return the head of an event that cannot be used: it is in no lane, and no event waits for it."""
    return Head(
        message_id=MessageId((call.message_id or "").strip() or dice.fresh_id()),
        type=(call.type or "").strip().lower(),
        user_id="",
        anonymous_id="",
        company_id="",
        request_ip=call.request_ip or origin.ip,
    )
