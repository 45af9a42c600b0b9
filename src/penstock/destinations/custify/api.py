"""Calls to Custify's API.

Base URL, bearer key and the harmless read are as Custify's own client uses them
(CustifyOfficial/custify-mcp, src/api/client.ts).
"""

from collections.abc import Mapping

import msgspec

from penstock.destinations.answer import Accepted, Answer, Barred, Throttled, Unavailable
from penstock.destinations.custify.words import in_words
from penstock.destinations.http import EXCHANGE_BYTES_MAX, HttpApi
from penstock.destinations.plan import Call

# A person who is looked up comes with all attributes, and half a person would be taken for none.
PERSON_BYTES_MAX = 1_048_576
# Its lists of attributes come whole: some hundred bytes for each, of which a workspace has hundreds.
LIST_BYTES_MAX = EXCHANGE_BYTES_MAX
PROBE_PATH = "/company/all?itemsPerPage=1"


class CustifyApi(HttpApi):
    """Custify over HTTP, with one key and one origin."""

    who = "Custify"

    async def send(self, call: Call) -> Answer:
        """Make one call and name its answer. Never raises for anything the network or Custify does."""
        body = msgspec.json.encode(call.body)
        return await self.ask(call.method, call.path, body, headers=self._headers(body))

    async def read(self, path: str) -> Answer:
        """Make one read and name its answer. Never raises either."""
        if path.endswith("/attributes"):
            return await self.ask("GET", path, None, headers=self._headers(None), bytes_max=LIST_BYTES_MAX)
        answer = await self.ask("GET", path, None, headers=self._headers(None), bytes_max=PERSON_BYTES_MAX + 1)
        if isinstance(answer, Accepted) and len(answer.text.encode()) > PERSON_BYTES_MAX:
            return Unavailable(answer.status, f"the answer has more than {PERSON_BYTES_MAX} bytes")
        return answer

    async def delete(self, path: str) -> Answer:
        """Delete what stands at a path and name the answer. Never raises either."""
        return await self.ask("DELETE", path, None, headers=self._headers(None))

    async def probe(self) -> Answer:
        """Read one company: succeeds when key and address are right, and changes nothing."""
        return await self.ask("GET", PROBE_PATH, None, headers=self._headers(None))

    async def exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, Mapping[str, str], str]:
        """Make one call and return its answer as it came. For the probe, which examines Custify."""
        return await self.exchange_with(method, path, body, headers=self._headers(body))

    def is_own(self, answer: Answer) -> bool:
        """Return whether an answer can only be Custify's: it answers in JSON, also when it refuses."""
        match answer:
            case Accepted(_, text) | Throttled(_, text) | Barred(200 | 401 | 402 | 403, text):
                return _is_json(text)
            case _:
                return False

    def in_words(self, answer: Answer) -> tuple[bool, str]:
        """Return whether the answer to a probe means that calls can be made, and a sentence about it."""
        return in_words(answer, self.base_url)

    def _headers(self, body: bytes | None) -> Mapping[str, str]:
        headers = {"Authorization": f"Bearer {self.api_key}", "Accept": "application/json"}
        return headers if body is None else headers | {"Content-Type": "application/json"}


def _is_json(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict | list)
    except msgspec.DecodeError:
        return False
