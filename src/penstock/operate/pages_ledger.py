"""The ledger of a destination: calls saved, what Custify is known to hold, attributes that look like mistakes, shadow."""

from starlette.responses import Response
from starlette.routing import Route

from penstock import causes
from penstock.buffer.ledger_port import LedgerOrders, LedgerShelf
from penstock.buffer.port import DeadLetters
from penstock.errors import SettingsError
from penstock.ledger.guard import REMARKS_MAX
from penstock.ledger.policies import MEANING
from penstock.operate.ledger import WHO, held, is_suspicious, saved_percent, shown, subject_of, suspicions
from penstock.operate.status import StatusReader
from penstock.operate.web import Form, Pages, Visit, redirect
from penstock.reading import mode_of, rules_of


class LedgerPages:
    """Pages about what Custify acknowledged."""

    def __init__(
        self, pages: Pages, *, reader: StatusReader, ledger: LedgerShelf, orders: LedgerOrders, dead: DeadLetters
    ) -> None:
        self.pages, self.reader, self.ledger, self.orders, self.dead = pages, reader, ledger, orders, dead

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/ledger/{name}", self.overview, right="payloads"),
            act("/ledger/{name}/forget", self.forget, right="act"),
            act("/ledger/{name}/approve", self.approve, right="act"),
        ]

    def overview(self, visit: Visit) -> Response:
        """Show the figures, the rules in force, strange attributes, and the record of whoever is asked for."""
        name = visit.request.path_params["name"]
        destination = self.reader.settings.destinations.get(name)
        if destination is None:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        given = {kind: visit.request.query_params.get(kind, "").strip() for kind in WHO}
        subject = subject_of(given)
        status = self.reader.read().destinations[name]
        return visit.page(
            "ledger.html",
            name=name,
            given=given,
            subject=subject,
            record=shown(held(self.ledger, name, subject), self.reader.settings, personal=visit.may("personal"))
            if subject
            else None,
            status=status,
            saved=saved_percent(status.calls),
            rules=rules_of(destination),
            mode=mode_of(destination),
            policies=MEANING,
            suspicions=suspicions(self.ledger, name),
            remarks_max=REMARKS_MAX,
            approved=self.orders.asked(name, after=0).approved,
            kept_back=sum(p.count for p in self.dead.problems(name) if p.cause == causes.SHADOW),
            shadow_cause=causes.SHADOW,
        )

    def forget(self, visit: Visit, form: Form) -> Response:
        """Order that one record, or all, are forgotten."""
        name, subject = self._known(visit), subject_of(form)
        if not subject and form.get("all") != "on":
            raise SettingsError("who", expected=f"one of {', '.join(WHO)}, or all", got="nobody")
        self.orders.ask_forget(name, subject, by=visit.user.name)
        what = subject or "everything"
        visit.note(f"the ledger of {name} was told to forget {what}")
        return redirect(
            f"/ledger/{name}", said=f"{what} is forgotten within a second, and sent again with the next event"
        )

    def approve(self, visit: Visit, form: Form) -> Response:
        """Let an attribute through."""
        name, attribute = self._known(visit), form.get("attribute", "")
        if not is_suspicious(self.ledger, name, attribute):
            raise SettingsError("attribute", expected="one that the guard named", got=attribute)
        self.orders.approve(name, attribute, by=visit.user.name)
        visit.note(f"attribute {attribute} was approved at {name}")
        return redirect(f"/ledger/{name}", said=f"{attribute} is sent from now on")

    def _known(self, visit: Visit) -> str:
        name: str = visit.request.path_params["name"]
        if name not in self.reader.settings.destinations:
            raise SettingsError("destination", expected=", ".join(self.reader.settings.destinations), got=name)
        return name
