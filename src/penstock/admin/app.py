"""The admin listener: the dashboard, the admin API, status and metrics, and the liveness of this process itself."""

import base64
import binascii
import dataclasses
import importlib.resources
from collections.abc import Callable, Sequence

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.admin.doors.access import Access, Caller
from penstock.admin.doors.front import Front, knock_of
from penstock.admin.doors.throttle import Wait
from penstock.admin.pages.web import COOKIE, SecurityHeaders, bare, page_templates, wait_header
from penstock.buffer.port.control import Kind
from penstock.inspect.metrics import CONTENT_TYPE, render_metrics
from penstock.inspect.status import StatusReader, without_names
from penstock.machine.pulse import ROLES
from penstock.machine.snapshot import Snapshots

STATIC = {"style.css": "text/css", "app.js": "text/javascript", "icon.svg": "image/svg+xml"}
# What monitoring asks for; open to this machine while no administrator's password is set and no proxy stands in front.
#: What programs ask, who say at each request who they are.
PROGRAMS = ("/api/", "/metrics", "/v1/regulations", "/v2/regulations", "/regulations")
FIGURES = frozenset({"/api/v1/status", "/metrics"})


def create_app(
    *, reader: StatusReader, snapshots: Snapshots, access: Access, routes: Sequence[BaseRoute], password: str
) -> ASGIApp:
    """Return the application; `routes` are the pages and the admin API's."""

    async def status(request: Request) -> Response:
        facts = await run_in_threadpool(reader.read)
        caller: Caller | None = getattr(request.state, "caller", None)
        if reader.settings.masked_fields and (caller is None or "personal" not in caller.rights):
            facts = without_names(facts)
        return Response(msgspec.json.encode(dataclasses.asdict(facts)), media_type="application/json")

    async def metrics(_: Request) -> Response:
        text = await run_in_threadpool(render_metrics, reader=reader, snapshots=snapshots)
        return Response(text, media_type=CONTENT_TYPE)

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: Request) -> Response:
        roles = await run_in_threadpool(reader.roles)
        late = [f"{role} {found.in_words()}" for role, found in roles.items() if found.state != "running"]
        late += [f"{role} has not started" for role in ROLES if role not in roles]
        return PlainTextResponse("\n".join(late) or "ok", 503 if late else 200)

    async def static(request: Request) -> Response:
        kind = STATIC.get(request.path_params["name"])
        if kind is None:
            return PlainTextResponse("not found", 404)
        file = importlib.resources.files("penstock.admin") / "static" / request.path_params["name"]
        return Response(file.read_bytes(), media_type=kind)

    own = [
        Route("/livez", livez),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/api/v1/status", status),
        Route("/static/{name}", static),
    ]
    handlers = {404: _nothing_here(), 405: _nothing_here()}
    inner = Starlette(routes=[*own, *routes], exception_handlers=handlers)
    inner.state.audit = access.audit
    access.let_in_by_basic(password)
    gate = ApiGate(inner, access=access, is_open=not password)
    return SecurityHeaders(Front(gate, settings=lambda: reader.settings))


def _nothing_here() -> Callable[[Request, Exception], Response]:
    """Return what answers an address, or a method, that there is not: JSON for programs, a page for people."""
    templates = page_templates()

    def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        if not request.url.path.startswith("/api/"):
            return bare(templates, "missing.html", status=status, what=f"page {request.url.path}")
        facts = {"name": "address", "expected": "a route of GET /api/openapi.json", "got": request.url.path, "hint": ""}
        return Response(msgspec.json.encode({"error": facts}), status, media_type="application/json")

    return answer


class ApiGate:
    """Lets requests to the admin API and the metrics through that say who they are; routes and pages look for rights."""

    def __init__(self, app: ASGIApp, *, access: Access, is_open: bool) -> None:
        self.app, self.access, self.is_open = app, access, is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to a stranger; tell the routes who asks, and what they may do."""
        if scope["type"] != "http" or not scope["path"].startswith(PROGRAMS):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if scope["path"] in FIGURES and self.is_open and request.state.is_direct:
            await self.app(scope, receive, send)
            return
        caller = await run_in_threadpool(self._caller, request)
        if isinstance(caller, Wait):
            refusal = PlainTextResponse("too many wrong guesses; wait", 429, wait_header(caller))
            await refusal(scope, receive, send)
        elif caller is None:
            refusal = PlainTextResponse("sign in", 401, {"WWW-Authenticate": 'Basic realm="Penstock"'})
            await refusal(scope, receive, send)
        else:
            scope.setdefault("state", {})["caller"] = caller
            await self.app(scope, receive, send)

    def _caller(self, request: Request) -> Caller | Wait | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.access.token(given.strip(), knock_of(request))
        if scheme.lower() == "basic":
            return self._basic(given, request)
        return self.access.caller(request.cookies.get(COOKIE, ""), Kind.SESSION)

    def _basic(self, given: str, request: Request) -> Caller | Wait | None:
        """The administrator's password from its file, for monitoring and scripts."""
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return self.access.broken(knock_of(request))
        return self.access.basic(name, password, knock_of(request))
