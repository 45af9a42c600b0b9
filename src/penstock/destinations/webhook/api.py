"""Requests to a webhook: POST with JSON, signed."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from penstock.clock import Clock
from penstock.destinations.answer import Accepted, Answer, Barred, Refused, Throttled, why_barred
from penstock.destinations.http import HttpApi
from penstock.destinations.impostors import brief, is_page
from penstock.destinations.plan import Call
from penstock.destinations.webhook.signature import signed
from penstock.origin import address_of
from penstock.settings import Destination, Settings
from penstock.signing_secret import secret_of

#: What a receiver gets while it is asked whether it is there; it need not know the type.
PING = "penstock.ping"
# Ids of SDKs are short. What would be no header as it is, is sent as its digest: the same for each try.
ID_CHARS_MAX = 200


class WebhookApi(HttpApi):
    """One address, with one secret."""

    who = "The webhook"
    speaks_json = False

    def __init__(self, destination: Destination, settings: Settings, clock: Clock) -> None:
        address = address_of(destination.base_url)
        super().__init__(
            base_url=str(address.origin),
            api_key=destination.api_key,
            call_s_max=settings.call_timeout_s,
            in_flight_max=destination.calls_in_flight_max,
            clock=clock,
            retry_after_s_max=settings.retry_after_s_max,
            allowed_private_hosts=settings.allowed_private_hosts,
        )
        self.address, self.path, self.secret = destination.base_url, address.path, secret_of(destination.api_key)

    async def send(self, call: Call) -> Answer:
        """Send one event and name the answer. Never raises for anything the network or the receiver does."""
        return await self._post(_id_of(call.body), call.body)

    async def read(self, path: str) -> Answer:
        """Return that there is nothing to be read."""
        return Refused(404, f"a webhook has no {path}")

    async def probe(self) -> Answer:
        """Send a signed ping: no other request tells whether events would be taken."""
        now = self.clock.now()
        return await self._post(f"ping-{now:.0f}", {"type": PING, "timestamp": now, "data": {}})

    def is_own(self, answer: Answer) -> bool:
        """Return whether an answer can only be the receiver's: only one that took the signature tells so much."""
        return isinstance(answer, Accepted)

    def in_words(self, answer: Answer) -> tuple[bool, str]:
        """Return whether the answer to a ping means that events would be taken, and a sentence about it."""
        match answer:
            case Accepted(status, _):
                return True, f"Reachable: {self.address} took a signed ping with {status}."
            case Throttled(_, text) if is_page(text):
                return False, f"{brief(text)} answers at {self.address}, with 429: is a firewall in front of it?"
            case Throttled():
                return True, f"Reachable: {self.address} asks for fewer calls just now."
            case Barred():
                return False, f"{why_barred(answer, self.who, 'secret')[0]}."
            case Refused(status, text):
                return False, f"{self.address} refuses a signed ping with {status}: {brief(text)}"
            case _:
                problem = f" ({answer.status})" if answer.status else ""
                return False, f"{self.address} gives no usable answer{problem}."

    async def _post(self, id_: str, payload: Mapping[str, Any]) -> Answer:
        body = msgspec.json.encode(payload)
        proof = signed(self.secret, id_=id_, at_s=int(self.clock.now()), body=body)
        return await self.ask("POST", self.path, body, headers={"Content-Type": "application/json", **proof})


def _id_of(body: Mapping[str, object]) -> str:
    """Return the event's message id, by which a receiver knows what it has already."""
    data = body.get("data")
    id_ = str(data.get("messageId", "")) if isinstance(data, dict) else ""
    if id_.isascii() and id_.isprintable() and 0 < len(id_.strip()) == len(id_) <= ID_CHARS_MAX:
        return id_
    return hashlib.blake2b(id_.encode(errors="surrogatepass"), digest_size=16).hexdigest()
