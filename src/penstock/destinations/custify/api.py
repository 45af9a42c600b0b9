"""The only file that speaks HTTP outwards: one adapter from calls to Custify's API.

Base URL, bearer key and the harmless read are as Custify's own client uses them
(CustifyOfficial/custify-mcp, src/api/client.ts).
"""

import os
from collections.abc import Collection, Mapping
from datetime import timedelta

import msgspec
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestError, RequestTimeoutError
from pyreqwest.proxy import ProxyBuilder
from pyreqwest.request import RequestBuilder

from penstock import causes
from penstock.clock import Clock
from penstock.deliver.answer import RETRY_AFTER_S_MAX, Accepted, Answer, Barred, Unavailable, read_answer
from penstock.deliver.egress import Egress, Resolver, Shut, SystemResolver, Way
from penstock.destinations.custify.convert.plan import Call
from penstock.ledger.guard import READS

# Custify's answers to upserts echo the record: a few kB. More is not read, whoever answers: its beginning says it all.
ANSWER_BYTES_MAX = 65_536
# A person who is looked up comes with all attributes, and half a person would be taken for none.
PERSON_BYTES_MAX = 1_048_576
# Its lists of attributes come whole: some hundred bytes for each, of which a workspace has hundreds.
LIST_BYTES_MAX = 4_194_304
REDACTED_CHARS_MIN = 6
PROBE_PATH = "/company/all?itemsPerPage=1"


class CustifyApi:
    """Custify over HTTP, with one key and one origin."""

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

    async def send(self, call: Call) -> Answer:
        """Make one call and name its answer. Never raises for anything the network or Custify does."""
        return await self._ask(call.method, call.path, msgspec.json.encode(call.body))

    async def read(self, path: str) -> Answer:
        """Make one read and name its answer. Never raises either."""
        if path in READS.values():
            return await self._ask("GET", path, None, bytes_max=LIST_BYTES_MAX)
        answer = await self._ask("GET", path, None, bytes_max=PERSON_BYTES_MAX + 1)
        if isinstance(answer, Accepted) and len(answer.text.encode()) > PERSON_BYTES_MAX:
            return Unavailable(answer.status, f"the answer has more than {PERSON_BYTES_MAX} bytes")
        return answer

    async def probe(self) -> Answer:
        """Read one company: succeeds when key and address are right, and changes nothing."""
        return await self._ask("GET", PROBE_PATH, None)

    async def exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, Mapping[str, str], str]:
        """Make one call and return its answer as it came: for who examines Custify, not for the way of an event.

        Header names are lower-case. Raises Shut or ValueError for a way that must not or cannot be taken, OSError
        without an answer.
        """
        way = await self.egress.way()
        try:
            async with self._request(way, method, path, body).build_streamed() as response:
                raw = bytes(await response.body_reader.read(LIST_BYTES_MAX) or b"")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return response.status, headers, self._redacted(raw.decode(errors="replace"))
        except PyreqwestError as error:
            self.egress.failed(way)
            raise OSError(self._redacted(error.message)) from error

    async def close(self) -> None:
        """Close idle connections."""
        if self.client is not None:
            await self.client.close()

    async def _ask(self, method: str, path: str, body: bytes | None, *, bytes_max: int = ANSWER_BYTES_MAX) -> Answer:
        try:
            way = await self.egress.way()
            request = self._request(way, method, path, body)
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
                headers = {name: "\n".join(response.get_header_all(name)) for name in ("retry-after", "content-type")}
                text = self._redacted(raw.decode(errors="replace"))
                return read_answer(
                    response.status,
                    headers=headers,
                    text=text,
                    now=self.clock.now(),
                    retry_after_s_max=self.retry_after_s_max,
                )
        except PyreqwestError as error:
            self.egress.failed(way)
            return self._trouble(error)

    def _request(self, way: Way, method: str, path: str, body: bytes | None) -> RequestBuilder:
        """Begin a request. Connections are kept while the way stays the same. Raises ValueError."""
        if self.client is None or way != self.way:
            # Calls under way on the old client end there.
            self.client = _client(way, call_s_max=self.call_s_max, in_flight_max=self.in_flight_max)
            self.way = way
        request = self.client.request(method, f"{way.origin}{path}").headers(self._headers(body))
        return request if body is None else request.body_bytes(body)

    def _headers(self, body: bytes | None) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}
        return headers if body is None else headers | {"Content-Type": "application/json"}

    def _trouble(self, error: PyreqwestError) -> Answer:
        """Name what went wrong on the way. A certificate will not mend itself; everything else may."""
        below = (error.details.get("causes") or []) if isinstance(error, RequestError) else []
        text = self._redacted(": ".join([error.message, *(cause["message"] for cause in below)]))
        if "certificate" in text.lower():
            return Barred(None, f"Custify's certificate cannot be trusted: {text}", causes.CERTIFICATE)
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
