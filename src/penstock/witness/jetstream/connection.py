"""The way to the servers: the only file that knows the client library. Questions with a bound, and answers of several parts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from nats.aio.client import Client, Srv
from nats.errors import Error as NatsError

from penstock.clock import Clock, SystemClock
from penstock.errors import BufferUnavailable, SettingsError, WitnessUnreachable
from penstock.witness.port import ANSWER_S_MAX

log = structlog.get_logger()

ENGINE = "nats"
#: A server that says nothing for so long is asked once more, through the leader of then. A new leader takes some seconds.
ATTEMPT_S = SILENCE_S = 1.0
PAUSE_S = 0.1
# A stopped server keeps its connections: so we find out, and go to another one, well within ANSWER_S_MAX.
PING_S, PINGS_UNANSWERED_MAX = 1, 2
CONNECT_S, RECONNECT_S = 2, 0.2
VERSION_MIN = (2, 15)
# Answers of the API (its errors.json). What passes by itself is asked again; what is full is full.
TRANSIENT = {503, 10004, 10007, 10008, 10009, 10118, 10158, 10164, 10176, 10210}
FULL = {10002, 10023, 10047, 10053, 10077}
NOT_FOUND = {10037, 10059}


class StoredMessage(NamedTuple):
    """One message of an answer."""

    headers: Mapping[str, str]
    body: bytes


class JetStreamError(Exception):
    """An error that JetStream answered with; its codes are those of its API."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(f"{text} ({code})")


class TidyClient(Client):
    """The library's client, which lets go of a connection that came to nothing before it makes the next one."""

    async def _connect_to_server(self, s: Srv) -> None:
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)


