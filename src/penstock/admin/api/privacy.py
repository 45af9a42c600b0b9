"""The admin API of privacy: a person's events dropped, a person erased, all that is held about a person. Administrators alone."""

from collections.abc import Callable
from typing import Any, cast

from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.api import api_route, caller_of
from penstock.admin.api.body import ApiError
from penstock.admin.api.privacy_shapes import (
    PrivacyRequestAnswer,
    PrivacyRequestsAnswer,
    PrivacyRequestTold,
    WhoRequest,
)
from penstock.buffer.port.control import Journal
from penstock.erasing.asking import ASKED_BY, Persons, named
from penstock.erasing.desk import PrivacyDesk
from penstock.erasing.showing import Preview
from penstock.erasing.writing import request_shown
from penstock.privacy.requests import PrivacyRequest
from penstock.settings import Settings


class PrivacyApi:
    """The handlers."""

    def __init__(self, *, desk: PrivacyDesk, journal: Journal, settings: Callable[[], Settings]) -> None:
        self.desk, self.journal, self.settings = desk, journal, settings

    def routes(self) -> list[Route]:
        """Return all routes."""
        all_, one = "/api/v1/privacy/requests", "/api/v1/privacy/requests/{number}"
        return [
            api_route("GET", all_, self.requests, right="settings"),
            api_route("GET", one, self.request, right="settings"),
            api_route("GET", f"{one}/receipt", self.receipt, right="settings"),
            api_route("POST", f"{one}/approve", self.approve, right="settings"),
            api_route("POST", f"{one}/cancel", self.cancel, right="settings"),
            api_route("POST", "/api/v1/privacy/preview", self.preview, right="settings"),
            api_route("POST", "/api/v1/privacy/suppress", self.suppress, right="settings"),
            api_route("POST", "/api/v1/privacy/erase", self.erase, right="settings"),
            api_route("POST", "/api/v1/privacy/person", self.person, right="settings"),
        ]

    def requests(self, _: Request, __: object) -> PrivacyRequestsAnswer:
        """Return all requests."""
        return {"requests": [_told(each) for each in self.desk.requests()], "public_key": self.desk.seal.public_key()}

    def request(self, request: Request, _: object) -> PrivacyRequestAnswer:
        """Return one."""
        return {"request": _told(self._found(request))}

    def receipt(self, request: Request, _: object) -> dict[str, Any]:
        """Return its receipt."""
        receipt = self.desk.receipt(self._found(request).number)
        if receipt is None:
            raise ApiError(404, "request", expected="an erasure that is done", got="one without a receipt")
        return receipt

    def approve(self, request: Request, _: object) -> PrivacyRequestAnswer:
        """Agree to what another person asked for."""
        who, found = caller_of(request).name, self._found(request)
        approved = self.desk.asking.approve(found.number, by=who)
        self.journal.note(who, f"privacy request {found.number} was agreed to by the API")
        return {"request": _told(approved)}

    def cancel(self, request: Request, _: object) -> PrivacyRequestAnswer:
        """Take back what no second person agreed to yet, or a suppression."""
        who, found = caller_of(request).name, self._found(request)
        cancelled = self.desk.asking.cancel(found.number)
        self.journal.note(who, f"privacy request {found.number} was taken back by the API")
        return {"request": _told(cancelled)}

    def preview(self, request: Request, who: WhoRequest) -> Preview:
        """Return what an erasure would take."""
        names = self._names(who)
        self.journal.note(caller_of(request).name, "looked at what an erasure would take, by the API")
        return self.desk.preview(names)

    def suppress(self, request: Request, who: WhoRequest) -> PrivacyRequestAnswer:
        """Drop a person's events from the next second on."""
        asked = self.desk.asking.suppress(self._names(who), self.settings(), by=caller_of(request).name)
        self.journal.note(asked.asked_by, f"privacy request {asked.number}: a person was suppressed by the API")
        return {"request": _told(asked)}

    def erase(self, request: Request, who: WhoRequest) -> PrivacyRequestAnswer:
        """Ask for an erasure."""
        asked = self.desk.asking.erase(self._names(who), self.settings(), by=caller_of(request).name)
        self.journal.note(asked.asked_by, f"privacy request {asked.number}: an erasure was asked for by the API")
        return {"request": _told(asked)}

    def person(self, request: Request, who: WhoRequest) -> dict[str, Any]:
        """Return all that is held about a person."""
        names = self._names(who)
        self.journal.note(caller_of(request).name, "everything held about a person was exported by the API")
        return self.desk.export(names)

    def _names(self, who: WhoRequest) -> Persons:
        return named(((key, text) for key in ASKED_BY for text in getattr(who, key)), self.settings())

    def _found(self, request: Request) -> PrivacyRequest:
        number: str = request.path_params["number"]
        found = self.desk.asking.requests.find(number)
        if found is None:
            raise ApiError(404, "request", expected="the number of a request", got=number[:100])
        return found


def _told(request: PrivacyRequest) -> PrivacyRequestTold:
    return cast(PrivacyRequestTold, request_shown(request))
