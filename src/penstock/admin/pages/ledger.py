"""The ledger of a destination: calls saved, what it is known to hold, attributes that look like mistakes, shadow."""

import dataclasses
import functools

from starlette.responses import Response
from starlette.routing import Route

from penstock import causes
from penstock.admin.pages.rows import event_address
from penstock.admin.pages.web import Form, Pages, Visit, redirect
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.ledger import LedgerOrders, LedgerShelf
from penstock.destinations.kinds import in_a_sentence
from penstock.errors import SettingsError
from penstock.inspect.eyes import Eyes
from penstock.inspect.ledger import (
    WHO,
    held,
    is_suspicious,
    part_of_record,
    saved_percent,
    shown_suspicion,
    subject_of,
    suspicions,
)
from penstock.inspect.parts import cut, part_of
from penstock.inspect.status import StatusReader
from penstock.ledger.guard import REMARKS_MAX, Suspicion
from penstock.ledger.modes import mode_of
from penstock.ledger.policies import MEANING
from penstock.ledger.rules import rules_of
from penstock.settings.forms import FormFields

# Attributes on one page, and the longest name that can be approved by a form.
SUSPICIONS, APPROVED_CHARS_MAX = 50, 512


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strange:
    """An attribute that looks like a mistake, as the viewer may see it."""

    shown: Suspicion
    #: Its name, for the form that approves it; empty for one that is too long.
    attribute: str
    href: str


def _row(destination: str, eyes: Eyes, suspicion: Suspicion) -> Strange:
    shown = shown_suspicion(suspicion, eyes)
    link = eyes.message_link(shown.message_id, suspicion.message_id)
    name = suspicion.attribute if len(suspicion.attribute) <= APPROVED_CHARS_MAX else ""
    return Strange(shown=shown, attribute=name, href=event_address(destination, link))


class LedgerPages:
    """Pages about what a destination acknowledged."""

    def __init__(
        self, pages: Pages, *, reader: StatusReader, ledger: LedgerShelf, orders: LedgerOrders, dead: DeadLetters
    ) -> None:
        self.pages, self.reader, self.ledger, self.orders, self.dead = pages, reader, ledger, orders, dead

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/ledger/{name}", self.overview, right="payloads"),
            act(
                "/ledger/{name}/forget",
                self.forget,
                right="act",
                fields=FormFields(optional=tuple(WHO), flags=("all",)),
            ),
            act("/ledger/{name}/approve", self.approve, right="act", fields=FormFields(needed=("attribute",))),
        ]

    def overview(self, visit: Visit) -> Response:
        """Show the figures, the rules in force, strange attributes, and the record that is asked for."""
        name = visit.request.path_params["name"]
        destination = self.reader.settings.destinations.get(name)
        if destination is None:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        asked = {kind: visit.request.query_params.get(kind, "").strip() for kind in WHO}
        given = {kind: visit.eyes.opened(text) for kind, text in asked.items()}
        subject, url = subject_of(given), visit.request.url
        found = suspicions(self.ledger, name)
        status = self.reader.read().destinations[name]
        return visit.page(
            "ledger.html",
            name=name,
            who=in_a_sentence(destination.type),
            given=given if visit.eyes.ids else asked,
            subject=subject,
            record=part_of_record(held(self.ledger, name, subject), visit.eyes, url) if subject else None,
            status=status,
            saved=saved_percent(status.calls),
            rules=rules_of(destination),
            mode=mode_of(destination),
            policies=MEANING,
            suspicions=part_of(found, url, "suspicions", SUSPICIONS).made(functools.partial(_row, name, visit.eyes)),
            remarks_max=REMARKS_MAX,
            approved=self.orders.asked(name, after=0).approved,
            kept_back=sum(p.count for p in self.dead.problems(name) if p.cause == causes.SHADOW),
            shadow_cause=causes.SHADOW,
        )

    def forget(self, visit: Visit, form: Form) -> Response:
        """Order that one record, or all, are forgotten."""
        name, subject = self._known(visit), subject_of(form)
        if len([kind for kind in (*WHO, "all") if form.get(kind)]) != 1:
            raise SettingsError("who", expected=f"one of {', '.join(WHO)}, or all", got="none of them, or several")
        self.orders.ask_forget(name, subject, by=visit.user.name)
        what = subject or "everything"
        visit.note(f"the ledger of {name} was told to forget: {what}")
        return redirect(
            f"/ledger/{name}", said=f"{what} is forgotten within a second, and sent again with the next event"
        )

    def approve(self, visit: Visit, form: Form) -> Response:
        """Let an attribute through."""
        name, attribute = self._known(visit), form["attribute"]
        if not is_suspicious(self.ledger, name, attribute):
            raise SettingsError("attribute", expected="one that the guard named", got=cut(attribute))
        self.orders.approve(name, attribute, by=visit.user.name)
        visit.note(f"attribute {attribute} was approved at {name}")
        return redirect(f"/ledger/{name}", said=f"{attribute} is sent from now on")

    def _known(self, visit: Visit) -> str:
        name: str = visit.request.path_params["name"]
        if name not in self.reader.settings.destinations:
            raise SettingsError("destination", expected=", ".join(self.reader.settings.destinations), got=name)
        return name
