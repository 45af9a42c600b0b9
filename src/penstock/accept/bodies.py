"""Reads the bodies of requests and unpacks them: within bounds of size, of time, and of what all of them take together."""

from collections.abc import Awaitable
from typing import Any, Protocol

from penstock.accept.codings import codings_of, unpacking
from penstock.accept.room import GONE, NO_ROOM, Room
from penstock.accept.slices import TOO_LARGE
from penstock.accept.turns import SourceTurns

# A client that is still sending cannot read why it is refused; so much more is read and forgotten before we hang up.
DISCARDED_BYTES_MAX = 64 * 1024 * 1024
# A body so small is read at once; of a larger one it is seen how it comes.
WHOLE_BYTES_MAX = 98_304
# What a browser sends with its key in the body is one event of 32 kB, or a batch of 500 kB: Segment's own limits.
STRANGER_BYTES_MAX = 524_288
# All bodies of such senders together may take this part of the room.
STRANGERS_SHARE = 4


class Protocol_(Protocol):  # noqa: N801 - RSGI's own word
    """The part of granian's RSGI HTTP protocol that is used; see its documentation."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""

    def __aiter__(self) -> Any:
        """Yield the body in chunks."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Answer without a body."""


class Bodies:
    """Reads the bodies of one process's requests. As long as one is held, its length is taken from its room."""

    def __init__(self, *, body_bytes_max: int, bodies_bytes_max: int, turns: SourceTurns) -> None:
        self.body_bytes_max, self.turns = body_bytes_max, turns
        strangers_bytes_max = bodies_bytes_max // STRANGERS_SHARE
        #: Whose key is known before the body is read must not suffer from those whose key is in it.
        self.known = Room(bytes_max=bodies_bytes_max - strangers_bytes_max)
        self.strangers = Room(bytes_max=strangers_bytes_max)

    def read(self, scope: Any, protocol: Protocol_, room: Room) -> Awaitable[bytes]:
        """Read a body and unpack it. Its length is taken from the room, unless this raises. Raises SdkError."""
        headers = scope.headers
        length = headers.get("content-length")
        if length is not None and length.isdigit() and headers.get("content-encoding") is None:
            size = int(length)
            if size <= WHOLE_BYTES_MAX and size <= self.body_bytes_max and room.held_bytes + size <= room.bytes_max:
                # The usual case: the server holds the sender to the length it named.
                room.held_bytes += size
                return room.wait(protocol(), held_bytes=size)
        return self._read(headers, protocol, room)

    async def _read(self, headers: Any, protocol: Protocol_, room: Room) -> bytes:
        bytes_max = self._bytes_max(room)
        length = headers.get("content-length")
        size = int(length) if length is not None and length.isdigit() else None
        if size is not None and size <= min(WHOLE_BYTES_MAX, bytes_max):
            room.take(size)
            body = await room.wait(protocol(), held_bytes=size)
        else:
            body = await self._growing(room, protocol, size=size, bytes_max=bytes_max)
        coding = headers.get("content-encoding")
        return await self.unpacked(body, room, coding=coding) if coding else body

    def _bytes_max(self, room: Room) -> int:
        return min(self.body_bytes_max, STRANGER_BYTES_MAX) if room is self.strangers else self.body_bytes_max

    async def _growing(self, room: Room, protocol: Protocol_, *, size: int | None, bytes_max: int) -> bytes:
        """Read a body chunk by chunk. Raises SdkError."""
        if size is not None and size > bytes_max + DISCARDED_BYTES_MAX:
            raise TOO_LARGE.again()
        chunks, came, held, since = list[bytes](), 0, 0, room.second
        parts = protocol.__aiter__()
        while chunk := await room.wait(parts.__anext__(), held_bytes=held):
            came += len(chunk)
            if came <= bytes_max:
                room.take(len(chunk), beside_bytes=held)
                held += len(chunk)
                chunks.append(chunk)
            else:
                room.give_back(held)
                chunks, held = [], 0
            if came > bytes_max + DISCARDED_BYTES_MAX:
                break
            if room.is_late(since, came):
                room.give_back(held)
                raise NO_ROOM.again()
        if came > bytes_max:
            raise TOO_LARGE.again()
        if size is not None and came < size:
            room.give_back(held)
            raise GONE.again()
        return b"".join(chunks)

    async def unpacked(self, body: bytes, room: Room, *, coding: str) -> bytes:
        """Unpack a body that was read: what an SDK sends in one go, as large as it is anyway; else when it is its turn.

        Raises SdkError, and gives back its room then.
        """
        size = len(body)
        try:
            steps = unpacking(body, codings_of(coding, body), bytes_max=self._bytes_max(room))
            del body
            try:
                next(steps)
            except StopIteration as end:
                plain: bytes = end.value
            else:
                plain = await self.turns.work(steps)
        except BaseException:
            room.give_back(size)
            raise
        if len(plain) > size:
            room.take(len(plain) - size, beside_bytes=size)
        else:
            room.give_back(size - len(plain))
        return plain
