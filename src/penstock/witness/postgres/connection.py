"""The way to the primary: the only file that knows the client library. A few connections, each question with an end.

A question that takes too long is never cancelled: a commit that waits for its standby would then be taken for done, and be seen,
without being anywhere else. The connection is hung up instead; the server goes on waiting, and so do all that need its locks.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from penstock.clock import Clock, SystemClock
from penstock.errors import BufferUnavailable, SettingsError, WitnessUnreachable
from penstock.witness.port import ANSWER_S_MAX

log = structlog.get_logger()

ENGINE = "postgres"
VERSION_MIN = 140_000
# So many questions are under way at once; more wait for their turn.
CONNECTIONS_MAX = 4
PAUSE_S, CONNECT_S = 0.1, 2
# A wait for a lock ends before we hang up; a server that is gone without a word is found out.
OPTIONS = (
    "-c lock_timeout=8s -c idle_in_transaction_session_timeout=10s -c statement_timeout=0 -c synchronous_commit=on"
)
ALIVE = {"keepalives_idle": 3, "keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": 6_000}
# Passes by itself: the server stops, starts, fails over, or another node has the lock.
TRANSIENT = (
    psycopg.OperationalError,
    errors.ReadOnlySqlTransaction,
    errors.UniqueViolation,
    errors.SerializationFailure,
    psycopg.InterfaceError,
    OSError,
)
# Does not pass: what is there is not ours, or we may not use it.
NOT_OURS = (errors.InsufficientPrivilege, errors.UndefinedTable, errors.UndefinedFunction, errors.InvalidSchemaName)
CHANNEL, HINT_S = "penstock", 1.0
HINT = "SELECT pg_notify(%(channel)s, hint) FROM unnest(%(hints)s::text[]) AS hint"

AnsweredRows = Sequence[tuple[Any, ...]]


class PostgresConnection:
    """Questions to the primary, wherever it is now."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        own = {
            "application_name": "penstock",
            "connect_timeout": CONNECT_S,
            "target_session_attrs": "read-write",
            **ALIVE,
        }
        given: dict[str, Any] = conninfo_to_dict(url)
        given_options = f"{given.pop('options', None) or ''} {OPTIONS}"
        all_of_it: dict[str, Any] = own | given | {"target_session_attrs": "read-write", "options": given_options}
        self.conninfo = make_conninfo("", **all_of_it)
        self.clock = clock or SystemClock()
        self.idle: list[AsyncConnection] = []
        self.turns = asyncio.Semaphore(CONNECTIONS_MAX)
        #: By what a hint says: who waits for it.
        self.heard = dict[str, asyncio.Event]()
        self.listener: asyncio.Task[None] | None = None
        #: What is still to be hinted at, and who does.
        self.hints = set[str]()
        self.hinter: asyncio.Task[None] | None = None

    async def ask(self, question: str, values: Mapping[str, Any] | None = None) -> AnsweredRows:
        """Ask one question, which is one transaction, until it is answered, ANSWER_S_MAX at most; twice must do no harm."""
        reason, end_s = "no answer came", self.clock.steady() + ANSWER_S_MAX
        while (left_s := end_s - self.clock.steady()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    async with self.turns:
                        return await self._ask_once(question, values or {}, end_s)
            except errors.DiskFull as error:
                raise BufferUnavailable(f"{ENGINE} has no room") from error
            except NOT_OURS as error:
                raise not_ours(error) from error
            except TRANSIENT as error:
                reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            except TimeoutError:
                reason = "no answer came in time"
            await asyncio.sleep(PAUSE_S)
        raise WitnessUnreachable(ENGINE, reason)

    async def _ask_once(self, question: str, values: Mapping[str, Any], end_s: float) -> AnsweredRows:
        connection = self.idle.pop() if self.idle else await self._connected()

        async def answered() -> AnsweredRows:
            cursor = await connection.execute(question, values, prepare=True)
            return await cursor.fetchall() if cursor.description else ()

        # An idle connection of before a failover fails at once; the next attempt makes a new one.
        rows = await unhurried(connection, answered(), max(0.0, end_s - self.clock.steady()))
        self.idle.append(connection)
        return rows

    async def _connected(self) -> AsyncConnection:
        return await AsyncConnection.connect(self.conninfo, autocommit=True)

    async def run_script(self, script: str, *, lock: int, unless: str) -> None:
        """Run many statements as one, while no other node does, unless a question has an answer that is not null."""
        connection = await self._connected()
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
                found = await (await connection.execute(unless)).fetchone()
                if found is None or found[0] is None:
                    await connection.execute(script)
        except NOT_OURS as error:
            raise not_ours(error) from error
        except TRANSIENT as error:
            raise WitnessUnreachable(ENGINE, type(error).__name__) from error
        finally:
            await connection.close()

    def hint(self, about: str) -> None:
        """Say soon that there is something new, apart from the commit it is about: one that says so waits for all others."""
        self.hints.add(about)
        if self.hinter is None or self.hinter.done():
            self.hinter = asyncio.create_task(self._hint())

    async def _hint(self) -> None:
        """Say all hints that came together at once."""
        while self.hints:
            values = {"channel": CHANNEL, "hints": [*self.hints]}
            self.hints.clear()
            try:
                async with self.turns:
                    await self._ask_once(HINT, values, self.clock.steady() + HINT_S)
            except (*TRANSIENT, TimeoutError) as error:
                log.debug("engine_erred", engine=ENGINE, error=type(error).__name__)

    def hears(self, about: str) -> asyncio.Event:
        """Return what is set when a node hints at this, from now on."""
        if self.listener is None:
            self.listener = asyncio.create_task(self._listen())
        return self.heard.setdefault(about, asyncio.Event())

    async def _listen(self) -> None:
        """Pass hints on for as long as there is a primary; then look for the next one. Readers look by themselves too."""
        while True:
            try:
                connection = await self._connected()
                try:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    log.info("engine_found", engine=ENGINE)
                    # Readers that waited before had nothing to hear by.
                    for waiting in list(self.heard):
                        self.heard.pop(waiting).set()
                    async for notify in connection.notifies():
                        self.heard.pop(notify.payload, asyncio.Event()).set()
                finally:
                    await connection.close()
            except TRANSIENT as error:
                log.warning("engine_lost", engine=ENGINE, error=type(error).__name__)
            await asyncio.sleep(PAUSE_S * 5)

    async def close(self) -> None:
        """Let the server go."""
        for task in filter(None, (self.listener, self.hinter)):
            task.cancel()
            await asyncio.wait([task])
        for connection in self.idle:
            await connection.close()
        self.idle.clear()


def not_ours(error: psycopg.Error) -> SettingsError:
    """Return what is said when the tables cannot be used or made."""
    return SettingsError(
        "engine postgres, schema penstock",
        expected="our tables, and the right to use them; or the right to make them",
        got=str(error).strip().splitlines()[0],
        hint="let an administrator run schema.sql of penstock/witness/postgres, and grant what examples/cluster says",
    )


async def unhurried(connection: AsyncConnection, deed: Awaitable[AnsweredRows], within_s: float) -> AnsweredRows:
    """Wait for a question's answer; hang up when it takes longer, or when it is not wanted any more. Nothing is cancelled."""
    task = asyncio.ensure_future(deed)
    try:
        done, _ = await asyncio.wait([task], timeout=within_s)
    except asyncio.CancelledError:
        hang_up(connection)
        await asyncio.wait([task])
        await connection.close()
        task.exception()
        raise
    if not done:
        hang_up(connection)
        await asyncio.wait([task])
    if error := task.exception():
        await connection.close()
        raise error if done else TimeoutError from error
    return task.result()


def hang_up(connection: AsyncConnection) -> None:
    """End the conversation as if the wire were cut."""
    if not connection.closed:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
