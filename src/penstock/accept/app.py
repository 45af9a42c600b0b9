"""The gateway: one RSGI application. Route, key, body, events, log, answer, in this order.

Rules for changing this file: a 200 follows the append; every answer carries CORS headers; the key is checked
before the body is read; nothing per request is logged but what we did wrong ourselves.
"""

import collections
import dataclasses
import itertools
import logging
from collections.abc import Callable
from typing import Any

import structlog

from penstock.accept import answers, one_by_one, replies, sdk_request
from penstock.accept.admission import Admission
from penstock.accept.bodies import Bodies, Protocol_
from penstock.accept.codings import coding_of
from penstock.accept.keys import basic_user, body_key, query_of
from penstock.accept.looks import Looks
from penstock.accept.pixel import GIF, pixel_event
from penstock.accept.refused import Refusals
from penstock.accept.replies import Reply, refusal
from penstock.accept.routes import Route, RouteKind, find_route
from penstock.accept.sdk_request import Arrival
from penstock.accept.slices import Slices
from penstock.accept.sources import Sources
from penstock.accept.turns import SourceTurns
from penstock.buffer.port.log import Log
from penstock.clock import Clock, Dice
from penstock.errors import BufferUnavailable, SdkError, StoreDamaged
from penstock.event import Batch
from penstock.forwarded import client_of, peer_of
from penstock.settings import Source
from penstock.timestamps import from_ms, to_text

log = structlog.get_logger()

