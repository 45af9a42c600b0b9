"""Regulations, as tools send them that speak RudderStack's or Segment's API, so that they need only another address.

RudderStack: `POST /v2/regulations` with `suppress` or `suppress_with_delete` and users by `userId` and other ids, answered with
201; `GET /v2/regulations`, `DELETE /v2/regulations/{id}`. Segment's Public API: `POST /regulations` with `regulationType`,
`subjectType` and `subjectIds`; `GET /regulations/{id}`. A token of an administrator is the bearer.

What Penstock does not do is refused, and never done otherwise: a suppression holds for all sources, an erasure is made at all
destinations.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.api.api import caller_of
from penstock.admin.api.body import ApiError, read_as
from penstock.admin.doors.bodies import TooLarge, read_body
from penstock.buffer.port.control import Journal
from penstock.erasing.asking import named
from penstock.erasing.desk import PrivacyDesk
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.privacy.requests import PrivacyRequest
from penstock.settings import Settings

BODY_BYTES_MAX, USERS_MAX = 1_048_576, 5_000
#: What RudderStack and Segment call what we do.
SUPPRESS = frozenset({"suppress", "SUPPRESS_ONLY", "SUPPRESS"})
ERASE = frozenset({"suppress_with_delete", "SUPPRESS_WITH_DELETE", "SUPPRESS_AND_DELETE"})
#: Other ids of a user, as tools write them.
OTHER_IDS = {"anonymousId": "anonymous_id", "anonymous_id": "anonymous_id", "email": "email"}
STATUS = {
    "proposed": "INITIALIZED",
    "open": "RUNNING",
    "done": "FINISHED",
    "cancelled": "INVALID",
    "released": "FINISHED",
}
WORKSPACE = "penstock"

Regulating = Callable[[Request, bytes], tuple[object, int]]


class RudderRegulation(
    msgspec.Struct, rename={"type": "regulationType", "sources": "sourceIds", "destinations": "destinationIds"}
):
    """What RudderStack's clients send."""

    type: str
    users: list[dict[str, str]]
    sources: list[str] = []
    destinations: list[str] = []


class SegmentRegulation(msgspec.Struct, rename={"type": "regulationType", "kind": "subjectType", "ids": "subjectIds"}):
    """What Segment's clients send."""

    type: str
    ids: list[str]
    kind: str = "USER_ID"


