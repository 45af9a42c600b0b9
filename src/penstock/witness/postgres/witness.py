"""One node's way to PostgreSQL: streams, leases and snapshots, each verb a statement, which is a transaction."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence

from penstock.clock import Dice, SystemDice
from penstock.errors import SnapshotReplaced, WitnessDamaged
from penstock.witness.port import (
    IDS_REMEMBERED_S,
    READ_BYTES_MAX,
    NotAppended,
    Span,
    StreamEntry,
    Tenure,
    ViewSnapshot,
)
from penstock.witness.postgres.connection import PostgresConnection
from penstock.witness.postgres.schema import check_server, ensure_schema
from penstock.witness.words import checked_id, checked_message, checked_name, checked_piece, checked_ttl

READ_MESSAGES_MAX = 1_000
# Who waits for the next message looks by itself that often, for a hint may be lost.
LOOK_S = 2.0
# Pieces of snapshots that were never finished are removed once they are so old.
TORN_S_MAX = 86_400

APPEND = "SELECT number, refused FROM penstock.append(%(stream)s, %(message)b, %(id)s, %(expected)s::bigint)"
SPAN = "SELECT pruned, last FROM penstock.streams WHERE stream = %(stream)s"
READ = """
SELECT seq, body FROM (
    SELECT seq, body, sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS before FROM (
        SELECT seq, body FROM penstock.messages WHERE stream = %(stream)s AND seq > %(after)s ORDER BY seq LIMIT %(most)s
    ) AS next
) AS measured WHERE before < %(bytes)s ORDER BY seq"""
PRUNE = "SELECT penstock.prune(%(stream)s, %(through)s, %(remembered_s)s)"
LEASE = "SELECT owner, epoch FROM penstock.lease(%(name)s, %(owner)s, %(ttl_s)s)"
RELEASE = "UPDATE penstock.leases SET until = '-infinity' WHERE name = %(name)s AND owner = %(owner)s"
OWNERS = "SELECT name, owner, epoch FROM penstock.leases WHERE until > clock_timestamp()"
NEWEST = "SELECT number, place, pieces, sha256 FROM penstock.snapshots WHERE name = %(name)s"
ADD_PIECE = """
INSERT INTO penstock.pieces (name, place, piece, body) VALUES (%(name)s, %(place)s, %(piece)s, %(body)b) ON CONFLICT DO NOTHING"""
PIECE = "SELECT body FROM penstock.pieces WHERE name = %(name)s AND place = %(place)s AND piece = %(piece)s"
POINT = "SELECT penstock.point(%(name)s, %(number)s, %(place)s, %(pieces)s, %(sha256)s)"
REMOVE = """
DELETE FROM penstock.pieces WHERE name = %(name)s AND place <> %(kept)s
AND (place = %(place)s OR at < clock_timestamp() - make_interval(secs => %(torn_s)s))"""


class PostgresWitness:
    """The witness of PENSTOCK_ENGINE=postgres."""

    def __init__(self, connection: PostgresConnection, dice: Dice | None = None) -> None:
        self.connection, self.dice = connection, dice or SystemDice()

    @classmethod
    async def open(cls, url: str) -> "PostgresWitness":
        """Connect to the primary among the hosts of a URL; SettingsError when it is not fit, or its tables are not ours."""
        connection = PostgresConnection(url)
        try:
            await check_server(connection)
            await ensure_schema(connection)
        except BaseException:
            await connection.close()
            raise
        return cls(connection)

    async def append(self, stream: str, message: bytes, *, expected: int | None, id: str) -> int | NotAppended:  # noqa: A002
        """Append; the row remembers whose it is until it is pruned, and for IDS_REMEMBERED_S beyond."""
        values = {"stream": checked_name(stream), "message": checked_message(message), "id": checked_id(id)}
        [[number, refused]] = await self.connection.ask(APPEND, values | {"expected": expected})
        if refused:
            return NotAppended(number)
        self.connection.hint(hint_of(stream))
        return int(number)

    async def read(self, stream: str, *, after: int, wait_s: float = 0.0) -> Sequence[StreamEntry] | Span:
        """Read from the primary: a standby may not have yet what its primary has told."""
        checked_name(stream)
        clock = self.connection.clock
        end_s = clock.steady() + wait_s
        while True:
            hint = self.connection.hears(hint_of(stream)) if wait_s > 0 else None
            found = await self._look(stream, after)
            left_s = end_s - clock.steady()
            if found or isinstance(found, Span) or hint is None or left_s <= 0:
                return found
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hint.wait(), min(left_s, LOOK_S))

    async def _look(self, stream: str, after: int) -> Sequence[StreamEntry] | Span:
        values = {"stream": stream, "after": after, "most": READ_MESSAGES_MAX, "bytes": READ_BYTES_MAX}
        rows = await self.connection.ask(READ, values)
        # Asked later: what was pruned between is noticed, and nothing is taken for whole that is not.
        span = await self.span(stream)
        if not span.pruned <= after <= span.last:
            return span
        if rows and (len(rows) != rows[-1][0] - after):
            raise WitnessDamaged(
                f"stream {stream}", expected=f"messages {after + 1} to {rows[-1][0]}", got=f"{len(rows)}"
            )
        return [StreamEntry(number, bytes(body)) for number, body in rows]

    async def span(self, stream: str) -> Span:
        """Ask the primary."""
        rows = await self.connection.ask(SPAN, {"stream": checked_name(stream)})
        return Span(*rows[0]) if rows else Span(pruned=0, last=0)

    async def prune(self, stream: str, *, through: int, is_erasing: bool = False) -> None:  # noqa: ARG002 - bodies go at once anyway
        """Take the bodies away, and rows whose ids need not be remembered; vacuuming takes them from the files."""
        values = {"stream": checked_name(stream), "through": through, "remembered_s": IDS_REMEMBERED_S}
        await self.connection.ask(PRUNE, values)

    async def lease(self, name: str, *, owner: str, ttl_s: float) -> Tenure:
        """Take or keep a lease, by the primary's clock."""
        values = {"name": checked_name(name), "owner": checked_name(owner), "ttl_s": checked_ttl(ttl_s)}
        [[held_by, epoch]] = await self.connection.ask(LEASE, values)
        return Tenure(held_by, epoch)

    async def release(self, name: str, *, owner: str) -> None:
        """Let it run out now; its row keeps the epoch."""
        await self.connection.ask(RELEASE, {"name": checked_name(name), "owner": owner})

    async def owners(self) -> dict[str, Tenure]:
        """Return what has not run out."""
        return {name: Tenure(owner, epoch) for name, owner, epoch in await self.connection.ask(OWNERS)}

    async def put_snapshot(self, name: str, *, number: int, pieces: AsyncIterator[bytes]) -> bool:
        """Write the pieces, then that they are the newest, then remove all others."""
        newest = await self.connection.ask(NEWEST, {"name": checked_name(name)})
        if newest and newest[0][0] >= number:
            return False
        place, count, whole = self.dice.fresh_id(), 0, hashlib.sha256()
        try:
            async for piece in pieces:
                whole.update(checked_piece(piece))
                count += 1
                await self.connection.ask(ADD_PIECE, {"name": name, "place": place, "piece": count, "body": piece})
            values = {"name": name, "number": number, "place": place, "pieces": count, "sha256": whole.hexdigest()}
            [[is_kept]] = await self.connection.ask(POINT, values)
        except BaseException:
            # A failure of ours: what was written of it is of no use. What cannot be removed now, a later put removes.
            await self._remove(name, place)
            raise
        await self._remove(name, newest[0][1] if is_kept and newest else place)
        return bool(is_kept)

    async def _remove(self, name: str, place: str) -> None:
        newest = await self.connection.ask(NEWEST, {"name": name})
        kept = newest[0][1] if newest else ""
        await self.connection.ask(REMOVE, {"name": name, "kept": kept, "place": place, "torn_s": TORN_S_MAX})

    async def get_snapshot(self, name: str) -> ViewSnapshot | None:
        """Return the newest one."""
        newest = await self.connection.ask(NEWEST, {"name": checked_name(name)})
        return ViewSnapshot(newest[0][0], self._pieces(name, *newest[0][1:])) if newest else None

    async def _pieces(self, name: str, place: str, count: int, sha256: str) -> AsyncIterator[bytes]:
        whole = hashlib.sha256()
        for piece in range(1, count + 1):
            rows = await self.connection.ask(PIECE, {"name": name, "place": place, "piece": piece})
            if not rows:
                [[_, now_there, *_]] = await self.connection.ask(NEWEST, {"name": name})
                if now_there != place:
                    raise SnapshotReplaced(name)
                raise WitnessDamaged(f"snapshot of {name}", expected=f"{count} pieces", got=f"{piece - 1}")
            whole.update(rows[0][0])
            yield bytes(rows[0][0])
        if whole.hexdigest() != sha256:
            raise WitnessDamaged(f"snapshot of {name}", expected=sha256, got=whole.hexdigest())

    async def close(self) -> None:
        """Let the server go."""
        await self.connection.close()


def hint_of(stream: str) -> str:
    """Return what is said when there is a new message: a payload of NOTIFY has room for few letters."""
    return hashlib.sha256(stream.encode()).hexdigest()[:32]
