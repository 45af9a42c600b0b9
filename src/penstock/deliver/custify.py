"""The only file that speaks HTTP outwards: one adapter from calls to Custify's API.

Base URL, bearer key and the harmless read are as Custify's own client uses them
(CustifyOfficial/custify-mcp, src/api/client.ts).
"""

from collections.abc import Mapping
from datetime import timedelta

import msgspec
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestError, RequestTimeoutError

from penstock.clock import Clock
from penstock.convert.plan import Call
from penstock.deliver.answer import Answer, Barred, Unavailable, read_answer
from penstock.ledger.guard import READS

# Custify's answers to upserts echo the record: a few kB. More is not read, whoever answers.
ANSWER_BYTES_MAX = 65_536
# Its lists of attributes come whole: some hundred bytes for each, of which a workspace has hundreds.
LIST_BYTES_MAX = 4_194_304
REDACTED_CHARS_MIN = 6
PROBE_PATH = "/company/all?itemsPerPage=1"


class CustifyApi:
    """Custify over HTTP, with one key and one address."""

    def __init__(self, *, base_url: str, api_key: str, call_s_max: float, in_flight_max: int, clock: Clock) -> None:
        self.base_url, self.api_key, self.clock = base_url.rstrip("/"), api_key, clock
        self.client = _client(call_s_max=call_s_max, in_flight_max=in_flight_max)

    async def send(self, call: Call) -> Answer:
        """Make one call and name its answer. Never raises for anything the network or Custify does."""
        return await self._ask(call.method, call.path, msgspec.json.encode(call.body))

    async def read(self, path: str) -> Answer:
        """Make one read and name its answer. Never raises either."""
        bytes_max = LIST_BYTES_MAX if path in READS.values() else ANSWER_BYTES_MAX
        return await self._ask("GET", path, None, bytes_max=bytes_max)

    async def probe(self) -> Answer:
        """Read one company: succeeds when key and address are right, and changes nothing."""
        return await self.read(PROBE_PATH)

    async def close(self) -> None:
        """Close idle connections."""
        await self.client.close()

    async def _ask(self, method: str, path: str, body: bytes | None, *, bytes_max: int = ANSWER_BYTES_MAX) -> Answer:
        request = self.client.request(method, self.base_url + path).headers(self._headers(body))
        if body is not None:
            request = request.body_bytes(body)
        try:
            async with request.build_streamed() as response:
                raw = bytes(await response.body_reader.read(bytes_max) or b"")
                headers = {"retry-after": response.get_header("retry-after") or ""}
                text = self._redacted(raw.decode(errors="replace"))
                return read_answer(response.status, headers=headers, text=text, now=self.clock.now())
        except RequestTimeoutError:
            return Unavailable(None, "no answer in time")
        except PyreqwestError as error:
            return self._trouble(error)

    def _headers(self, body: bytes | None) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}
        return headers if body is None else headers | {"Content-Type": "application/json"}

    def _trouble(self, error: PyreqwestError) -> Answer:
        """Name what went wrong on the way. A certificate will not mend itself; everything else may."""
        causes = (error.details.get("causes") or []) if isinstance(error, RequestError) else []
        text = self._redacted(": ".join([error.message, *(cause["message"] for cause in causes)]))
        if "certificate" in text.lower():
            return Barred(None, f"Custify's certificate cannot be trusted: {text}")
        return Unavailable(None, text)

    def _redacted(self, text: str) -> str:
        # A key of a few letters guards nothing, and would make every text unreadable.
        return text.replace(self.api_key, "[key]") if len(self.api_key) >= REDACTED_CHARS_MIN else text


def _client(*, call_s_max: float, in_flight_max: int) -> Client:
    # Redirects are not followed: a 302 would turn a POST into a GET, and could lead to a private address.
    return (
        ClientBuilder()
        .timeout(timedelta(seconds=call_s_max))
        .max_connections(in_flight_max)
        .follow_redirects(enable=False)
        .user_agent("Penstock")
        .build()
    )
