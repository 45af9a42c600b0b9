"""The gateway: one RSGI application. Route, key, body, events, log, answer, in this order.

Rules for whoever changes this file: a 200 follows the append; every answer carries CORS headers; the key is checked
before the body is read; nothing per request is logged but what we did wrong ourselves.
"""

import base64
import binascii
import collections
import dataclasses
import functools
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec
import structlog

from penstock.accept import replies, sdk_request
from penstock.accept.admission import Admission
from penstock.accept.pixel import GIF, pixel_event
from penstock.accept.refused import Refusals
from penstock.accept.replies import Reply, json_reply, refusal
from penstock.accept.routes import Kind, Route, find_route
from penstock.accept.sdk_request import Origin
from penstock.accept.source_config import rudder_source_config, segment_settings
from penstock.accept.sources import Sources
from penstock.buffer.port import Log
from penstock.clock import Clock, Dice
from penstock.errors import BufferUnavailable, SdkError, StoreDamaged
from penstock.event import Batch
from penstock.forwarded import address_of, client_of
from penstock.settings import Source
from penstock.timestamps import from_ms, to_text

log = structlog.get_logger()

NO_HEADER_KEY = SdkError(401, "failed to read writekey from header")
NO_QUERY_KEY = SdkError(401, "failed to read writekey from query params")
UNKNOWN_KEY = SdkError(401, "invalid write key")
DISABLED = SdkError(404, "source is disabled")
# A client that is still sending cannot read why it is refused; so much more is read and forgotten before we hang up.
DISCARDED_BYTES_MAX = 64 * 1024 * 1024
# A tuple: members of an enum are compared faster than they are hashed, and this is asked of every request.
TAKING = (Kind.EVENT, Kind.BATCH, Kind.BEACON)
TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may be."""

    body_bytes_max: int = 4_096_000
    path_prefix: str = ""
    requests_max: int = 50_000
    #: Whose X-Forwarded-For is believed; see forwarded.py.
    trusted_proxies: tuple[str, ...] = ()


class Protocol_(Protocol):  # noqa: N801 - RSGI's own word
    """The part of granian's RSGI HTTP protocol that is used; see its documentation."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""

    def __aiter__(self) -> Any:
        """Yield the body in chunks."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Answer without a body."""


