"""Several batches of events as one text, compressed together: what SDKs send repeats itself from event to event.

A frame is a zstd frame with its checksum, and in it MessagePack: a list of batches, each the list of its fields in their
order in `Batch`.
"""

import functools
import threading
from collections.abc import Sequence

import msgspec
import zstandard

from penstock.event import Batch, Event, Head, StoredBatch

# Higher levels take longer to save a few bytes more.
LEVEL = 1
# Who asks for one event after the other often asks for neighbours.
FRAMES_KEPT = 16
# MessagePack begins a list of fewer with one byte.
FIXED_LISTS = 16
#: What reading a damaged frame raises: also one that claims to be endless, or has not as many events as its row says.
UNREADABLE = (zstandard.ZstdError, msgspec.DecodeError, MemoryError, ValueError, TypeError)


class _Id(msgspec.Struct, array_like=True, gc=False):
    """As much of a head as tells which event it is of."""

    message_id: str


class _Named(msgspec.Struct, array_like=True, gc=False):
    """As much of a batch as tells which events are in it."""

    source: str
    received_at_ms: int
    heads: list[_Id]


class _Contexts(threading.local):
    """zstd's working memory: made once for each thread, for making it takes longer than a frame does."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()
        self.buffer = bytearray()


_contexts = _Contexts()
_encode_into = msgspec.msgpack.Encoder().encode_into
_batch_of = msgspec.msgpack.Decoder(StoredBatch).decode
_batches_of = msgspec.msgpack.Decoder(list[StoredBatch]).decode
_named_of = msgspec.msgpack.Decoder(list[_Named]).decode


def encoded(batch: Batch) -> bytes:
    """Return a batch as MessagePack: what `packed` makes frames of, from several if need be."""
    # Memory that is there already: to find some for each batch took longer than to write what goes into it.
    _encode_into(batch, _contexts.buffer)
    return bytes(_contexts.buffer)


def decoded(encoding: bytes) -> Batch:
    """Return the batch of an encoding."""
    return _batch_of(encoding)


def packed(encodings: Sequence[bytes]) -> bytes:
    """Return the batches of some encodings as a frame."""
    return compressed(_text(encodings))


def packed_each(frames: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return several frames, each with the batches of some encodings."""
    if len(frames) == 1:
        return [packed(frames[0])]
    # zstd works without Python's lock. To ask for it again after each frame would mean to wait, each time, until the event
    # loop has read another request.
    compressed_each = _contexts.compressor.multi_compress_to_buffer(list(map(_text, frames)))
    return [compressed_each[i].tobytes() for i in range(len(compressed_each))]


def unpacked(frame: bytes, *, count: int) -> list[Event]:
    """Return the `count` events of a frame. Raises what UNREADABLE lists."""
    return [batch.event(head, body) for batch, head, body in _opened(frame, count)]


def unpacked_one(frame: bytes, index: int, *, count: int) -> Event:
    """Return one event of a frame, without making the others. Raises what UNREADABLE lists."""
    # Alone, an event may be large: it is not kept for its neighbours.
    batch, head, body = (_opened if count == 1 else _opened_lately)(frame, count)[index]
    return batch.event(head, body)


def unpacked_names(frame: bytes, *, count: int, holding: bytes = b"") -> list[tuple[str, str]]:
    """Return the source and the message id of each event in a frame, or none if it does not hold some bytes.

    Raises what UNREADABLE lists.
    """
    data = plain(frame)
    if holding not in data:
        return []
    named = _named_of(data)
    names = [(batch.source, head.message_id) for batch in named for head in batch.heads]
    _require(count, len(names))
    return names


def compressed(data: bytes) -> bytes:
    """Return what `plain` makes the data of again."""
    return _contexts.compressor.compress(data)


def plain(frame: bytes) -> bytes:
    """Return the data of a frame. Raises zstandard.ZstdError."""
    return _contexts.decompressor.decompress(frame)


Opened = tuple[Batch, Head, bytes | msgspec.Raw]


def _opened(frame: bytes, count: int) -> list[Opened]:
    """Return what each event of a frame is made of."""
    batches = _batches_of(plain(frame))
    opened: list[Opened] = [
        (batch, head, body) for batch in batches for head, body in zip(batch.heads, batch.bodies(), strict=True)
    ]
    _require(count, len(opened))
    return opened


_opened_lately = functools.lru_cache(maxsize=FRAMES_KEPT)(_opened)


def _require(count: int, found: int) -> None:
    # A number beside the frame has no checksum; a wrong one must not give out one event for another.
    if found != count:
        raise ValueError(f"{count} events are said to be there, {found} are")


def _text(encodings: Sequence[bytes]) -> bytes:
    return _head_of_list(len(encodings)) + b"".join(encodings)


def _head_of_list(count: int) -> bytes:
    """Return how MessagePack begins a list; of at most 65 535."""
    return bytes([0x90 | count]) if count < FIXED_LISTS else b"\xdc" + count.to_bytes(2)
