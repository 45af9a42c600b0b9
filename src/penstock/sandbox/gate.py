"""The way of one call: read it, note it, fail it if a fault says so, check its key, let the API answer."""

import dataclasses
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from penstock.sandbox.api import Answer, Api, Call, refusal
from penstock.sandbox.calls import CallLog, Entry, Key
from penstock.sandbox.faults import Faults, Switches

# Custify's largest body is not known. The SDK gateways take 32 kB an event and 4 MB a request; an upsert is far below.
BODY_BYTES_MAX = 1024 * 1024
THROTTLED = 429


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A body that is sent as it is."""

    text: str


class Gate:
    """The ASGI application for everything that is Custify's."""

    def __init__(
        self,
        api: Api,
        *,
        switches: Switches,
        api_keys: frozenset[str] | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.api, self.calls, self.switches = api, CallLog(), switches
        self._api_keys, self._clock, self._sleep = api_keys, clock, sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or begin an answer and break off."""
        body = await _body(receive)
        entry = self._note(scope, body or b"")
        if self.switches.faults.latency_ms:
            await self._sleep(self.switches.faults.latency_ms / 1000)
        answer = self._answer(entry, body)
        entry.notes = answer.notes
        if answer.status < 300 and self.switches.loses_answer():
            entry.notes += ("applied, but the answer was cut off",)
            await _break_off(send, answer)
        else:
            entry.status = answer.status
            await _send(send, answer)

    def reset(self) -> None:
        """Forget everything that came, and heal."""
        self.api.reset()
        self.calls.clear()
        self.switches.set(Faults())

    def _note(self, scope: Scope, body: bytes) -> Entry:
        query = dict(urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        key = self._judge(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))
        return self.calls.add(
            at=self._clock(), method=scope["method"], path=scope["path"], query=query, body=body, key=key
        )

    def _judge(self, authorization: str) -> Key:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return "missing"
        return "accepted" if self._api_keys is None or key.strip() in self._api_keys else "rejected"

    def _answer(self, entry: Entry, body: bytes | None) -> Answer:
        now = self._clock()
        fault = self.switches.refusal(now, body or b"")
        if fault is not None:
            status, retry_after_s = fault
            refused = refusal(status, f"a fault of the sandbox: {status}")
            text = self.switches.faults.text
            said = refused.body if text is None or status == THROTTLED else Text(text)
            return Answer(status=status, body=said, notes=refused.notes, retry_after_s=retry_after_s)
        if self.switches.faults.reject_keys or entry.key != "accepted":
            return refusal(401, "the API key is missing" if entry.key == "missing" else "the API key is not accepted")
        if body is None:
            return refusal(413, f"a body may have {BODY_BYTES_MAX} bytes at most")
        try:
            content = msgspec.json.decode(body) if body else None
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            return refusal(400, f"the body is not JSON: {error}")
        return self.api.answer(Call(method=entry.method, path=entry.path, query=entry.query, body=content, at=now))


async def _body(receive: Receive) -> bytes | None:
    """Read the body; None if it is too large, and then the rest of it is read and forgotten."""
    body = bytearray()
    more, too_large = True, False
    while more:
        part: Any = await receive()
        body += part.get("body", b"")
        more, too_large = part.get("more_body", False), too_large or len(body) > BODY_BYTES_MAX
        if too_large:
            body.clear()
    return None if too_large else bytes(body)


async def _send(send: Send, answer: Answer) -> None:
    body = _written(answer)
    await send(_head(answer, body))
    await send({"type": "http.response.body", "body": body})


async def _break_off(send: Send, answer: Answer) -> None:
    """Promise a body and never send it: granian then closes the connection, and the client has no whole answer.

    ASGI has no way to close before the status line; a client that settles on the status line alone is not misled,
    because the call was applied.
    """
    await send(_head(answer, _written(answer)))
    await send({"type": "http.response.body", "body": b"", "more_body": True})


def _written(answer: Answer) -> bytes:
    return answer.body.text.encode() if isinstance(answer.body, Text) else msgspec.json.encode(answer.body)


def _head(answer: Answer, body: bytes) -> dict[str, Any]:
    is_page = isinstance(answer.body, Text) and body.lstrip().startswith(b"<")
    content_type = b"text/html; charset=utf-8" if is_page else b"application/json; charset=utf-8"
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    if answer.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % answer.retry_after_s))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
