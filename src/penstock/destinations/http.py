"""The only file that speaks HTTP outwards: requests to one address, and their answers by name."""

import abc
import os
from collections.abc import Collection, Mapping
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestError, RequestTimeoutError
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import RequestBuilder

from penstock import causes
from penstock.clock import Clock
from penstock.destinations.answer import RETRY_AFTER_S_MAX, Answer, Barred, Unavailable, read_answer
from penstock.destinations.egress import Egress, Resolver, Shut, SystemResolver, Way

# Answers to calls are a few kB. More is not read, whoever answers: its beginning says it all.
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
        self.client: Client | None = None
        self.way: Way | None = None

    @abc.abstractmethod
    async def probe(self) -> Answer:
        """Make the call that succeeds when key and address are right, and changes nothing."""

    @abc.abstractmethod
    def is_own(self, answer: Answer) -> bool:
        """Return whether an answer can only be of whom we mean to call."""

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
        try:
            async with self._request(way, method, path, body, headers).build_streamed() as response:
                raw = bytes(await response.body_reader.read(EXCHANGE_BYTES_MAX) or b"")
                answered = {name.lower(): value for name, value in response.headers.items()}
                return response.status, answered, self._redacted(raw.decode(errors="replace"))
        except PyreqwestError as error:
            self.egress.failed(way)
            raise OSError(self._redacted(error.message)) from error

    async def close(self) -> None:
        """Close idle connections."""
        if self.client is not None:
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
            request = self._request(way, method, path, body, headers)
        except Shut as shut:
            return Barred(None, str(shut), causes.ADDRESS)
        except OSError:
            return Unavailable(None, "no usable answer" if self.egress.is_quiet else "the name has no address now")
        except ValueError as error:
            # What the client takes for no URL, or for no proxy; a person has to mend it.
            return Barred(None, f"base_url or the proxy cannot be used: {error}", causes.ADDRESS)
        try:
            async with request.build_streamed() as response:
                raw = bytes(await response.body_reader.read(bytes_max) or b"")
                answered = {name: "\n".join(response.get_header_all(name)) for name in ("retry-after", "content-type")}
                text = self._redacted(raw.decode(errors="replace"))
                return read_answer(
                    response.status,
                    headers=answered,
                    text=text,
                    now=self.clock.now(),
                    speaks_json=self.speaks_json,
                    retry_after_s_max=self.retry_after_s_max,
                )
        except PyreqwestError as error:
            self.egress.failed(way)
            return self._trouble(error)

    def _request(
        self, way: Way, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> RequestBuilder:
        """Begin a request. Connections are kept while the way stays the same. Raises ValueError."""
        if self.client is None or way != self.way:
            # Calls under way on the old client end there.
            self.client = _client(way, call_s_max=self.call_s_max, in_flight_max=self.in_flight_max)
            self.way = way
        request = self.client.request(method, f"{way.origin}{path}").headers(headers)
        return request if body is None else request.body_bytes(body)

    def _trouble(self, error: PyreqwestError) -> Answer:
        """Name what went wrong on the way. A certificate will not mend itself; everything else may."""
        below = (error.details.get("causes") or []) if isinstance(error, RequestError) else []
        text = self._redacted(": ".join([error.message, *(cause["message"] for cause in below)]))
        if "certificate" in text.lower():
            return Barred(None, f"the certificate of {self.who} cannot be trusted: {text}", causes.CERTIFICATE)
        if self.egress.is_quiet:
            return Unavailable(None, "no usable answer")
        return Unavailable(None, "no answer in time" if isinstance(error, RequestTimeoutError) else text)

    def _redacted(self, text: str) -> str:
        # A key of a few letters guards nothing, and would make every text unreadable.
        return text.replace(self.api_key, "[key]") if len(self.api_key) >= REDACTED_CHARS_MIN else text


def _client(way: Way, *, call_s_max: float, in_flight_max: int) -> Client:
    """Return a client for one way alone. Raises ValueError for a proxy that is none."""
    # Redirects are not followed: a 302 would turn a POST into a GET, and could lead to a private address.
    builder = (
        ClientBuilder()
        .timeout(timedelta(seconds=call_s_max))
        .max_connections(in_flight_max)
        .follow_redirects(enable=False)
        .user_agent("Penstock")
        .no_proxy()
    )
    if way.proxy:
        builder = builder.proxy(ProxyBuilder.all(way.proxy))
    if way.address:
        # The address that was judged; the certificate is still checked for the name.
        builder = builder.resolve(way.origin.host, way.address, way.origin.port)
    return builder.build()