class Regulations:
    """The handlers."""

    def __init__(self, *, desk: PrivacyDesk, journal: Journal, settings: Callable[[], Settings]) -> None:
        self.desk, self.journal, self.settings = desk, journal, settings

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            *(_route("POST", f"/{version}/regulations", self.rudder) for version in ("v1", "v2")),
            *(_route("GET", f"/{version}/regulations", self.rudder_list) for version in ("v1", "v2")),
            *(_route("DELETE", f"/{version}/regulations/{{number}}", self.rudder_cancel) for version in ("v1", "v2")),
            _route("POST", "/regulations", self.segment),
            _route("GET", "/regulations/{number}", self.segment_status),
        ]

    def rudder(self, request: Request, body: bytes) -> tuple[object, int]:
        """Take one in; answered with what each user's request is."""
        wanted = read_as(body, RudderRegulation)
        if wanted.sources:
            raise ApiError(422, "sourceIds", expected="none: a suppression holds for all sources", got="some")
        if wanted.destinations and set(wanted.destinations) != set(self.settings().destinations):
            expected = "none, or every destination: an erasure is made at all of them"
            raise ApiError(422, "destinationIds", expected=expected, got="others")
        _bounded(wanted.users, "users")
        given = [list(_ids_of(user)) for user in wanted.users]
        asked = self._ask(request, wanted.type, given)
        shown = [_rudder(each) | {"attributes": user} for each, user in zip(asked, wanted.users, strict=True)]
        return shown, 201

    def rudder_list(self, _: Request, __: bytes) -> tuple[object, int]:
        """Return all, without the people they are about: that is not kept."""
        return {"data": [_rudder(each) for each in self.desk.requests()], "paging": {}}, 200

    def rudder_cancel(self, request: Request, _: bytes) -> tuple[object, int]:
        """Take one back that can be taken back."""
        number = self._found(request).number
        cancelled = self.desk.asking.cancel(number)
        self.journal.note(caller_of(request).name, f"privacy request {number} was taken back by a regulation")
        return _rudder(cancelled), 200

    def segment(self, request: Request, body: bytes) -> tuple[object, int]:
        """Take one in, of all its subjects together: it has one id, and one receipt."""
        wanted = read_as(body, SegmentRegulation)
        if wanted.kind != "USER_ID":
            raise ApiError(422, "subjectType", expected="USER_ID", got=wanted.kind[:100])
        _bounded(wanted.ids, "subjectIds")
        [asked] = self._ask(request, wanted.type, [[("user_id", id_) for id_ in wanted.ids]])
        return {"data": {"regulateId": asked.number}}, 200

    def segment_status(self, request: Request, _: bytes) -> tuple[object, int]:
        """Return how far one has come."""
        found = self._found(request)
        facts = {"id": found.number, "workspaceId": WORKSPACE, "overallStatus": STATUS[found.state]}
        return {"data": {"regulation": facts}}, 200

    def _ask(self, request: Request, type_: str, given: list[list[tuple[str, str]]]) -> list[PrivacyRequest]:
        if type_ not in SUPPRESS | ERASE:
            raise ApiError(422, "regulationType", expected=", ".join(sorted(SUPPRESS | ERASE)), got=type_[:100])
        who, settings = caller_of(request).name, self.settings()
        # All are read before the first is asked for.
        everybody = [named(ids, settings) for ids in given]
        asking = self.desk.asking
        asked = [
            asking.suppress(names, settings, by=who) if type_ in SUPPRESS else asking.erase(names, settings, by=who)
            for names in everybody
        ]
        numbers = ", ".join(each.number for each in asked[:20])
        self.journal.note(who, f"{len(asked)} privacy requests came as regulations: {numbers}")
        return asked

    def _found(self, request: Request) -> PrivacyRequest:
        number: str = request.path_params["number"]
        found = self.desk.asking.requests.find(number)
        if found is None:
            raise ApiError(404, "id", expected="the id of a regulation", got=number[:100])
        return found


def _ids_of(user: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not user.get("userId"):
        raise ApiError(422, "users.userId", expected="a user id", got="none")
    yield "user_id", user["userId"]
    for key, text in user.items():
        if key in OTHER_IDS and text:
            yield OTHER_IDS[key], text


def _bounded(items: list[Any], name: str) -> None:
    if not 0 < len(items) <= USERS_MAX:
        raise ApiError(422, name, expected=f"1 to {USERS_MAX}", got=len(items))


def _rudder(request: PrivacyRequest) -> dict[str, Any]:
    return {
        "id": request.number,
        "workspaceId": WORKSPACE,
        "canceled": request.state in {"cancelled", "released"},
        "regulationType": "suppress" if request.action == "suppress" else "suppress_with_delete",
        "attributes": {},
    }


async def _body(request: Request) -> bytes:
    """Return the body of one that is sent. A page of another site cannot send this type without asking first."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip() != "application/json":
        raise ApiError(415, "content-type", expected="application/json", got=kind[:100])
    return await read_body(request, bytes_max=BODY_BYTES_MAX)


def _route(method: str, path: str, handler: Regulating) -> Route:
    async def endpoint(request: Request) -> Response:
        if "settings" not in caller_of(request).rights:
            return _json({"message": "the token's owner is no administrator"}, 403)
        try:
            body = await _body(request) if method == "POST" else b""
            answer, status = await run_in_threadpool(handler, request, body)
        except ApiError as error:
            return _json({"message": str(error), "error": error.facts}, error.status)
        except SettingsError as error:
            return _json({"message": str(error)}, 422)
        except (TooLarge, TimeoutError):
            return _json({"message": f"a body of {BODY_BYTES_MAX} bytes at most"}, 413)
        except (BufferUnavailable, StoreDamaged, OSError) as error:
            return _json({"message": f"the store cannot be used now: {type(error).__name__}"}, 503)
        return _json(answer, status)

    return Route(path, endpoint, methods=[method], name=f"{method} {path}")


def _json(facts: object, status: int) -> Response:
    return Response(msgspec.json.encode(facts), status, media_type="application/json")