class NatsConnection:
    """Questions to whichever servers are there, each with an end."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self.client, self.clock = client, clock

    @classmethod
    async def open(cls, urls: Sequence[str], *, name: str = "penstock", clock: Clock | None = None) -> "NatsConnection":
        """Connect to one of the servers, and to another one whenever that is lost."""
        client = TidyClient()

        async def lost() -> None:
            if not client.is_closed:  # it was let go
                log.warning("engine_lost", engine=ENGINE)

        async def found() -> None:
            log.info("engine_found", engine=ENGINE)

        reasons = set[str]()

        async def erred(error: Exception) -> None:
            if not client.is_connected:
                reasons.add(str(error) or type(error).__name__)
            log.debug("engine_erred", engine=ENGINE, error=type(error).__name__)

        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                await client.connect(
                    list(urls),
                    name=name,
                    error_cb=erred,
                    disconnected_cb=lost,
                    reconnected_cb=found,
                    connect_timeout=CONNECT_S,
                    reconnect_time_wait=RECONNECT_S,  # type: ignore[arg-type]  # seconds, also less than one
                    max_reconnect_attempts=-1,
                    ping_interval=PING_S,
                    max_outstanding_pings=PINGS_UNANSWERED_MAX,
                )
        except (NatsError, OSError, TimeoutError) as error:
            raise WitnessUnreachable(
                ENGINE, f"no server can be connected to: {'; '.join(sorted(reasons)) or 'no answer came'}"
            ) from error
        connection = cls(client, clock or SystemClock())
        connection.check_version()
        return connection

    def check_version(self) -> None:
        """Refuse servers of before what streams are made with here."""
        version = self.client.connected_server_version
        if (version.major, version.minor) < VERSION_MIN:
            raise SettingsError(
                "nats_url",
                expected="servers of nats-server {}.{} or later".format(*VERSION_MIN),
                got=f"{version.major}.{version.minor}",
                hint="upgrade the servers one by one",
            )

    @property
    def part_bytes_max(self) -> int:
        """The largest part of a message: what the servers take at once, without what our headers need."""
        return self.client.max_payload - 4_096

    async def api(self, verb: str, question: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask JetStream's API; JetStreamError when it answers with an error that does not pass by itself."""
        body = msgspec.json.encode(question) if question else b""
        return await self.ask(f"$JS.API.{verb}", body)

    async def ask(self, subject: str, body: bytes, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask until there is an answer that is no passing trouble, ANSWER_S_MAX at most. Asking twice must do no harm."""
        reason, end_s = "no answer came", self.clock.steady() + ANSWER_S_MAX
        while (left_s := end_s - self.clock.steady()) > 0:
            try:
                return await self.ask_once(subject, body, headers, within_s=min(ATTEMPT_S, left_s))
            except JetStreamError as error:
                if error.code not in TRANSIENT:
                    raise
                reason = error.text
            except WitnessUnreachable as error:
                reason = error.reason
            await asyncio.sleep(PAUSE_S)
        raise WitnessUnreachable(ENGINE, reason)

    async def ask_once(
        self, subject: str, body: bytes, headers: dict[str, str] | None = None, *, within_s: float = ATTEMPT_S
    ) -> dict[str, Any]:
        """Ask, and return the answer."""
        try:
            message = await self.client.request(subject, body, timeout=within_s, headers=headers)
        except (NatsError, OSError, TimeoutError) as error:
            raise WitnessUnreachable(ENGINE, f"no answer came ({type(error).__name__})") from error
        if not message.data:
            return {}
        answer: dict[str, Any] = msgspec.json.decode(message.data)
        if said := answer.get("error"):
            if said.get("err_code") in FULL:
                raise BufferUnavailable(f"{ENGINE} has no room: {said.get('description', '')}")
            raise JetStreamError(said.get("err_code") or said.get("code", 0), said.get("description", ""))
        return answer

    async def tell(self, subject: str, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Say something that is not answered."""
        try:
            await self.client.publish(subject, body, headers=headers)
        except (NatsError, OSError) as error:
            raise WitnessUnreachable(ENGINE, f"nothing can be sent ({type(error).__name__})") from error

    async def gather(self, subject: str, question: Mapping[str, Any]) -> list[StoredMessage]:
        """Ask for several messages at once and return them, as many as came in order; none when there are none.

        Any server may answer, also one that stands still: so silence is short, and another one is asked.
        """
        reason, end_s = "no answer came", self.clock.steady() + ANSWER_S_MAX
        while self.clock.steady() < end_s:
            try:
                return await self._gather_once(subject, question)
            except (NatsError, OSError, TimeoutError) as error:
                reason = f"no answer came ({type(error).__name__})"
            except WitnessUnreachable as error:
                reason = error.reason
                await asyncio.sleep(PAUSE_S)
        raise WitnessUnreachable(ENGINE, reason)

    async def _gather_once(self, subject: str, question: Mapping[str, Any]) -> list[StoredMessage]:
        inbox, replies = self.client.new_inbox(), list[StoredMessage]()
        subscription = await self.client.subscribe(inbox)
        try:
            await self.client.publish(subject, msgspec.json.encode(question), reply=inbox)
            while True:
                message = await subscription.next_msg(timeout=SILENCE_S)
                headers = message.headers or {}
                if status := headers.get("Status"):
                    # The end of a batch, or no message there.
                    if status in {"204", "404"}:
                        return replies
                    raise WitnessUnreachable(ENGINE, f"{status} {headers.get('Description', '')}")
                replies.append(StoredMessage(headers, message.data))
        except TimeoutError:
            if replies:
                return replies
            raise
        finally:
            with contextlib.suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def poll(self, subject: str, question: Mapping[str, Any], *, within_s: float) -> list[dict[str, Any]]:
        """Ask all who listen there, and return what they said in time; nothing when none does, or may be asked."""
        inbox, answers = self.client.new_inbox(), list[dict[str, Any]]()
        end_s = self.clock.steady() + within_s
        try:
            subscription = await self.client.subscribe(inbox)
            try:
                await self.client.publish(subject, msgspec.json.encode(question), reply=inbox)
                while (left_s := end_s - self.clock.steady()) > 0:
                    message = await subscription.next_msg(timeout=left_s)
                    if not message.data:
                        return answers
                    answers.append(msgspec.json.decode(message.data))
            finally:
                await subscription.unsubscribe()
        except TimeoutError:
            return answers
        except (NatsError, OSError) as error:
            raise WitnessUnreachable(ENGINE, f"no answer came ({type(error).__name__})") from error
        return answers

    @contextlib.asynccontextmanager
    async def hearing(self, subject: str) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        """Listen there; what is yielded waits until something is said, or for so many seconds."""
        try:
            subscription = await self.client.subscribe(subject)
        except (NatsError, OSError) as error:
            raise WitnessUnreachable(ENGINE, f"nothing can be heard ({type(error).__name__})") from error

        async def heard(within_s: float) -> None:
            with contextlib.suppress(TimeoutError):
                await subscription.next_msg(timeout=within_s)

        try:
            yield heard
        finally:
            with contextlib.suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def hint(self, subject: str) -> None:
        """Say that there is something new; no reader relies on it."""
        try:
            await self.client.publish(subject)
        except (NatsError, OSError) as error:
            log.debug("engine_erred", engine=ENGINE, error=type(error).__name__)

    async def close(self) -> None:
        """Let the servers go."""
        await self.client.close()