class Gateway:
    """Takes SDK requests in. One object per process."""

    def __init__(
        self,
        *,
        log: Log,
        sources: Sources,
        clock: Clock,
        dice: Dice,
        limits: Limits,
        version: str,
        problem: Callable[[], str] = lambda: "",
        on_damage: Callable[[StoreDamaged], None] = lambda _: None,
    ) -> None:
        self.log, self.sources, self.clock, self.dice = log, sources, clock, dice
        self.limits, self.version, self.problem, self.on_damage = limits, version, problem, on_damage
        self.open_requests = 0
        self.requests: collections.Counter[tuple[str, int]] = collections.Counter()
        self.events: collections.Counter[tuple[str, str]] = collections.Counter()
        self.refusals, self.admission = Refusals(), Admission(clock=clock)
        self.started_at = to_text(from_ms(int(clock.now() * 1000)))

    async def __rsgi__(self, scope: Any, protocol: Protocol_) -> None:
        """Answer one request."""
        headers = scope.headers
        origin = headers.get("origin")
        if scope.method == "OPTIONS":
            protocol.response_empty(204, replies.preflight(headers))
            return
        self.open_requests += 1
        try:
            reply = await self._reply(scope, protocol)
        finally:
            self.open_requests -= 1
        body = b"" if scope.method == "HEAD" else reply.body
        protocol.response_bytes(reply.status, [*reply.headers, *replies.cors_headers(origin)], body)

    def facts(self) -> dict[str, object]:
        """Return what was counted, as JSON values."""
        return {
            "requests": [(source, code, count) for (source, code), count in self.requests.items()],
            "events": [(source, type_, count) for (source, type_), count in self.events.items()],
            "refused": self.refusals.facts(),
            "lost": self.admission.facts(),
        }

    async def _reply(self, scope: Any, protocol: Protocol_) -> Reply:
        """Route, and turn every kind of trouble into an answer."""
        route, path_key = find_route(scope.path, prefix=self.limits.path_prefix)
        if route is None:
            self._note(scope, 404, replies.NOT_FOUND_TEXT)
            return refusal(404, replies.NOT_FOUND_TEXT)
        if scope.method not in route.methods:
            self._note(scope, 405, "method not allowed")
            return replies.not_allowed(", ".join(route.methods))
        if self.open_requests > self.limits.requests_max:
            return refusal(503, "Service Unavailable", ("retry-after", "1"))
        try:
            if route.kind in TAKING:
                return await self._take(route, scope, protocol)
            return await self._look(route, scope, path_key)
        except SdkError as error:
            self.requests["", error.status] += 1
            self._note(scope, error.status, error.text, secret=path_key)
            return refusal(error.status, error.text, *_retry_after(error.retry_after_s))
        except BufferUnavailable as error:
            self.requests["", 503] += 1
            return refusal(503, "service unavailable", *_retry_after(error.retry_after_s))
        except StoreDamaged as error:
            # Told to the process, which ends; whoever sent this sends it again.
            self.on_damage(error)
            self.requests["", 503] += 1
            return refusal(503, "service unavailable", ("retry-after", "10"))
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an answer
            # Only the kind is logged: the text may quote the event.
            log.error("request_crashed", error=type(error).__name__, route=route.kind.value)  # noqa: TRY400
            self.requests["", 500] += 1
            return refusal(500, "internal server error")

    def _note(self, scope: Any, status: int, text: str, *, secret: str = "") -> None:
        """Remember a refusal for the dashboard; Segment's settings have the key in the path."""
        key = _basic_user(scope.headers.get("authorization") or "") or _query(scope).get("writeKey", "") or secret
        path = scope.path.replace(secret, "KEY") if secret else scope.path
        agent = scope.headers.get("user-agent") or ""
        now = self.clock.now()
        self.refusals.note(status, text, method=scope.method, path=path, key=key, agent=agent, now=now)

    async def _take(self, route: Route, scope: Any, protocol: Protocol_) -> Reply:
        """Key, body, events, log, answer."""
        source = None if route.kind is Kind.BEACON else self._source_of_header(scope)
        if route.kind is Kind.BEACON:
            source = self._enabled(_query(scope).get("writeKey", ""), missing=NO_QUERY_KEY)
        if source is not None:
            self._let_in(source, scope)
        body = await self._body(scope, protocol)
        if source is None:
            source = self._enabled(_body_key(body), missing=NO_HEADER_KEY)
            self._let_in(source, scope)
        batch = self._batch(route, body, source=source, scope=scope)
        types = [head.type for head in batch.heads]
        self.admission.take(source, batch)
        storing = self.log.append([batch])
        # Of all that waits for a sync, the log keeps what it needs; the memory of the rest is used for the next request.
        del batch, body
        try:
            await storing
        except BufferUnavailable as error:
            self.admission.not_stored(source, error, len(types))
            raise
        self.requests[source.name, 200] += 1
        for type_ in set(types):
            self.events[source.name, type_ if type_ in TYPES else "other"] += types.count(type_)
        return replies.OK

    def _let_in(self, source: Source, scope: Any) -> None:
        if origin := scope.headers.get("origin"):
            self.admission.let_in(source, origin)

    def _batch(self, route: Route, body: bytes, *, source: Source, scope: Any) -> Batch:
        origin = Origin(source.name, int(self.clock.now() * 1000), self._client_ip(scope))
        if route.kind is Kind.EVENT:
            return sdk_request.read_one(body, type_=route.type, origin=origin, dice=self.dice)
        return sdk_request.read_batch(body, origin=origin, dice=self.dice)

    def _client_ip(self, scope: Any) -> str:
        """Return who sent a request; some proxies add a header of their own behind the sender's."""
        if "x-forwarded-for" not in scope.headers:
            return address_of(scope.client)
        forwarded = ",".join(scope.headers.get_all("x-forwarded-for"))
        return client_of(scope.client, forwarded, self.limits.trusted_proxies)

    async def _body(self, scope: Any, protocol: Protocol_) -> bytes:
        """Read the body within bounds, and unpack it within bounds. Raises SdkError."""
        bytes_max = self.limits.body_bytes_max
        length = scope.headers.get("content-length")
        if length is not None and length.isdigit() and int(length) <= bytes_max:
            # The usual case: the server holds the sender to the length it named.
            return self._plain(await protocol(), scope)
        chunks, size = [], 0
        async for chunk in protocol:
            size += len(chunk)
            if size <= bytes_max:
                chunks.append(chunk)
            elif size > bytes_max + DISCARDED_BYTES_MAX:
                break
        if size > bytes_max:
            raise sdk_request.TOO_LARGE
        return self._plain(b"".join(chunks), scope)

    def _plain(self, body: bytes, scope: Any) -> bytes:
        if scope.headers.get("content-encoding") == "gzip":
            return sdk_request.inflated(body, bytes_max=self.limits.body_bytes_max)
        return body

    def _source_of_header(self, scope: Any) -> Source | None:
        """Return the source of the Basic user; None when there is no header, for Segment's key may be in the body."""
        header = scope.headers.get("authorization")
        if header is None:
            return None
        return self._enabled(_basic_user(header), missing=NO_HEADER_KEY)

    def _enabled(self, write_key: str, *, missing: SdkError) -> Source:
        if not write_key:
            raise missing
        source = self.sources.find(write_key)
        if source is None:
            raise UNKNOWN_KEY
        if not source.enabled:
            raise DISABLED
        return source

    async def _look(self, route: Route, scope: Any, path_key: str) -> Reply:
        """Answer what is not an event."""
        match route.kind:
            case Kind.PIXEL:
                return await self._pixel(route, scope)
            case Kind.SOURCE_CONFIG:
                return self._source_config(scope)
            case Kind.SEGMENT_SETTINGS:
                source = self._enabled(urllib.parse.unquote(path_key), missing=UNKNOWN_KEY)
                return json_reply(segment_settings(source, host=scope.headers.get("host") or ""))
            case Kind.HEALTH:
                return self._health()
            case Kind.READY:
                problem = self.problem()
                return refusal(503, problem) if problem else replies.OK
            case Kind.VERSION:
                return self._version()
            case Kind.ROBOTS:
                return Reply(200, b"User-agent: * \nDisallow: / \n", (("content-type", replies.TEXT),))
            case Kind.SDK_METRICS:
                return json_reply(b"{}")
            case _:
                return replies.OK

    async def _pixel(self, route: Route, scope: Any) -> Reply:
        """Whatever happens, an image: a broken one would be seen by the reader of the e-mail."""
        image = Reply(200, GIF, (("content-type", "image/gif"),))
        now_ms = int(self.clock.now() * 1000)
        body = pixel_event(scope.query_string, type_=route.type, now=from_ms(now_ms))
        if body is None:
            return image
        source = None
        try:
            source = self._enabled(_query(scope).get("writeKey", ""), missing=NO_QUERY_KEY)
            self._let_in(source, scope)
            batch = self._batch(Route(Kind.EVENT, (), route.type), body, source=source, scope=scope)
            self.admission.take(source, batch)
            await self.log.append([batch])
            self.events[source.name, route.type] += 1
        except (SdkError, BufferUnavailable) as error:
            status = error.status if isinstance(error, SdkError) else 503
            if source is not None and isinstance(error, BufferUnavailable):
                self.admission.not_stored(source, error, 1)
            self.requests["pixel", status] += 1
            self._note(scope, status, str(error))
        return image

    def _source_config(self, scope: Any) -> Reply:
        query = _query(scope)
        if scope.method == "HEAD":
            # `view=ad` is how the JS SDK finds out about ad blockers.
            return Reply(204 if query.get("view") == "ad" else 200, b"")
        key = _basic_user(scope.headers.get("authorization") or "") or query.get("writeKey", "")
        if not key:
            self._note(scope, 401, "Writekey not found in basic auth")
            return json_reply(b'{"message":"Writekey not found in basic auth"}', 401)
        source = self.sources.find(key)
        if source is None:
            self._note(scope, 400, "Invalid write key")
            return json_reply(b'{"message":"Invalid write key"}', 400)
        return json_reply(rudder_source_config(source))

    def _health(self) -> Reply:
        if self.problem():
            return refusal(503, "Cannot connect to db")
        facts = {
            "appType": "EMBEDDED",
            "server": "UP",
            "db": "UP",
            "acceptingEvents": "TRUE",
            "routingEvents": "TRUE",
            "mode": "NORMAL",
            "backendConfigMode": "JSON",
            "lastSync": self.started_at,
            "lastRegulationSync": "",
        }
        return json_reply(msgspec.json.encode(facts))

    def _version(self) -> Reply:
        facts = {
            "Version": self.version,
            "Commit": "",
            "BuildDate": "",
            "BuiltBy": "penstock",
            "Features": ["gzip-req-payload"],
        }
        return json_reply(msgspec.json.encode(facts))


@functools.lru_cache(maxsize=1024)
def _basic_user(header: str) -> str:
    """Return the user of a Basic header. Few keys send many requests, so the last ones are remembered."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _retry_after(seconds: int) -> list[tuple[str, str]]:
    return [("retry-after", str(seconds))] if seconds else []


def _body_key(body: bytes) -> str:
    """Return Segment's `writeKey` from the body; browsers send it there to spare the preflight."""
    try:
        facts = msgspec.json.decode(body, type=_WithKey)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return facts.key


class _WithKey(msgspec.Struct):
    key: str = msgspec.field(default="", name="writeKey")


def _query(scope: Any) -> dict[str, str]:
    return dict(urllib.parse.parse_qsl(scope.query_string))
