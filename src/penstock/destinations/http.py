"""A destination over HTTP: requests to one address by the client that its way needs, and their answers by name."""

import abc
import os
from collections.abc import Collection, Mapping

from penstock import causes
from penstock.clock import Clock
from penstock.destinations.answer import RETRY_AFTER_S_MAX, Answer, Barred, Unavailable, read_answer
from penstock.destinations.egress import Egress, Resolver, Shut, SystemResolver, Way
from penstock.destinations.reqwest import Reqwest
from penstock.destinations.trust import has_files, trust
from penstock.destinations.wire import Wire

# Answers to calls are a few kB. More is not read: the beginning says it all.
ANSWER_BYTES_MAX = 65_536
EXCHANGE_BYTES_MAX = 4_194_304
REDACTED_CHARS_MIN = 6


class HttpApi(abc.ABC):
    """A destination over HTTP, with one secret and one origin. What it is asked, and how that is signed, is its own."""

    #: How people call what is at the far side.
    who = "the destination"
    #: Whether it answers in JSON alone: a web page, or an error inside of a friendly answer, is none of its own then.
    speaks_json = True

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        call_s_max: float,
        in_flight_max: int,
        clock: Clock,
        retry_after_s_max: float = RETRY_AFTER_S_MAX,
        allowed_private_hosts: Collection[str] = (),
        resolver: Resolver | None = None,
    ) -> None:
        self.api_key, self.clock, self.call_s_max, self.in_flight_max = api_key, clock, call_s_max, in_flight_max
        self.base_url = base_url
        self.retry_after_s_max = retry_after_s_max
        self.egress = Egress(
            base_url,
            allowed=allowed_private_hosts,
            resolver=resolver or SystemResolver(),
            clock=clock,
            look_up_s_max=call_s_max,
            environ=os.environ,
        )
        self.client: Wire | Reqwest | None = None

    @abc.abstractmethod
    async def probe(self) -> Answer:
        """Make the call that succeeds when key and address are right, and changes nothing."""

    @abc.abstractmethod
    def is_own(self, answer: Answer) -> bool:
        """Return whether an answer can only come from the server we mean to call."""

    @abc.abstractmethod
    def in_words(self, answer: Answer) -> tuple[bool, str]:
        """Return whether the answer to a probe means that calls can be made, and a sentence about it."""

    async def exchange_with(
        self, method: str, path: str, body: bytes | None, *, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], str]:
        """Make one call and return its answer as it came: for who examines it, not for the way of an event.

        Header names are lower-case. Raises Shut or ValueError for a way that must not or cannot be taken, OSError
        without an answer.
        """
        way = await self.egress.way()
        client = self._client_for(way)
        try:
            reply = await client.ask(method, path, body, headers=headers, bytes_max=EXCHANGE_BYTES_MAX)
        except OSError as error:
            self.egress.failed(way)
            raise OSError(self._redacted(str(error)) or "no answer in time") from error
        answered = {name.decode().lower(): value.decode(errors="replace") for name, value in reply.fields}
        return reply.status, answered, self._redacted(reply.body.decode(errors="replace"))

    async def close(self) -> None:
        """Close idle connections."""
        if isinstance(self.client, Wire):
            self.client.leave()
        elif self.client is not None:
            await self.client.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        *,
        headers: Mapping[str, str],
        bytes_max: int = ANSWER_BYTES_MAX,
    ) -> Answer:
        """Make one request and name its answer, of which so many bytes are read. Never raises for the network's sake."""
        try:
            way = await self.egress.way()
        except Shut as shut:
            return Barred(None, str(shut), causes.ADDRESS)
        except OSError:
            return Unavailable(None, "no usable answer" if self.egress.is_quiet else "the name has no address now")
        try:
            reply = await self._client_for(way).ask(method, path, body, headers=headers, bytes_max=bytes_max)
        except OSError as error:
            self.egress.failed(way)
            return self._trouble(error)
        except ValueError as error:
            # What cannot be a request, or what the client takes for no proxy; a person has to mend it.
            return Barred(None, f"base_url or the proxy cannot be used: {error}", causes.ADDRESS)
        return read_answer(
            reply.status,
            headers={"retry-after": reply.lines(b"retry-after"), "content-type": reply.lines(b"content-type")},
            text=self._redacted(reply.body.decode(errors="replace")),
            now=self.clock.now(),
            speaks_json=self.speaks_json,
            retry_after_s_max=self.retry_after_s_max,
        )

    def _client_for(self, way: Way) -> Wire | Reqwest:
        """Return a client whose connections are kept while the way stays the same. Raises ValueError."""
        if self.client is None or way != self.client.way:
            # Calls under way on the old client end there.
            before, self.client = self.client, self._new_client(way)
            if isinstance(before, Wire):
                before.leave()
        return self.client

    def _new_client(self, way: Way) -> Wire | Reqwest:
        is_secret = way.origin.scheme == "https"
        if way.proxy or (is_secret and not has_files()):
            return Reqwest(way, call_s_max=self.call_s_max, in_flight_max=self.in_flight_max)
        checked = trust() if is_secret else None
        return Wire(way, clock=self.clock, call_s_max=self.call_s_max, kept_max=self.in_flight_max, trust=checked)

    def _trouble(self, error: OSError) -> Answer:
        """Name what went wrong on the way. A certificate will not mend itself; everything else may."""
        text = self._redacted(str(error))
        if "certificate" in text.lower():
            return Barred(None, f"the certificate of {self.who} cannot be trusted: {text}", causes.CERTIFICATE)
        if self.egress.is_quiet:
            return Unavailable(None, "no usable answer")
        return Unavailable(None, "no answer in time" if isinstance(error, TimeoutError) else text)

    def _redacted(self, text: str) -> str:
        # A key of a few letters guards nothing, and would make every text unreadable.
        return text.replace(self.api_key, "[key]") if len(self.api_key) >= REDACTED_CHARS_MIN else text
