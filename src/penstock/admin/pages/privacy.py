"""Privacy: who is suppressed or being erased, how far each request has come, and receipts. For administrators alone.

People stand on these pages only in what an administrator entered, and on the page that shows, before anything happens, what would
go; what is kept of a request has no names.
"""

import itertools
import json
import urllib.parse
from collections.abc import Callable, Mapping

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.web import Form, Pages, Visit, redirect
from penstock.erasing.asking import ASKED_BY, Persons, named
from penstock.erasing.desk import PrivacyDesk
from penstock.errors import SettingsError
from penstock.inspect.parts import cut, part_of
from penstock.privacy.requests import PrivacyRequest
from penstock.settings import Settings
from penstock.settings.forms import FormFields

# Requests on one page.
REQUESTS = 50
# What is shown of what would go: an id can be shared by thousands.
LINES_MAX = 200
#: How people are named in the form, with what is written beside it.
LABELS = {"user_id": "User id", "anonymous_id": "Anonymous id", "email": "E-mail address", "company_id": "Company id"}
#: The same for the kinds of names on a receipt.
KINDS = {"user": "user id", "anon": "anonymous id", "email": "e-mail address", "company": "company id"}
WHO = FormFields(optional=tuple(ASKED_BY))


class PrivacyPages:
    """The handlers."""

    def __init__(self, pages: Pages, *, desk: PrivacyDesk, settings: Callable[[], Settings]) -> None:
        self.pages, self.desk, self.settings = pages, desk, settings

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/privacy", self.requests, right="settings"),
            act("/privacy/preview", self.preview, right="settings", fields=WHO),
            act("/privacy/suppress", self.suppress, right="settings", fields=WHO),
            act("/privacy/erase", self.erase, right="settings", fields=WHO),
            act("/privacy/person", self.person, right="settings", fields=WHO),
            show("/privacy/{number}", self.request, right="settings"),
            show("/privacy/{number}/receipt", self.receipt, right="settings"),
            act("/privacy/{number}/approve", self.approve, right="settings"),
            act("/privacy/{number}/cancel", self.cancel, right="settings"),
        ]

    def requests(self, visit: Visit) -> Response:
        """List all requests, with a form for a new one."""
        asked = {key: visit.request.query_params.get(key, "").strip() for key in ASKED_BY}
        return visit.page(
            "privacy.html",
            requests=part_of(self.desk.requests(), visit.request.url, "requests", REQUESTS),
            asked=asked,
            labels=LABELS,
            needs_approval=self.settings().erasure_needs_approval,
            public_key=self.desk.seal.public_key(),
            is_late=self._is_late,
        )

    def preview(self, visit: Visit, form: Form) -> Response:
        """Show what an erasure would take, before anything happens."""
        names = self._names(form)
        visit.note("looked at what an erasure would take")
        found = self.desk.preview(names)
        return visit.page(
            "privacy_preview.html",
            found=found,
            lines=list(itertools.islice(found.lines(), LINES_MAX)),
            who={key: form[key] for key in ASKED_BY if form.get(key)},
            needs_approval=self.settings().erasure_needs_approval,
        )

    def suppress(self, visit: Visit, form: Form) -> Response:
        """Drop a person's events from the next second on."""
        request = self.desk.asking.suppress(self._names(form), self.settings(), by=visit.user.name)
        visit.note(f"privacy request {request.number}: a person was suppressed")
        return redirect(f"/privacy/{request.number}", said="Their events are dropped from the next second on")

    def erase(self, visit: Visit, form: Form) -> Response:
        """Ask for an erasure."""
        request = self.desk.asking.erase(self._names(form), self.settings(), by=visit.user.name)
        visit.note(f"privacy request {request.number}: an erasure was asked for")
        said = (
            "It waits for a second administrator" if request.state == "proposed" else "It goes on by itself from here"
        )
        return redirect(f"/privacy/{request.number}", said=said)

    def person(self, visit: Visit, form: Form) -> Response:
        """Return all that is held about a person, as a file."""
        held = self.desk.export(self._names(form))
        visit.note("everything held about a person was exported")
        return _file(held, "person.json")

    def request(self, visit: Visit) -> Response:
        """Show how far a request has come, and its receipt as people read it."""
        request = self._found(visit)
        if request is None:
            return visit.page("missing.html", code=404, what="privacy request")
        signed = self.desk.receipt(request.number)
        return visit.page(
            "privacy_request.html",
            request=request,
            signed=signed,
            kinds=KINDS,
            is_late=self._is_late(request),
            by=visit.user.name,
        )

    def receipt(self, visit: Visit) -> Response:
        """Return a receipt as a file, for `penstock verify`."""
        request = self._found(visit)
        signed = self.desk.receipt(request.number) if request else None
        if request is None or signed is None:
            return visit.page("missing.html", code=404, what="receipt")
        return _file(signed, f"receipt-{request.number}.json")

    def approve(self, visit: Visit, _: Form) -> Response:
        """Agree to what another administrator asked for."""
        number = visit.request.path_params["number"]
        self.desk.asking.approve(number, by=visit.user.name)
        visit.note(f"privacy request {number} was agreed to")
        return redirect(f"/privacy/{number}", said="It goes on by itself from here")

    def cancel(self, visit: Visit, _: Form) -> Response:
        """Take back what no second person agreed to yet, or a suppression."""
        number = visit.request.path_params["number"]
        self.desk.asking.cancel(number)
        visit.note(f"privacy request {number} was taken back")
        return redirect(f"/privacy/{number}", said="It was taken back")

    def _names(self, form: Form) -> Persons:
        """Return who is named; several ids in a field are parted by spaces or commas, addresses too."""
        given = [(key, text) for key in ASKED_BY for text in form.get(key, "").replace(",", " ").split()]
        if not given:
            raise SettingsError("who", expected="an id or an address", got="nothing")
        return named(given, self.settings())

    def _found(self, visit: Visit) -> PrivacyRequest | None:
        return self.desk.asking.requests.find(cut(visit.request.path_params["number"], 20))

    def _is_late(self, request: PrivacyRequest) -> bool:
        return request.is_late(self.desk.asking.requests.clock.now())


def _file(document: Mapping[str, object], name: str) -> Response:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    disposition = f"attachment; filename*=UTF-8''{urllib.parse.quote(name)}"
    return Response(text, media_type="application/json", headers={"Content-Disposition": disposition})
