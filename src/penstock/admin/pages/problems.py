"""What needs a person: held, paused, parked, dead, rejected; and sending again what did not get through."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.doors.access import may
from penstock.admin.pages.replays import selection_of
from penstock.admin.pages.rows import PAGE, rows_of
from penstock.admin.pages.web import Form, Pages, Visit, redirect
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.issues import Issues
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.search import Found
from penstock.buffer.port.selection import Selection
from penstock.destinations.kinds import CAUSES, explained
from penstock.explain.preview import would_do
from penstock.inspect.issue_names import name_of_now
from penstock.inspect.issues import LOOKED_AT, affected, decided, issue_rows
from penstock.inspect.parts import address_of, cut, part_of, place_of
from penstock.inspect.replays import counted, last_replay
from penstock.inspect.status import StatusReader
from penstock.settings.forms import FormFields

# Causes on one page.
GROUPS = 100
FILTERS = ("source", "person", "company", "event_name", "message_id")
DECISION = FormFields(optional=("owner", "reason"))


class ProblemPages:
    """Pages about what did not get through."""

    def __init__(
        self, pages: Pages, *, reader: StatusReader, dead: DeadLetters, orders: Orders, issues: Issues
    ) -> None:
        self.pages, self.reader, self.dead, self.orders, self.issues = pages, reader, dead, orders, issues

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/problems", self.problems, right="people"),
            show("/problems/{destination}", self.problem, right="people"),
            show("/problems/{destination}/{cause}", self.problem, right="people"),
            act("/problems/{destination}/{cause}/{what}", self.decide, right="act", fields=DECISION),
            act("/destinations/{name}/pause", self.pause, right="act"),
            act("/destinations/{name}/resume", self.resume, right="act"),
        ]

    def problems(self, visit: Visit) -> Response:
        """Show everything that needs a person, by cause, with advice."""
        status = self.reader.read()
        found = issue_rows(status.destinations, self.dead, self.issues)
        groups = part_of([row for row in found if not row.is_closed], visit.request.url, "groups", GROUPS)
        closed = [row for row in found if row.is_closed][:GROUPS]
        resting = {name: d for name, d in status.destinations.items() if d.state != "delivering"}
        delivered = sum(d.outcomes.get("delivered", 0) for d in status.destinations.values())
        return visit.page(
            "problems.html",
            groups=groups,
            closed=closed,
            resting=resting,
            status=status,
            explained=explained,
            delivered=delivered,
        )

    def problem(self, visit: Visit) -> Response:
        """Show the events of a cause, or of any, that fit a filter, and the count of what a replay would take."""
        name, cause = visit.request.path_params["destination"], visit.request.path_params.get("cause", "")
        if new := name_of_now(self.reader.settings, name):
            # A link of before it was renamed, out of a message say, still leads here.
            return redirect(f"/problems/{new}/{cause}" if cause else f"/problems/{new}")
        if name not in self.reader.settings.destinations:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        given = visit.request.query_params
        asked = {key: visit.eyes.opened(text) for key, text in given.items() if key in FILTERS}
        selection = selection_of(cause, asked, now=self.reader.clock.now())
        after = place_of(visit.request.url, "after")
        page = self.dead.select(name, selection, after_seq=after, limit=PAGE)
        found = Found(stories=page.stories, next_seq=None)
        return visit.page(
            "problem.html",
            destination=name,
            cause=explained(cause) if cause else None,
            is_known=cause in CAUSES,
            selection=selection if visit.eyes.ids else _as_asked(selection, given),
            filters={key: getattr(selection, key) for key in FILTERS},
            sources=list(self.reader.settings.sources),
            count=counted(self.dead, name, selection),
            rows=rows_of(found, name, visit=visit, settings=self.reader.settings),
            rest=address_of(visit.request.url, "after", page.next_seq) if page.next_seq is not None else "",
            is_first=not after,
            **self._work(name, cause, selection, is_first=not after),
        )

    def _work(self, name: str, cause: str, selection: Selection, *, is_first: bool) -> dict[str, Any]:
        """Return how people stand with a problem, who is affected, and what a replay would do; bounded work."""
        seen = self.dead.select(name, selection, limit=LOOKED_AT) if is_first else None
        stories, is_all = (seen.stories, seen.next_seq is None) if seen else ([], True)
        now, settings = self.reader.clock.now(), self.reader.settings
        would, unread = None, ""
        if is_first:
            would, unread = would_do(self.dead, self.reader.ledger, name, selection, settings, now=now)
        rows = [row for row in issue_rows([name], self.dead, self.issues) if row.problem.cause == cause]
        is_whole = selection == Selection(cause=cause)
        return {
            "row": rows[0] if rows else None,
            "about": affected(stories, is_all=is_all, now=now) if stories and is_whole else None,
            "preview": would,
            "unread": unread,
            "looked_at": LOOKED_AT,
            "owners": [user.name for user in self.pages.access.users.users() if may(user, "act")],
            "last": last_replay(self.orders, self.dead, name, cause),
        }

    def decide(self, visit: Visit, form: Form) -> Response:
        """Keep what a user decided about a problem."""
        name, cause, what = (visit.request.path_params[key] for key in ("destination", "cause", "what"))
        rows = [row for row in issue_rows([name], self.dead, self.issues) if row.problem.cause == cause]
        if name not in self.reader.settings.destinations or not rows:
            return visit.page("missing.html", code=404, what=f"problem {cut(cause)} of {cut(name)}")
        actors = [user.name for user in self.pages.access.users.users() if may(user, "act")]
        made = decided(rows, what, form, by=visit.user.name, actors=actors, now=self.reader.clock.now())
        self.issues.decide(made)
        said = made.in_words(what)
        visit.note(f"problem {cause} of {name} {said}")
        return redirect(f"/problems/{name}/{cause}", said=f"{cause} is {said}")

    def pause(self, visit: Visit, _: Form) -> Response:
        """Let a destination rest."""
        return self._pause(visit, paused=True, said="is paused; its events are kept")

    def resume(self, visit: Visit, _: Form) -> Response:
        """Let a destination go on."""
        return self._pause(visit, paused=False, said="goes on")

    def _pause(self, visit: Visit, *, paused: bool, said: str) -> Response:
        name = visit.request.path_params["name"]
        if name not in self.reader.settings.destinations:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        self.orders.pause(name, paused=paused, by=visit.user.name)
        visit.note(f"{name} {said}")
        return redirect(f"/destinations/{name}", said=f"{name} {said}")


def _as_asked(selection: Selection, given: Mapping[str, str]) -> Selection:
    """Return a filter as it stood in the address: a pseudonym stays one."""
    ids = {key: given.get(key, "").strip() for key in ("person", "company", "message_id")}
    return msgspec.structs.replace(selection, **ids)
