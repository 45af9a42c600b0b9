"""How events were packed by older schemas of events.db: functions of the statements that bring them forward."""

import msgspec

from penstock.buffer.sqlite.log import packing
from penstock.event import Batch, Event, MessageId


class Event3(msgspec.Struct, array_like=True, gc=False):
    """An event of schema 3: a frame was a list of them."""

    source: str
    message_id: MessageId
    type: str
    user_id: str
    anonymous_id: str
    company_id: str
    received_at_ms: int
    request_ip: str
    body: bytes


_events_of = msgspec.msgpack.Decoder(list[Event3]).decode


def packed_columns(source: str, ends: str, heads: str, bodies: bytes) -> bytes:
    """Return a segment of schema 2 as a frame of schema 3.

    Raises ValueError when its columns do not fit together, and msgspec's errors.
    """
    stops = msgspec.json.decode(ends, type=list[int])
    each = msgspec.json.decode(heads, type=list[tuple[MessageId, str, str, str, str, int, str]])
    cut = [bodies[start:end] for start, end in zip([0, *stops[:-1]], stops, strict=True)]
    events = [Event3(source, *head, body) for head, body in zip(each, cut, strict=True)]
    return packing.compressed(msgspec.msgpack.encode(events))


def repacked(frame: bytes) -> bytes:
    """Return a frame of schema 3 as one of schema 4: each event is a batch of its own. Raises what UNREADABLE lists."""
    events = (Event(**msgspec.structs.asdict(event)) for event in _events_of(packing.plain(frame)))
    return packing.packed([packing.encoded(Batch.of(event)) for event in events])
