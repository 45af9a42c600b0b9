"""Snapshots as messages of one stream: pieces under a subject of their own each time, and one that says which are the newest.

That one is written last, and only after the one that was there at the beginning: so a snapshot is there whole, or not at all.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping

import msgspec

from penstock.clock import Dice, SystemDice
from penstock.errors import SnapshotReplaced, WitnessDamaged
from penstock.witness.jetstream.connection import (
    ATTEMPT_S,
    NOT_FOUND,
    PAUSE_S,
    JetStreamError,
    NatsConnection,
    StoredMessage,
)
from penstock.witness.jetstream.streams import ASKED_BYTES_MAX, WRONG_LAST, digest_of, ensure, wanted
from penstock.witness.port import ViewSnapshot
from penstock.witness.words import checked_name, checked_piece

TITLE, SUBJECTS = "PENSTOCK_SNAPSHOTS", "penstock.snapshot.>"
# Which piece a message is; the first is 1.
PIECE = "Penstock-Piece"


class Newest(msgspec.Struct, frozen=True):
    """Which pieces are the newest snapshot of a view."""

    name: str
    number: int
    place: str
    pieces: int
    sha256: str


class JetStreamSnapshots:
    """The pieces of every view's newest snapshot."""

    def __init__(self, connection: NatsConnection, *, replicas: int, dice: Dice | None = None) -> None:
        self.connection, self.replicas, self.dice = connection, replicas, dice or SystemDice()
        self.is_known = False

    async def put_snapshot(self, name: str, *, number: int, pieces: AsyncIterator[bytes]) -> bool:
        """Write the pieces, then that they are the newest, then remove all others."""
        checked_name(name)
        seen, before = await self._look(name)
        if before and before.number >= number:
            return False
        place = f"{subject_of(name)}.{self.dice.fresh_id()}"
        is_kept = False
        try:
            first, count, sha256 = await self._write(place, pieces)
            is_kept = await self._point(Newest(name, number, place, count, sha256), seen)
        finally:
            if not is_kept:
                await self._remove({"filter": f"{place}.*"})
        # Also what nodes wrote that died over it. One that began earlier and writes on is refused at its end.
        await self._remove({"filter": f"{subject_of(name)}.*.*", "seq": first})
        return True

    async def _write(self, place: str, pieces: AsyncIterator[bytes]) -> tuple[int, int, str]:
        """Write one piece after the other; return the number of the first, how many they are, and their digest."""
        first, count, whole = 0, 0, hashlib.sha256()
        async for piece in pieces:
            whole.update(checked_piece(piece))
            count += 1
            headers = {"Nats-Msg-Id": f"{place}-{count}", PIECE: str(count)}
            answer = await self.connection.ask(f"{place}.{count}", piece, headers)
            first = first or int(answer["seq"])
        return first, count, whole.hexdigest()

    async def _point(self, newest: Newest, seen: int) -> bool:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(seen), "Nats-Msg-Id": newest.place}
        try:
            await self.connection.ask(subject_of(newest.name), msgspec.json.encode(newest), headers)
        except JetStreamError as error:
            if error.code == WRONG_LAST:
                return False
            raise
        await self._remove({"filter": subject_of(newest.name), "keep": 1})
        return True

    async def _remove(self, which: Mapping[str, object]) -> None:
        await self.connection.api(f"STREAM.PURGE.{TITLE}", which)

    async def get_snapshot(self, name: str) -> ViewSnapshot | None:
        """Return the newest one."""
        _, newest = await self._look(checked_name(name))
        return ViewSnapshot(newest.number, self._pieces(newest)) if newest else None

    async def _pieces(self, newest: Newest) -> AsyncIterator[bytes]:
        whole, count, number = hashlib.sha256(), 0, 1
        while count < newest.pieces:
            replies = await self._ahead(newest, number)
            for reply in self._in_order(newest, replies, count):
                whole.update(reply.body)
                count += 1
                number = int(reply.headers["Nats-Sequence"]) + 1
                yield reply.body
        if whole.hexdigest() != newest.sha256:
            raise WitnessDamaged(f"snapshot of {newest.name}", expected=newest.sha256, got=whole.hexdigest())

    async def _ahead(self, newest: Newest, number: int) -> list[StoredMessage]:
        """Return the pieces from a number of the stream on. A server that lags has none yet; then it is asked again."""
        question = {"seq": number, "next_by_subj": f"{newest.place}.*", "batch": 1_000, "max_bytes": ASKED_BYTES_MAX}
        for _ in range(int(ATTEMPT_S / PAUSE_S)):
            _, now_there = await self._look(newest.name)
            if now_there != newest:
                raise SnapshotReplaced(newest.name)
            if replies := await self.connection.gather(f"$JS.API.DIRECT.GET.{TITLE}", question):
                return replies
            await asyncio.sleep(PAUSE_S)
        raise WitnessDamaged(f"snapshot of {newest.name}", expected=f"{newest.pieces} pieces", got="fewer")

    @staticmethod
    def _in_order(newest: Newest, replies: list[StoredMessage], before: int) -> Iterator[StoredMessage]:
        for place, reply in enumerate(replies, before + 1):
            if reply.headers[PIECE] != str(place):
                got = f"piece {reply.headers[PIECE]}"
                raise WitnessDamaged(f"snapshot of {newest.name}", expected=f"piece {place}", got=got)
            yield reply

    async def _look(self, name: str) -> tuple[int, Newest | None]:
        await self._known()
        try:
            answer = await self.connection.api(f"STREAM.MSG.GET.{TITLE}", {"last_by_subj": subject_of(name)})
        except JetStreamError as error:
            if error.code not in NOT_FOUND:
                raise
            return 0, None
        message = answer["message"]
        body = msgspec.json.decode(f'"{message["data"]}"', type=bytes)
        return int(message["seq"]), msgspec.json.decode(body, type=Newest)

    async def _known(self) -> None:
        if not self.is_known:
            await ensure(
                self.connection,
                wanted(TITLE, [SUBJECTS], replicas=self.replicas, describes="Penstock: the newest state of each view"),
            )
            self.is_known = True


def subject_of(name: str) -> str:
    """Return where it stands which pieces are the newest."""
    return f"penstock.snapshot.{digest_of(name)}"
