"""The admin listener: status, metrics, and the liveness of this process itself."""

import base64
import dataclasses
import hmac

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from penstock.operate.delivery_api import DeliveryApi
from penstock.operate.metrics import CONTENT_TYPE, render_metrics
from penstock.operate.snapshot import Snapshots
from penstock.operate.status import StatusReader


def create_app(*, reader: StatusReader, snapshots: Snapshots, delivery: DeliveryApi, password: str) -> ASGIApp:
    """Return the admin API. With a password every route but /livez asks for it (HTTP Basic, user `admin`)."""

    async def status(_: Request) -> Response:
        facts = await run_in_threadpool(reader.read)
        return Response(msgspec.json.encode(dataclasses.asdict(facts)), media_type="application/json")

    async def metrics(_: Request) -> Response:
        text = await run_in_threadpool(render_metrics, reader=reader, snapshots=snapshots)
        return Response(text, media_type=CONTENT_TYPE)

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok")

    async def home(_: Request) -> Response:
        return RedirectResponse("/api/v1/status")

    routes = [
        Route("/", home),
        Route("/livez", livez),
        Route("/metrics", metrics),
        Route("/api/v1/status", status),
        *delivery.routes(),
    ]
    return PasswordGate(Starlette(routes=routes), password=password)


class PasswordGate:
    """Lets requests through that carry the administrator's password."""

    def __init__(self, app: ASGIApp, *, password: str) -> None:
        self.app = app
        self.expected = b"Basic " + base64.b64encode(f"admin:{password}".encode()) if password else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 to a stranger."""
        if scope["type"] == "http" and self.expected and scope["path"] != "/livez":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self.expected):
                refusal = PlainTextResponse("sign in as admin", 401, {"WWW-Authenticate": 'Basic realm="Penstock"'})
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)
