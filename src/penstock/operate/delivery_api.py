"""The admin API of delivery: dead letters, replays, pause and resume. JSON in, JSON out; see docs/operating.md."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.buffer.port import DeadLetters, Orders, Selection, Story
from penstock.errors import BufferUnavailable, StoreDamaged
from penstock.operate.replays import Replay, count_by_cause, problems_as_json, replay_of
from penstock.operate.status import StatusReader

# Events in one answer at most.
PAGE_MAX = 1_000
BODY_BYTES_MAX = 65_536
DIGITS_MAX = 15

Wanted = TypeVar("Wanted")


class ReplayRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST /api/v1/replays takes."""

    destination: str
    selection: Selection = msgspec.field(default_factory=Selection)
    #: Only count.
    dry_run: bool = False


class ApiError(Exception):
    """A request that cannot be done: what was expected, what came, what to do."""

    def __init__(self, status: int, name: str, *, expected: str, got: object, hint: str = "") -> None:
        self.status = status
        self.facts = {"name": name, "expected": expected, "got": got, "hint": hint}
        super().__init__(f"{name}: expected {expected}, got {got!r}")


class DeliveryApi:
    """The handlers, with what they look at and whom they tell."""

    def __init__(self, *, reader: StatusReader, dead: DeadLetters, orders: Orders) -> None:
        self.reader, self.dead, self.orders = reader, dead, orders

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            _route("GET", "/api/v1/destinations/{name}/dead", self.problems),
            _route("GET", "/api/v1/destinations/{name}/dead/events", self.events),
            _route("POST", "/api/v1/destinations/{name}/pause", self.pause),
            _route("POST", "/api/v1/destinations/{name}/resume", self.resume),
            _route("GET", "/api/v1/replays", self.replays),
            _route("POST", "/api/v1/replays", self.ask),
            _route("GET", "/api/v1/replays/{job:int}", self.replay),
            _route("POST", "/api/v1/replays/{job:int}/stop", self.stop),
            _route("POST", "/api/v1/replays/{job:int}/resume", self.go_on),
        ]

    def problems(self, request: Request, _: bytes) -> object:
        """Return dead and rejected events by cause, with advice."""
        return {"problems": problems_as_json(self.dead, self._destination(request))}

    def events(self, request: Request, _: bytes) -> object:
        """Return one page of the dead and rejected events of a selection."""
        query = dict(request.query_params)
        after, limit = (_whole(query, key, default) for key, default in (("after", 0), ("limit", 100)))
        selection = _read(msgspec.json.encode(query), Selection, strict=False)
        page = self.dead.select(
            self._destination(request), selection, after_seq=after, limit=min(max(limit, 1), PAGE_MAX)
        )
        return {"events": [_facts(story) for story in page.stories], "next": page.next_seq}

    def pause(self, request: Request, _: bytes) -> object:
        """Let a destination rest."""
        return self._pause(request, paused=True)

    def resume(self, request: Request, _: bytes) -> object:
        """Let a destination go on."""
        return self._pause(request, paused=False)

    def replays(self, _: Request, __: bytes) -> object:
        """Return all replays, the newest first."""
        return {"replays": [replay_of(order, self.dead.progress(order.id)) for order in self.orders.replays()]}

    def ask(self, request: Request, body: bytes) -> object:
        """Count a selection and, unless it is a dry run, order its replay."""
        wanted = _read(body, ReplayRequest)
        destination = self._known(wanted.destination)
        counts = count_by_cause(self.dead, destination, wanted.selection)
        job = None if wanted.dry_run else self.orders.ask_replay(destination, wanted.selection, by=_who(request))
        return {"replay": None if job is None else self._replay(job), "counts": dict(counts)}

    def replay(self, request: Request, _: bytes) -> object:
        """Return one replay."""
        return self._replay(request.path_params["job"])

    def stop(self, request: Request, _: bytes) -> object:
        """Stop a replay."""
        return self._stop(request.path_params["job"], stopped=True)

    def go_on(self, request: Request, _: bytes) -> object:
        """Let a stopped replay go on."""
        return self._stop(request.path_params["job"], stopped=False)

    def _pause(self, request: Request, *, paused: bool) -> object:
        name = self._destination(request)
        self.orders.pause(name, paused=paused, by=_who(request))
        return {"destination": name, "paused": paused}

    def _stop(self, job: int, *, stopped: bool) -> object:
        self.orders.stop_replay(job, stopped=stopped)
        return self._replay(job)

    def _replay(self, job: int) -> Replay:
        for order in self.orders.replays():
            if order.id == job:
                return replay_of(order, self.dead.progress(job))
        raise ApiError(404, "replay", expected="the number of a replay", got=job, hint="see GET /api/v1/replays")

    def _destination(self, request: Request) -> str:
        return self._known(request.path_params["name"])

    def _known(self, name: str) -> str:
        known = self.reader.settings.destinations
        if name not in known:
            raise ApiError(404, "destination", expected=f"one of {sorted(known)}", got=name)
        return name


def _who(request: Request) -> str:
    return str(getattr(request.state, "user", ""))


def _route(method: str, path: str, handler: Callable[[Request, bytes], object]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            body = await _body(request) if method == "POST" else b""
            return _json(await run_in_threadpool(handler, request, body))
        except ApiError as error:
            return _json({"error": error.facts}, error.status)
        except (BufferUnavailable, StoreDamaged) as error:
            facts = {"name": "store", "expected": "a store in working order", "got": str(error), "hint": ""}
            return _json({"error": facts}, 503)

    return Route(path, endpoint, methods=[method], name=f"{method} {path}")


async def _body(request: Request) -> bytes:
    """Return the body of a change. A page of another site cannot send this type without asking first."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip() != "application/json":
        raise ApiError(415, "content-type", expected="application/json", got=kind)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise ApiError(413, "body", expected=f"{BODY_BYTES_MAX} bytes at most", got=len(body))
    return body


def _read(body: bytes, kind: type[Wanted], *, strict: bool = True) -> Wanted:
    try:
        return msgspec.json.decode(body, type=kind, strict=strict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, "body", expected=kind.__name__, got=str(error)) from error


def _whole(query: dict[str, str], key: str, default: int) -> int:
    text = query.pop(key, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS_MAX:
        raise ApiError(400, key, expected="a whole number", got=text)
    return int(text)


def _facts(story: Story) -> dict[str, object]:
    return {
        "message_id": story.event.message_id,
        "source": story.event.source,
        "type": story.event.type,
        "user_id": story.event.user_id,
        "anonymous_id": story.event.anonymous_id,
        "seq": story.seq,
        "outcome": story.state,
        "cause": story.cause,
        "reason": story.reason,
        "ended_at": story.ended_at,
        "attempts": story.attempts,
    }


def _json(facts: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(facts), status, media_type="application/json")