NO_HEADER_KEY = SdkError(401, "failed to read writekey from header")
NO_QUERY_KEY = SdkError(401, "failed to read writekey from query params")
UNKNOWN_KEY = SdkError(401, "invalid write key")
DISABLED = SdkError(404, "source is disabled")
# A tuple: members of an enum are compared faster than they are hashed, and this is asked of every request.
TAKING = (RouteKind.EVENT, RouteKind.BATCH, RouteKind.BEACON)
# Of a large request so much is stored with one sync. A piece is what the log keeps together, so that it cuts nothing again.
PIECE_EVENTS_MAX, PIECE_BYTES_MAX, PIECES_AT_ONCE = 128, 128 * 1024, 2
TYPES = frozenset({"identify", "track", "page", "screen", "group", "alias"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may be."""

    body_bytes_max: int = 4_096_000
    #: All bodies that are in memory at once.
    bodies_bytes_max: int = 67_108_864
    #: Events of one request.
    request_events_max: int = 10_000
    #: Whether one unusable event makes a whole batch refused, as at RudderStack.
    batch_all_or_nothing: bool = False
    path_prefix: str = ""
    #: Address of this listener as SDKs see it; empty when it was not said.
    public_url: str = ""
    requests_max: int = 50_000
    #: Whose X-Forwarded-For is believed; see forwarded.py.
    trusted_proxies: tuple[str, ...] = ()


class Gateway:
    """Takes SDK requests in. One object per process."""

    def __init__(
        self,
        *,
        log: Log,
        ruled_log: Log | None = None,
        sources: Sources,
        clock: Clock,
        dice: Dice,
        limits: Limits,
        version: str,
        problem: Callable[[], str] = lambda: "",
        on_damage: Callable[[StoreDamaged], None] = lambda _: None,
        names_suppressed: Callable[[str], bool] = lambda _: False,
        heard: Callable[..., None] = lambda event, *, level, **facts: log.log(level, event, **facts),
    ) -> None:
        """`ruled_log` stores what sources with rules of what is never stored sent."""
        self.ruled_log = ruled_log
        self.log, self.sources, self.clock, self.dice = log, sources, clock, dice
        self.limits, self.problem, self.on_damage, self.heard = limits, problem, on_damage, heard
        self.open_requests = 0
        self.requests: collections.Counter[tuple[str, int]] = collections.Counter()
        self.events: collections.Counter[tuple[str, str]] = collections.Counter()
        self.refusals, self.admission = Refusals(names_suppressed), Admission(clock=clock)
        self.turns = SourceTurns()
        self.bodies = Bodies(
            body_bytes_max=limits.body_bytes_max, bodies_bytes_max=limits.bodies_bytes_max, turns=self.turns
        )
        self.looks = Looks(
            sources=sources,
            enabled=lambda key: self._enabled(key, missing=UNKNOWN_KEY),
            note=self._note,
            public_url=limits.public_url,
            path_prefix=limits.path_prefix,
            trusted_proxies=limits.trusted_proxies,
            version=version,
            started_at=to_text(from_ms(int(clock.now() * 1000))),
        )

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
            "keys": self.sources.uses(self.clock.now()),
        }

    async def _reply(self, scope: Any, protocol: Protocol_) -> Reply:
        """Route, and turn every kind of trouble into an answer."""
        route, path_key = find_route(scope.path, prefix=self.limits.path_prefix)
        if route is None:
            self._note(scope, 404, replies.NOT_FOUND_TEXT)
            return refusal(404, replies.NOT_FOUND_TEXT)
        if scope.method not in route.methods:
            text = answers.not_allowed_text(route, scope.method, scope.headers)
            self._note(scope, 405, text or "method not allowed")
            return replies.not_allowed(", ".join(route.methods), text)
        if self.open_requests > self.limits.requests_max:
            return refusal(503, "Service Unavailable", ("retry-after", "1"))
        try:
            if route.kind in TAKING:
                return await self._take(route, scope, protocol)
            if route.kind is RouteKind.PIXEL:
                return await self._pixel(route, scope)
            return self.looks.answer(route, scope, path_key=path_key, problem=self.problem)
        except SdkError as error:
            self.requests["", error.status] += 1
            self._note(scope, error.status, error.text, secret=path_key)
            return refusal(error.status, error.text, *_retry_after(error.retry_after_s))
        except BufferUnavailable as error:
            self.requests["", 503] += 1
            return refusal(503, "service unavailable", *_retry_after(error.retry_after_s))
        except StoreDamaged as error:
            # Told to the process, which ends; the client sends this again.
            self.on_damage(error)
            self.requests["", 503] += 1
            return refusal(503, "service unavailable", ("retry-after", "10"))
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an answer
            # Only the kind is logged: the text may quote the event.
            self.heard("request_crashed", level=logging.ERROR, cause=type(error).__name__, route=route.kind.value)
            self.requests["", 500] += 1
            return refusal(500, "internal server error")

    def _note(self, scope: Any, status: int, text: str, *, secret: str = "") -> None:
        """Remember a refusal for the dashboard; Segment's settings have the key in the path."""
        key = (
            basic_user(scope.headers.get("authorization") or "")
            or query_of(scope.query_string).get("writeKey", "")
            or secret
        )
        path = scope.path.replace(secret, "KEY") if secret else scope.path
        agent = scope.headers.get("user-agent") or ""
        now = self.clock.now()
        self.refusals.note(status, text, method=scope.method, path=path, key=key, agent=agent, now=now)

    async def _take(self, route: Route, scope: Any, protocol: Protocol_) -> Reply:
        """Key, body, events, log, answer."""
        headers = scope.headers
        source = None if route.kind is RouteKind.BEACON else self._source_of_header(scope)
        if route.kind is RouteKind.BEACON:
            source = self._enabled(query_of(scope.query_string).get("writeKey", ""), missing=NO_QUERY_KEY)
        if source is not None and (page := headers.get("origin")):
            self.admission.let_in(source, page)
        room = self.bodies.known if source is not None else self.bodies.strangers
        body = await self.bodies.read(scope, protocol, room)
        if body[:1] != b"{" and (coding := coding_of(body)):
            # Some proxies and clients do not say so.
            body = await self.bodies.unpacked(body, room, coding=coding)
        size = len(body)
        try:
            if source is None:
                source = self._enabled(body_key(body), missing=NO_HEADER_KEY)
                self._let_in(source, scope)
            address, ruled = self._client_ip(scope), self.sources.ruled.get(source.name)
            if ruled is not None:
                address = ruled(address)
            origin = Arrival(source.name, int(self.clock.now() * 1000), address)
            batch = self._plain(route, body, origin)
            reply = answers.accepted(route, headers, body)
            if batch is None:
                types = await self._in_turn(route, body, source, origin)
            else:
                types = [head.type for head in batch.heads]
                self.admission.take(source, batch)
                storing = (self.log if ruled is None else self.ruled_log or self.log).append([batch])
                # Of all that waits for a sync, the log keeps what it needs; the memory of the rest is for the next request.
                del batch, body
                self.turns.storing += 1
                try:
                    await storing
                except BufferUnavailable as error:
                    self.admission.not_stored(source, error, len(types))
                    raise
                finally:
                    self.turns.storing -= 1
        finally:
            room.held_bytes -= size
        self._count(source, types)
        return reply

    def _count(self, source: Source, types: list[str]) -> None:
        self.requests[source.name, 200] += 1
        if len(types) == 1:
            self.events[source.name, types[0] if types[0] in TYPES else "other"] += 1
            return
        counted = 0
        # What a sender calls a type it makes up is not counted by its name: there may be thousands.
        for type_ in TYPES.intersection(types):
            count = types.count(type_)
            self.events[source.name, type_] += count
            counted += count
        if counted < len(types):
            self.events[source.name, "other"] += len(types) - counted

    def _let_in(self, source: Source, scope: Any) -> None:
        if origin := scope.headers.get("origin"):
            self.admission.let_in(source, origin)

    def _plain(self, route: Route, body: bytes, origin: Arrival) -> Batch | None:
        """Take an SDK's body apart in one go; None when another one must wait for its turn. Raises SdkError."""
        if route.kind is RouteKind.EVENT:
            return sdk_request.plain_one(body, type_=route.type, origin=origin, dice=self.dice)
        batch = sdk_request.plain_batch(body, origin=origin, dice=self.dice)
        # What has too many is read again, as far as it takes to refuse it.
        return batch if batch is not None and len(batch.heads) <= self.limits.request_events_max else None

    def _client_ip(self, scope: Any) -> str:
        """Return who sent a request; some proxies add a header of their own behind the sender's."""
        if "x-forwarded-for" not in scope.headers:
            return peer_of(scope.client)
        forwarded = ",".join(scope.headers.get_all("x-forwarded-for"))
        return client_of(scope.client, forwarded, self.limits.trusted_proxies)

    async def _in_turn(self, route: Route, body: bytes, source: Source, origin: Arrival) -> list[str]:
        """Take any body apart and store its events, when it is its turn; return their types. Raises SdkError."""
        async with self.turns.turn(source.name):
            try:
                batch = await self.turns.go(self._steps(route, body, origin))
            except sdk_request.TooManyEvents as error:
                self.admission.too_many(source.name, error.count)
                raise
            self.admission.take(source, batch)
            await self._store(source, batch)
        return [head.type for head in batch.heads]

    async def _store(self, source: Source, batch: Batch) -> None:
        """Store events some at a time: no request's sync waits for thousands of another's. Raises BufferUnavailable.

        What is stored when this raises is stored; sent again, it is known by its message ids.
        """
        pieces, left = (
            batch.cut(batch.pairs(), events_max=PIECE_EVENTS_MAX, bytes_max=PIECE_BYTES_MAX),
            len(batch.heads),
        )
        log = (source.name in self.sources.ruled and self.ruled_log) or self.log
        while some := list(itertools.islice(pieces, PIECES_AT_ONCE)):
            try:
                await log.append(some)
            except BufferUnavailable as error:
                self.admission.not_stored(source, error, left)
                raise
            left -= sum(len(piece.heads) for piece in some)
            await self.turns.rest()

    def _steps(self, route: Route, body: bytes, origin: Arrival) -> Slices[Batch]:
        if route.kind is RouteKind.EVENT:
            return sdk_request.one_in_slices(body, type_=route.type, origin=origin, dice=self.dice)
        return one_by_one.batch_in_slices(
            body,
            origin=origin,
            dice=self.dice,
            events_max=self.limits.request_events_max,
            all_or_nothing=self.limits.batch_all_or_nothing,
        )

    def _source_of_header(self, scope: Any) -> Source | None:
        """Return the source of the Basic user; None when there is no header, for Segment's key may be in the body."""
        header = scope.headers.get("authorization")
        if header is None:
            return None
        return self._enabled(basic_user(header), missing=NO_HEADER_KEY)

    def _enabled(self, write_key: str, *, missing: SdkError) -> Source:
        if not write_key:
            raise missing.again()
        source = self.sources.find(write_key)
        if source is None:
            raise UNKNOWN_KEY.again()
        if not source.enabled:
            raise DISABLED.again()
        return source

    async def _pixel(self, route: Route, scope: Any) -> Reply:
        """Whatever happens, an image: a broken one would be seen by the reader of the e-mail."""
        image = Reply(200, GIF, (("content-type", "image/gif"),))
        now_ms = int(self.clock.now() * 1000)
        try:
            body = pixel_event(scope.query_string, type_=route.type, now=from_ms(now_ms))
            if body is None:
                return image
            source = self._enabled(query_of(scope.query_string).get("writeKey", ""), missing=NO_QUERY_KEY)
            self._let_in(source, scope)
            ruled = self.sources.ruled.get(source.name, str)
            route = Route(RouteKind.EVENT, (), route.type)
            origin = Arrival(source.name, now_ms, ruled(self._client_ip(scope)))
            batch = self._plain(route, body, origin)
            if batch is None:
                await self._in_turn(route, body, source, origin)
            else:
                self.admission.take(source, batch)
                await self._store(source, batch)
            self.events[source.name, route.type] += 1
        except (SdkError, BufferUnavailable) as error:
            status = error.status if isinstance(error, SdkError) else 503
            self.requests["pixel", status] += 1
            self._note(scope, status, str(error))
        return image


def _retry_after(seconds: int) -> list[tuple[str, str]]:
    return [("retry-after", str(seconds))] if seconds else []
