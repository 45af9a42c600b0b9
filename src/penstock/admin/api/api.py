"""What the routes of the admin API share: bodies, errors, and how an event looks as JSON."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from penstock.admin.api.body import ApiError, read_as
from penstock.admin.api.table import described
from penstock.admin.doors.access import Caller
from penstock.admin.doors.bodies import BODY_S_MAX, TooLarge, read_body
from penstock.admin.doors.looks import SHOWS, look_of
from penstock.buffer.port.query import Query
from penstock.errors import BufferUnavailable, SettingsError, SettingsOutdated, StoreDamaged, TooCostly
from penstock.inspect.eyes import Eyes, Sight
from penstock.timestamps import moment

# Events in one answer: unless asked otherwise, and at most.
PAGE, PAGE_MAX = 100, 1_000
BODY_BYTES_MAX = 65_536
DIGITS_MAX = 15

Wanted = TypeVar("Wanted")
#: Is given the request, and its body as the type that the table of routes says; None for what has no body. What it returns is
#: sent as JSON, unless it is an answer already: a file.
Handler = Callable[[Request, Any], object]


def api_route(method: str, path: str, handler: Handler, *, right: str) -> Route:
    """Return a route whose handler runs in a thread and answers with JSON, to callers who have the right."""
    takes = described(method, path).takes

    async def endpoint(request: Request) -> Response:
        caller = caller_of(request)
        if right not in caller.rights:
            return PlainTextResponse(f"your role is {caller.role.value}, and this needs the right: {right}", 403)
        try:
            wanted = read_as(await _body(request), takes) if takes is not None else None
            answer = await run_in_threadpool(handler, request, wanted)
        except ApiError as error:
            return _json({"error": error.facts}, error.status)
        except SettingsError as error:
            facts = {"name": error.name, "expected": error.expected, "got": str(error.got), "hint": error.hint}
            return _json({"error": facts}, 409 if isinstance(error, SettingsOutdated) else 422)
        except TooCostly as error:
            expected = "events that can be read within the budget of a request"
            return _json({"error": {"name": "events", "expected": expected, "got": str(error), "hint": ""}}, 503)
        except (BufferUnavailable, StoreDamaged) as error:
            facts = {"name": "store", "expected": "a store in working order", "got": str(error), "hint": ""}
            return _json({"error": facts}, 503)
        # What is personal was looked at with these eyes; see eyes_of.
        if path in SHOWS and (what := look_of(path, request, 200, request.state.eyes)):
            await run_in_threadpool(request.app.state.audit.looked, caller.name, f"{what}, by the API")
        return answer if isinstance(answer, Response) else _json(answer)

    return Route(path, endpoint, methods=[method], name=f"{method} {path}")


def caller_of(request: Request) -> Caller:
    """Return who asks; the gate has let known users in alone."""
    caller: Caller = request.state.caller
    return caller


def eyes_of(request: Request, sight: Sight) -> Eyes:
    """Return what the caller is shown; the audit log is told by them what was seen."""
    eyes = sight.of(caller_of(request).rights.__contains__)
    request.state.eyes = eyes
    return eyes


def converted(given: dict[str, str], kind: type[Wanted]) -> Wanted:
    """Return the fields of a query string as their type; an unknown one is an error. Raises ApiError."""
    known = getattr(kind, "__struct_fields__", ())
    if unknown := sorted(given.keys() - set(known)):
        raise ApiError(400, unknown[0][:100], expected=", ".join(known), got="an unknown field")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ApiError(400, "query", expected=kind.__name__, got=str(error)) from error


def query_of(given: dict[str, str]) -> tuple[Query, int, int]:
    """Return what is looked for, before which place in the log, and how many at most. Raises ApiError."""
    before, limit = whole(given, "before", 0), whole(given, "limit", PAGE)
    return filter_of(given), before, min(max(limit, 1), PAGE_MAX)


def filter_of(given: dict[str, str]) -> Query:
    """Return what is looked for. Times are dates, or seconds since 1970. Raises ApiError."""
    times = {key: _time(key, given.pop(key)) for key in ("since", "until") if key in given}
    return msgspec.structs.replace(converted(given, Query), **times)


def _time(key: str, text: str) -> float:
    found = moment(text)
    if found is None:
        expected = "a date and a time (2026-05-01T14:30:00Z), or seconds since 1970"
        raise ApiError(400, key, expected=expected, got=text[:100])
    return found.timestamp()


def whole(given: dict[str, str], key: str, default: int) -> int:
    """Take a whole number out of a query string. Raises ApiError."""
    text = given.pop(key, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > DIGITS_MAX:
        raise ApiError(400, key, expected="a whole number", got=text[:100])
    return int(text)


def page_of(given: dict[str, str], *, default: int = PAGE, most: int = PAGE_MAX) -> tuple[int, int]:
    """Take where a page begins, and how much is on it, out of a query string. Raises ApiError."""
    return whole(given, "from", 0), min(max(whole(given, "limit", default), 1), most)


async def _body(request: Request) -> bytes:
    """Return the body of a change. A page of another site cannot send this type without asking first."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip() != "application/json":
        raise ApiError(415, "content-type", expected="application/json", got=kind)
    try:
        return await read_body(request, bytes_max=BODY_BYTES_MAX)
    except TooLarge as error:
        raise ApiError(413, "body", expected=f"{BODY_BYTES_MAX} bytes at most", got="more") from error
    except TimeoutError as error:
        raise ApiError(
            408, "body", expected=f"a body within {BODY_S_MAX:g} s", got="less than was announced"
        ) from error


def _json(facts: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(facts), status, media_type="application/json")
