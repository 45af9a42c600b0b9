"""The admin API of the ledger: what a destination is known to hold, forgetting it, and attributes that look like mistakes."""

from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.api import api_route, caller_of, eyes_of
from penstock.admin.api.body import ApiError
from penstock.admin.api.shapes import ApproveAnswer, ApproveRequest, AttributesAnswer, ForgetAnswer, ForgetRequest
from penstock.buffer.port.control import Journal
from penstock.buffer.port.ledger import LedgerOrders, LedgerShelf
from penstock.inspect.eyes import Sight
from penstock.inspect.ledger import WHO, HeldRecord, held, is_suspicious, shown, shown_suspicion, subject_of, suspicions
from penstock.inspect.status import StatusReader


class LedgerApi:
    """The handlers, with what they look at and who is told."""

    def __init__(
        self, *, reader: StatusReader, ledger: LedgerShelf, orders: LedgerOrders, journal: Journal, sight: Sight
    ) -> None:
        self.reader, self.ledger, self.orders, self.journal = reader, ledger, orders, journal
        self.sight = sight

    def routes(self) -> list[Route]:
        """Return all routes."""
        base = "/api/v1/destinations/{name}"
        return [
            api_route("GET", f"{base}/ledger", self.record, right="payloads"),
            api_route("POST", f"{base}/ledger/forget", self.forget, right="act"),
            api_route("GET", f"{base}/attributes", self.attributes, right="payloads"),
            api_route("POST", f"{base}/attributes/approve", self.approve, right="act"),
        ]

    def record(self, request: Request, _: object) -> HeldRecord | None:
        """Return what is known of one person, e-mail or company."""
        name, eyes = self._destination(request), eyes_of(request, self.sight)
        given = {kind: eyes.opened(text) for kind, text in request.query_params.items()}
        subject = subject_of(given) if given.keys() <= set(WHO) else ""
        if not subject:
            raise ApiError(400, "who", expected=f"one of {', '.join(WHO)}", got=", ".join(given)[:100])
        record = held(self.ledger, name, subject)
        if record is None:
            raise ApiError(
                404, "record", expected="a person or company the destination is known to hold", got=subject[:200]
            )
        return shown(record, eyes_of(request, self.sight), of_company=bool(given.get("company")))

    def forget(self, request: Request, wanted: ForgetRequest) -> ForgetAnswer:
        """Order that one record, or all, are forgotten."""
        name = self._destination(request)
        subject = subject_of({kind: getattr(wanted, kind) for kind in WHO})
        if len([kind for kind in (*WHO, "all") if getattr(wanted, kind)]) != 1:
            raise ApiError(422, "who", expected=f"one of {', '.join(WHO)}, or all", got=subject[:200])
        who = caller_of(request).name
        order = self.orders.ask_forget(name, subject, by=who)
        self.journal.note(who, f"the ledger of {name} was told by the API to forget: {subject or 'everything'}")
        return {"order": order}

    def attributes(self, request: Request, _: object) -> AttributesAnswer:
        """Return the attributes that look like mistakes, and which were approved."""
        name = self._destination(request)
        eyes, approved = eyes_of(request, self.sight), self.orders.asked(name, after=0).approved
        found = [shown_suspicion(each, eyes) for each in suspicions(self.ledger, name)]
        return {"attributes": found, "approved": sorted(map(eyes.name, approved))}

    def approve(self, request: Request, wanted: ApproveRequest) -> ApproveAnswer:
        """Let an attribute through."""
        name, who = self._destination(request), caller_of(request).name
        if not is_suspicious(self.ledger, name, wanted.attribute):
            raise ApiError(404, "attribute", expected="one that the guard named", got=wanted.attribute[:200])
        self.orders.approve(name, wanted.attribute, by=who)
        self.journal.note(who, f"attribute {wanted.attribute} was approved at {name} by the API")
        return {"approved": wanted.attribute}

    def _destination(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if name not in self.reader.settings.destinations:
            raise ApiError(404, "destination", expected=f"one of {list(self.reader.settings.destinations)}", got=name)
        return name
