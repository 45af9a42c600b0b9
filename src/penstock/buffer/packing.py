"""Several events as one text, compressed together: what SDKs send repeats itself from event to event.

A frame is a zstd frame with its checksum, and in it MessagePack: a list of events, each the list of its fields in their
order in `Event`.
"""

import functools
import threading
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
import zstandard

from penstock.event import Event, MessageId

# Higher levels take longer to save a few bytes more.
LEVEL = 1
# Who asks for one event after the other often asks for neighbours.
FRAMES_KEPT = 16
# MessagePack begins a list of fewer with one byte.
FIXED_LISTS = 16
#: What reading a damaged frame raises: also one that claims to be endless, or has not as many events as its row says.
UNREADABLE = (zstandard.ZstdError, msgspec.DecodeError, MemoryError, ValueError, TypeError)


class Named(msgspec.Struct, array_like=True, gc=False):
    """As much of a packed event as tells which one it is."""

    source: str
    message_id: str


class _Contexts(threading.local):
    """zstd's working memory: made once for each thread, for making it takes longer than a frame does."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()
        self.buffer = bytearray()


Found = TypeVar("Found")
_contexts = _Contexts()
_encode_into = msgspec.msgpack.Encoder().encode_into
_events_of = msgspec.msgpack.Decoder(list[Event]).decode
_event_of = msgspec.msgpack.Decoder(Event).decode
_named_of = msgspec.msgpack.Decoder(list[Named]).decode
_raws_of = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def encoded(events: Sequence[Event]) -> bytes:
    """Return events as MessagePack, one behind the other: what `packed` makes frames of, from several if need be."""
    # Memory that is there already: to find some for each list took longer than to write what goes into it.
    _encode_into(events, _contexts.buffer)
    return bytes(memoryview(_contexts.buffer)[1 if len(events) < FIXED_LISTS else 3 :])


def decoded(encoding: bytes, *, count: int) -> list[Event]:
    """Return the events of an encoding."""
    return _events_of(_head_of_list(count) + encoding)


def packed(encodings: Iterable[bytes], *, count: int) -> bytes:
    """Return the events of some encodings, `count` in all, as a frame."""
    return _contexts.compressor.compress(_head_of_list(count) + b"".join(encodings))


def unpacked(frame: bytes, *, count: int) -> list[Event]:
    """Return the `count` events of a frame. Raises what UNREADABLE lists."""
    return _all(_events_of(_contexts.decompressor.decompress(frame)), count)


def unpacked_one(frame: bytes, index: int, *, count: int) -> Event:
    """Return one event of a frame, without making the others. Raises what UNREADABLE lists."""
    if count == 1:
        # Alone, an event may be large: it is not kept for its neighbours.
        return unpacked(frame, count=1)[index]
    return _event_of(_all(_raws_of_frame(frame), count)[index])


def unpacked_names(frame: bytes, *, count: int) -> list[Named]:
    """Return which events are in a frame. Raises what UNREADABLE lists."""
    return _all(_named_of(_contexts.decompressor.decompress(frame)), count)


def _all(found: list[Found], count: int) -> list[Found]:
    # A number beside the frame has no checksum; a wrong one must not give somebody the event of somebody else.
    if len(found) != count:
        raise ValueError(f"{count} events are said to be there, {len(found)} are")
    return found


@functools.lru_cache(maxsize=FRAMES_KEPT)
def _raws_of_frame(frame: bytes) -> list[msgspec.Raw]:
    return _raws_of(_contexts.decompressor.decompress(frame))


def _head_of_list(count: int) -> bytes:
    """Return how MessagePack begins a list; of at most 65 535."""
    return bytes([0x90 | count]) if count < FIXED_LISTS else b"\xdc" + count.to_bytes(2)


def packed_columns(source: str, ends: str, heads: str, bodies: bytes) -> bytes:
    """Return a segment of schema 2 of events.db as a frame: a function of the statement that brings it forward.

    Raises ValueError when its columns do not fit together, and msgspec's errors.
    """
    stops = msgspec.json.decode(ends, type=list[int])
    each = msgspec.json.decode(heads, type=list[tuple[str, str, str, str, str, int, str]])
    events = [
        Event(
            source=source,
            message_id=MessageId(message_id),
            type=type_,
            user_id=user_id,
            anonymous_id=anonymous_id,
            company_id=company_id,
            received_at_ms=received_at_ms,
            request_ip=request_ip,
            body=bodies[start:end],
        )
        for (message_id, type_, user_id, anonymous_id, company_id, received_at_ms, request_ip), start, end in zip(
            each, [0, *stops[:-1]], stops, strict=True
        )
    ]
    return packed([encoded(events)], count=len(events))
