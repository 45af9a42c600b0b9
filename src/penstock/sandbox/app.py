"""The routes: the page, what only a sandbox offers under /_sandbox/, and everything else is Custify's."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route

from penstock.sandbox import page, view
from penstock.sandbox.api import Api
from penstock.sandbox.calls import CALLS_MAX, Entry
from penstock.sandbox.doors import Doors
from penstock.sandbox.faults import Faults, Switches
from penstock.sandbox.gate import Gate
from penstock.sandbox.journal import Journal
from penstock.sandbox.store import Store


def create_app(
    *,
    api_keys: frozenset[str] | None = None,
    data: Path | None = None,
    hosts: Collection[str] = (),
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    dice: Callable[[], float] = random.random,
) -> Starlette:
    """Return a Custify. Without `api_keys` any key is accepted; without `data` it forgets when it ends.
    It answers to addresses, to names without a dot and to `hosts`; see doors.py.

    Raises JournalError if the data file cannot be used. `dice` returns a number in [0, 1).
    """
    gate = Gate(Api(Store(), Journal(data)), switches=Switches(dice=dice), api_keys=api_keys, clock=clock, sleep=sleep)
    control = _Control(gate)
    routes = [
        Route("/", control.page, methods=["GET"]),
        Route("/favicon.ico", control.no_icon, methods=["GET"]),
        Route("/_sandbox/style.css", control.style, methods=["GET"]),
        Route("/_sandbox/requests", control.requests, methods=["GET"]),
        Route("/_sandbox/state", control.state, methods=["GET"]),
        Route("/_sandbox/faults", control.faults, methods=["GET"]),
        Route("/_sandbox/faults", control.set_faults, methods=["POST"]),
        Route("/_sandbox/reset", control.reset, methods=["POST"]),
        Mount("/_sandbox", Starlette()),
        Mount("/", gate),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Doors, hosts=hosts)])


class _Control:
    """What only a sandbox offers. No key is asked for: it holds nothing but what was sent to it to try things out."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def page(self, _request: Request) -> Response:
        return HTMLResponse(page.render(self.gate), headers=page.HEADERS)

    async def style(self, _request: Request) -> Response:
        return Response(page.STYLE, media_type="text/css", headers={"cache-control": "no-cache"})

    async def no_icon(self, _request: Request) -> Response:
        return Response(status_code=204)

    async def requests(self, request: Request) -> Response:
        """Return the calls received after `since`, oldest first; `next` is the `since` of the next look."""
        try:
            since = msgspec.convert(request.query_params.get("since", "0"), int, strict=False)
            limit = msgspec.convert(request.query_params.get("limit", str(CALLS_MAX)), int, strict=False)
        except msgspec.ValidationError:
            return _error("since and limit: expected whole numbers")
        calls = self.gate.calls.after(max(0, since), limit=max(0, limit))
        seen = calls[-1].n if calls else since
        return _json({"requests": [_entry(call) for call in calls], "total": self.gate.calls.total, "next": seen})

    async def state(self, _request: Request) -> Response:
        return _json(view.state(self.gate.api.store))

    async def faults(self, _request: Request) -> Response:
        return _json(self.gate.switches.active())

    async def set_faults(self, request: Request) -> Response:
        """Replace the faults by those in the body; `{}` heals."""
        try:
            self.gate.switches.set(msgspec.json.decode(await request.body(), type=Faults))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            return _error(f"{error}. Known: {', '.join(Faults.__struct_fields__)}")
        return _json(self.gate.switches.active())

    async def reset(self, _request: Request) -> Response:
        """Forget everything, the data file's content and the faults too."""
        self.gate.reset()
        return _json({})


def _entry(entry: Entry) -> dict[str, Any]:
    """Write a call for a reader; its body as JSON, or as text if it is none."""
    return {
        "n": entry.n,
        "at": view.utc(entry.at),
        "method": entry.method,
        "path": entry.path,
        "query": entry.query,
        "body": _content(entry.body),
        "body_bytes": entry.body_bytes,
        "key": entry.key,
        "status": entry.status,
        "notes": entry.notes,
    }


def _content(body: bytes) -> object:
    try:
        msgspec.json.decode(body or b"null")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return body.decode(errors="replace")
    return msgspec.Raw(body or b"null")


def _json(content: object, *, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(msgspec.json.encode(content), status, media_type="application/json", headers=headers)


def _error(text: str) -> Response:
    return _json({"error": text}, status=400)
