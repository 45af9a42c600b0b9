"""What an engine promises the nodes of a cluster: streams, who may write what, and snapshots to begin from.

Every verb raises WitnessUnreachable when the engine does not answer in ANSWER_S_MAX, for it has no quorum, no primary, or is cut
off; SettingsError when what the engine has was not made by this version, or is set otherwise than it must be. Nothing here
retries for longer than that: who asks decides whether to ask again.

Names of streams, leases and snapshots are texts of 1 to NAME_CHARS_MAX printable characters, told apart letter by letter.
"""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

#: An engine that has not answered by then is unreachable, in seconds.
ANSWER_S_MAX = 10.0
#: For so long an append that is repeated is recognised by its id, at least. An engine may remember for ever.
IDS_REMEMBERED_S = 900.0
#: The largest message of a stream. What an engine takes at once may be less: it is split inside, and seen whole or not at all.
MESSAGE_BYTES_MAX = 32 * 2**20
#: So much of a stream is read at once, unless the first message alone is larger.
READ_BYTES_MAX = 8 * 2**20
#: What one piece of a snapshot has at most.
PIECE_BYTES_MAX = 512 * 2**10
NAME_CHARS_MAX, ID_CHARS_MAX = 200, 100


@dataclasses.dataclass(frozen=True, slots=True)
class StreamEntry:
    """A message in its place. Numbers of a stream grow strictly, from 1 or later, and may leave some out."""

    number: int
    message: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """What a stream holds: every message after number `pruned`, up to number `last`. Both are 0 of one that never had any.

    A view at number n with `pruned <= n <= last` can follow. One before it needs a snapshot; one past it has seen another stream.
    """

    pruned: int
    last: int


@dataclasses.dataclass(frozen=True, slots=True)
class NotAppended:
    """Another message came first: the stream ends with number `last`, not with the one that was expected. Nothing was appended."""

    last: int


@dataclasses.dataclass(frozen=True, slots=True)
class Tenure:
    """Who holds a lease, and in which epoch: it grows with every change of owner, and when one takes it anew."""

    owner: str
    epoch: int


@dataclasses.dataclass(frozen=True, slots=True)
class ViewSnapshot:
    """A view as it stood at a number of its stream; `pieces` may be gone through once, soon.

    Going through them raises SnapshotReplaced when a newer one took its place meanwhile, and WitnessDamaged when they are
    not what was put.
    """

    number: int
    pieces: AsyncIterator[bytes]


class Streams(Protocol):
    """Append-only, each in one order that all readers see. A stream begins to exist when it is first named."""

    async def append(self, stream: str, message: bytes, *, expected: int | None, id: str) -> int | NotAppended:  # noqa: A002
        """Append a message and return its number; when this returns, it is durable: as many servers as are needed have it.

        `expected` is the number of the last message, 0 of an empty stream; NotAppended if that is another one. None appends
        wherever the stream ends, and is never refused. An `id` that was appended before, in IDS_REMEMBERED_S, appends nothing
        and returns the number it got then, whatever is expected now: so after WitnessUnreachable the same call can be
        repeated, and who gets NotAppended then knows that nothing was appended by the first one either.

        After WitnessUnreachable, or when the call was cancelled, the message may have been appended, or may still be.
        Raises BufferUnavailable when the engine has no room: nothing was appended. ValueError for a message of no bytes, or
        of more than MESSAGE_BYTES_MAX.
        """

    async def read(self, stream: str, *, after: int, wait_s: float = 0.0) -> Sequence[StreamEntry] | Span:
        """Return the messages that follow number `after`, without a gap; some of them when there are more.

        READ_BYTES_MAX are enough for one call. None when there are none yet: then it waits for one, `wait_s` at most, and every
        message whose append returned before is found by who reads until there is none. The span of the stream when it has been pruned
        past `after`, or ends before it: nothing that follows can be told. Only what is durable is ever read.
        """

    async def span(self, stream: str) -> Span:
        """Return what the stream holds now, with every append that returned before.

        An engine that just changes its leader may tell what was a moment ago: what is built on it is `expected` of an append.
        """

    async def prune(self, stream: str, *, through: int, is_erasing: bool = False) -> None:
        """Remove every message up to this number; what follows keeps its numbers. Repeatable.

        No reader gets one any more. What names people who are erased (`is_erasing`) the engine overwrites first, where it can. Its bytes leave a server's files when that one rewrites them, as docs/scale.md tells.
        Removing all leaves `last` as it is. A number beyond the last prunes up to the last.
        """


class Ownership(Protocol):
    """Who works on what. It keeps two from doing the same at once; what keeps them from harm is `expected` of an append."""

    async def lease(self, name: str, *, owner: str, ttl_s: float) -> Tenure:
        """Take the lease if no node holds it, or keep it for another `ttl_s` if `owner` does; return who has it now.

        It runs out `ttl_s` (1 to 3 600, whole seconds) after the engine took this call; its owner counts from before the
        call, on a clock of its own, and stops before then. An owner that let it run out and takes it again has a new epoch.
        """

    async def release(self, name: str, *, owner: str) -> None:
        """Give a lease up at once. Nothing happens if another holds it."""

    async def owners(self) -> dict[str, Tenure]:
        """Return every lease that a node holds, by its name."""


class ViewSnapshots(Protocol):
    """The newest snapshot of each view, for nodes that come late."""

    async def put_snapshot(self, name: str, *, number: int, pieces: AsyncIterator[bytes]) -> bool:
        """Keep a view as it stood at a number of its stream, in pieces of 1 to PIECE_BYTES_MAX bytes; return whether it is kept now.

        It is not when one of this number or a later one is there. Until the last piece is durable the one before is there,
        whole; then that one is removed from every server.
        """

    async def get_snapshot(self, name: str) -> ViewSnapshot | None:
        """Return the newest one, or None when there never was any."""


class Witness(Streams, Ownership, ViewSnapshots, Protocol):
    """What one engine does for a node."""

    async def close(self) -> None:
        """Let the engine go. Leases are not released; appends under way may or may not have happened."""
