"""Streams of JetStream: how they are made and looked over, what is appended, and what is read of them.

A message that is larger than the servers take at once is an atomic batch of parts (ADR-50 of NATS): its number is that of the
last one, and all of them stand side by side. Its id can be looked up by the last one's subject, for a batch that is said again
is refused without a number.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.clock import Dice, SystemDice
from penstock.errors import SettingsError, WitnessDamaged, WitnessUnreachable
from penstock.witness.jetstream.connection import (
    ENGINE,
    NOT_FOUND,
    PAUSE_S,
    TRANSIENT,
    JetStreamError,
    NatsConnection,
    StoredMessage,
)
from penstock.witness.port import ANSWER_S_MAX, IDS_REMEMBERED_S, READ_BYTES_MAX, NotAppended, Span, StreamEntry
from penstock.witness.words import checked_id, checked_message, checked_name

NANOSECONDS = 1_000_000_000
WRONG_LAST, SAID_BEFORE, INCOMPLETE = 10071, 10201, 10176
# Fewer servers are there than a stream needs: one of them may be back soon.
TOO_FEW_NOW = 10005
LOOK_UP = {WRONG_LAST, SAID_BEFORE}
# How many messages one question brings, and how many bytes; what is more is asked for next.
READ_MESSAGES_MAX, ASKED_BYTES_MAX = 1_000, 4 * 2**20
# Who waits for the next message looks by itself that often, for a hint may be lost.
LOOK_S = 2.0
# Messages that are overwritten at once; and what is said of one that is not there.
ERASED_AT_ONCE, NO_MESSAGE = 16, 10043
# A part of a message says which it is, of how many.
PART = "Penstock-Part"


def digest_of(name: str) -> str:
    """Return what stands for a name where few letters are allowed."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def title_of(kind: str, name: str) -> str:
    """Return a name that JetStream takes, and by which a person recognises ours."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name[:40])
    return f"PENSTOCK_{kind}_{plain}_{digest_of(name)}"


def wanted(title: str, subjects: Sequence[str], *, replicas: int, describes: str) -> dict[str, Any]:
    """Return how a stream of ours is made."""
    return {
        "name": title,
        "description": describes,
        "subjects": list(subjects),
        "retention": "limits",
        "storage": "file",
        "num_replicas": replicas,
        "discard": "new",
        "max_age": 0,
        "max_msgs": -1,
        "max_msg_size": -1,
        "duplicate_window": int(IDS_REMEMBERED_S) * NANOSECONDS,
        "allow_direct": True,
        "allow_atomic": True,
        "allow_msg_ttl": False,
        "max_msgs_per_subject": -1,
        "deny_purge": False,
        "sealed": False,
        "no_ack": False,
    }


async def ensure(connection: NatsConnection, config: Mapping[str, Any]) -> None:
    """Make a stream, or see that the one of this name is as it must be; SettingsError when it is not."""
    title = config["name"]
    try:
        found = (await connection.api(f"STREAM.INFO.{title}"))["config"]
    except JetStreamError as error:
        if error.code not in NOT_FOUND:
            raise
        found = await _made(connection, config)
    defaults: dict[str, Any] = {"allow_msg_ttl": False, "deny_purge": False, "sealed": False, "no_ack": False}
    for key, expected in config.items():
        got = found.get(key, defaults.get(key, False if isinstance(expected, bool) else None))
        if got != expected:
            raise SettingsError(
                f"engine nats, stream {title}, {key}",
                expected=repr(expected),
                got=got,
                hint="it was made by hand or by another version: change it with nats stream edit, or take it away and reseed",
            )


async def _made(connection: NatsConnection, config: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        made: Mapping[str, Any] = (await connection.api(f"STREAM.CREATE.{config['name']}", config))["config"]
    except JetStreamError as error:
        if error.code == TOO_FEW_NOW:
            reason = f"a new stream needs {config['num_replicas']} servers that are there: {error.text}"
            raise WitnessUnreachable(ENGINE, reason) from error
        raise SettingsError(
            f"engine nats, stream {config['name']}",
            expected=f"JetStream on {config['num_replicas']} servers that can have it",
            got=f"{error.text} ({error.code})",
            hint="see that JetStream is on in every server and account, with room for files",
        ) from error
    return made


class JetStreams:
    """Every stream of a cluster, each a stream of JetStream with a leader of its own."""

    def __init__(self, connection: NatsConnection, *, replicas: int, dice: Dice | None = None) -> None:
        self.connection, self.replicas, self.dice = connection, replicas, dice or SystemDice()
        self.known = set[str]()

    async def append(self, stream: str, message: bytes, *, expected: int | None, id: str) -> int | NotAppended:  # noqa: A002
        """Append through the stream's leader, again and again until it says something; ids make that harmless."""
        checked_message(message), checked_id(id)
        await self._known(stream)
        headers = {"Nats-Msg-Id": id}
        guard = {} if expected is None else {"Nats-Expected-Last-Sequence": str(expected)}
        end_s = self.connection.clock.steady() + ANSWER_S_MAX
        while True:
            number = await self._append_or_refused(stream, message, headers, guard)
            if number:
                await self.connection.hint(hint_of(stream))
                return number
            # The leader refuses also for a message that it has, but not yet as one of the stream: that may still fail.
            last = (await self.span(stream)).last
            if last != expected:
                return NotAppended(last)
            if self.connection.clock.steady() >= end_s:
                raise WitnessUnreachable(ENGINE, "another message is on its way")
            await asyncio.sleep(PAUSE_S)

    async def _append_or_refused(
        self, stream: str, message: bytes, headers: dict[str, str], guard: dict[str, str]
    ) -> int:
        """Return the message's number, or 0 when another one was expected."""
        try:
            if len(message) > self.connection.part_bytes_max:
                return await self._append_parts(stream, message, headers, guard)
            return int((await self.connection.ask(subject_of(stream), message, headers | guard))["seq"])
        except JetStreamError as error:
            if error.code == WRONG_LAST:
                return 0
            if error.code in NOT_FOUND:
                self.known.discard(stream)
            raise WitnessUnreachable(ENGINE, str(error)) from error

    async def _append_parts(self, stream: str, message: bytes, headers: dict[str, str], guard: dict[str, str]) -> int:
        end_s = self.connection.clock.steady() + ANSWER_S_MAX
        while True:
            try:
                return await self._append_batch(stream, message, headers, guard)
            except JetStreamError as error:
                # The expected number is looked at before the id: what another one's message looks like may be our own.
                number = await self._number_of(stream, headers["Nats-Msg-Id"]) if error.code in LOOK_UP else 0
                if number:
                    return number
                if error.code not in TRANSIENT | {INCOMPLETE}:
                    raise
                reason = error.text
            except WitnessUnreachable as error:
                reason = error.reason
            if self.connection.clock.steady() >= end_s:
                raise WitnessUnreachable(ENGINE, reason)
            await asyncio.sleep(PAUSE_S)

    async def _append_batch(self, stream: str, message: bytes, headers: dict[str, str], guard: dict[str, str]) -> int:
        """Append all parts or none. The first is answered: it finds a leader, and is refused if another number is expected."""
        step, batch = self.connection.part_bytes_max, self.dice.fresh_id()
        parts = [message[at : at + step] for at in range(0, len(message), step)]
        subject = subject_of(stream)
        for place, part in enumerate(parts, 1):
            own = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(place), PART: f"{place}/{len(parts)}"}
            if place == 1:
                await self.connection.ask_once(subject, part, own | guard)
            elif place < len(parts):
                await self.connection.tell(subject, part, own)
            else:
                last = own | headers | {"Nats-Batch-Commit": "1"}
                answer = await self.connection.ask_once(large_of(stream, headers["Nats-Msg-Id"]), part, last)
        return int(answer["seq"])

    async def _number_of(self, stream: str, message_id: str) -> int:
        """Return the number of a message in parts, or 0 when there is none of this id (or it was pruned already)."""
        question = {"last_by_subj": large_of(stream, message_id)}
        try:
            found = await self.connection.api(f"STREAM.MSG.GET.{title_of('STREAM', stream)}", question)
        except JetStreamError as error:
            if error.code not in NOT_FOUND:
                raise
            return 0
        return int(found["message"]["seq"])

    async def span(self, stream: str) -> Span:
        """Ask the stream's leader."""
        await self._known(stream)
        state = (await self.connection.api(f"STREAM.INFO.{title_of('STREAM', stream)}"))["state"]
        last = int(state["last_seq"])
        pruned = int(state["first_seq"]) - 1 if state["messages"] else last
        return Span(pruned=max(0, pruned), last=last)

    async def read(self, stream: str, *, after: int, wait_s: float = 0.0) -> Sequence[StreamEntry] | Span:
        """Read from any server that has the stream; its leader is asked only when there seems to be nothing."""
        found = await self._look(stream, after)
        if found or isinstance(found, Span) or wait_s <= 0:
            return found
        end_s = self.connection.clock.steady() + wait_s
        async with self.connection.hearing(hint_of(stream)) as heard:
            while not (found := await self._look(stream, after)) and self.connection.clock.steady() < end_s:
                await heard(min(LOOK_S, max(0.001, end_s - self.connection.clock.steady())))
        return found

    async def _look(self, stream: str, after: int) -> Sequence[StreamEntry] | Span:
        """Return what follows. A server that lags has less than the leader: then it is asked again."""
        while not (entries := await self._entries(stream, after)):
            span = await self.span(stream)
            if not span.pruned <= after <= span.last:
                return span
            if span.last == after:
                return ()
            await asyncio.sleep(PAUSE_S)
        return entries

    async def _entries(self, stream: str, after: int) -> list[StreamEntry]:
        """Return the messages after a number, as far as one question or a whole message goes; none if they cannot be told."""
        replies = list[StoredMessage]()
        entries, next_number, size = list[StreamEntry](), after + 1, 0
        while not entries or size < READ_BYTES_MAX:
            got = await self._replies(stream, next_number)
            if not got or int(got[0].headers["Nats-Sequence"]) != next_number:
                # The end; or what follows was pruned away, which the stream's span tells.
                break
            for reply in got:
                self._in_place(stream, reply, next_number)
                next_number += 1
                size += len(reply.body)
                replies.append(reply)
                if entry := joined(stream, replies):
                    entries.append(entry)
                    replies.clear()
            if got[-1].headers.get("Nats-Num-Pending") == "0":
                break
        return entries

    async def _replies(self, stream: str, number: int) -> list[StoredMessage]:
        await self._known(stream)
        question = {"seq": number, "batch": READ_MESSAGES_MAX, "max_bytes": ASKED_BYTES_MAX}
        return await self.connection.gather(f"$JS.API.DIRECT.GET.{title_of('STREAM', stream)}", question)

    @staticmethod
    def _in_place(stream: str, reply: StoredMessage, number: int) -> None:
        got = reply.headers["Nats-Sequence"]
        if int(got) != number:
            raise WitnessDamaged(f"stream {stream}", expected=f"message {number}", got=f"message {got}")

    async def prune(self, stream: str, *, through: int, is_erasing: bool = False) -> None:
        """Purge up to a number; for an erasure each message is overwritten in its block before that."""
        span = await self.span(stream)
        through = min(through, span.last)
        if is_erasing:
            numbers = range(span.pruned + 1, through + 1)
            for start in range(0, len(numbers), ERASED_AT_ONCE):
                some = numbers[start : start + ERASED_AT_ONCE]
                await asyncio.gather(*(self._erase(stream, number) for number in some))
        if through > span.pruned:
            await self.connection.api(f"STREAM.PURGE.{title_of('STREAM', stream)}", {"seq": through + 1})

    async def _erase(self, stream: str, number: int) -> None:
        try:
            # Without `no_erase` the bytes are overwritten on every server.
            await self.connection.api(f"STREAM.MSG.DELETE.{title_of('STREAM', stream)}", {"seq": number})
        except JetStreamError as error:
            if error.code not in NOT_FOUND | {NO_MESSAGE}:
                raise

    async def _known(self, stream: str) -> None:
        if stream not in self.known:
            title, subject = title_of("STREAM", checked_name(stream)), subject_of(stream)
            config = wanted(title, [subject, f"{subject}.large.*"], replicas=self.replicas, describes=stream)
            await ensure(self.connection, config)
            self.known.add(stream)


def joined(stream: str, replies: Sequence[StoredMessage]) -> StreamEntry | None:
    """Return the message that these are the parts of, in order, or None while the last one is missing."""
    [first, *_], last = replies, replies[-1]
    count = int(first.headers.get(PART, "1/1").partition("/")[2])
    for place, reply in zip(itertools.count(1), replies, strict=False):
        part = reply.headers.get(PART, "1/1")
        if part != f"{place}/{count}":
            raise WitnessDamaged(f"stream {stream}", expected=f"part {place}/{count} of a message", got=f"part {part}")
    if len(replies) < count:
        return None
    body = first.body if count == 1 else b"".join(reply.body for reply in replies)
    return StreamEntry(int(last.headers["Nats-Sequence"]), body)


def subject_of(stream: str) -> str:
    """Return where a stream's messages are said."""
    return f"penstock.stream.{digest_of(stream)}"


def large_of(stream: str, message_id: str) -> str:
    """Return where the last part of a message is said that needs several."""
    return f"{subject_of(stream)}.large.{digest_of(message_id)}"


def hint_of(stream: str) -> str:
    """Return where it is said that there is a new message: nothing is kept there, and no reader relies on it."""
    return f"penstock.hint.{digest_of(stream)}"
