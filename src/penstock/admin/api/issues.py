"""The admin API of problems as people work on them: what is open, who sees to it, what was decided."""

import dataclasses
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.api import api_route, caller_of, eyes_of, page_of
from penstock.admin.api.body import ApiError
from penstock.admin.api.issue_shapes import (
    DecisionRequest,
    IssueAnswer,
    IssuesAnswer,
    IssueTold,
    affected_told,
    issue_told,
)
from penstock.admin.api.replay_shapes import preview_told
from penstock.admin.doors.access import Access, may
from penstock.buffer.port.control import Journal
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.issues import Issues
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.selection import Selection
from penstock.errors import SettingsError
from penstock.explain.preview import would_do
from penstock.inspect.eyes import Eyes, Sight
from penstock.inspect.issues import LOOKED_AT, IssueRow, affected, decided, issue_rows
from penstock.inspect.replays import Replay, last_replay, shown_selection
from penstock.inspect.status import StatusReader


class IssuesApi:
    """The handlers."""

    def __init__(
        self,
        *,
        reader: StatusReader,
        dead: DeadLetters,
        issues: Issues,
        orders: Orders,
        access: Access,
        journal: Journal,
        sight: Sight,
    ) -> None:
        self.reader, self.dead, self.issues, self.orders = reader, dead, issues, orders
        self.access, self.journal, self.sight = access, journal, sight

    def routes(self) -> list[Route]:
        """Return all routes."""
        one = "/api/v1/destinations/{name}/issues/{cause}"
        return [
            api_route("GET", "/api/v1/issues", self.all, right="people"),
            api_route("GET", one, self.one, right="people"),
            api_route("POST", one + "/{what}", self.decide, right="act"),
        ]

    def all(self, request: Request, _: object) -> IssuesAnswer:
        """Return all problems, the open ones first, a page at a time."""
        first, limit = page_of(dict(request.query_params))
        eyes, rows = eyes_of(request, self.sight), self._rows(list(self.reader.settings.destinations))
        shown = [issue_told(row, eyes) for row in rows[first : first + limit]]
        return {"issues": shown, "next": first + limit if first + limit < len(rows) else None}

    def one(self, request: Request, _: object) -> IssueAnswer:
        """Return one problem, with who is affected, and what a replay would do."""
        rows, eyes = self._named(request), eyes_of(request, self.sight)
        name, cause = rows[0].destination, rows[0].problem.cause
        selection, now = Selection(cause=cause), self.reader.clock.now()
        page = self.dead.select(name, selection, limit=LOOKED_AT)
        would, _why = would_do(self.dead, self.reader.ledger, name, selection, self.reader.settings, now=now)
        sees_calls = "payloads" in caller_of(request).rights
        return {
            "issue": issue_told(rows[0], eyes),
            "affected": affected_told(affected(page.stories, is_all=page.next_seq is None, now=now)),
            "preview": preview_told(would, eyes, calls=sees_calls) if would else None,
            "last_replay": self._last(name, cause, eyes),
        }

    def decide(self, request: Request, said: DecisionRequest) -> IssueTold:
        """Keep what the caller decided about a problem."""
        rows, what, who = self._named(request), request.path_params["what"], caller_of(request).name
        actors = [user.name for user in self.access.users.users() if may(user, "act")]
        given = {key: value for key, value in msgspec.to_builtins(said).items() if value}
        try:
            made = decided(rows, what, given, by=who, actors=actors, now=self.reader.clock.now())
        except SettingsError as error:
            status = 404 if error.name == "action" else 422
            raise ApiError(status, error.name, expected=error.expected, got=error.got, hint=error.hint) from error
        self.issues.decide(made)
        self.journal.note(who, f"problem {made.cause} of {made.destination} {made.in_words(what)} by the API")
        return issue_told(self._named(request)[0], eyes_of(request, self.sight))

    def _last(self, name: str, cause: str, eyes: Eyes) -> Replay | None:
        last = last_replay(self.orders, self.dead, name, cause)
        return last and dataclasses.replace(last, selection=shown_selection(last.selection, eyes))

    def _named(self, request: Request) -> Sequence[IssueRow]:
        name, cause = request.path_params["name"], request.path_params["cause"]
        known = self.reader.settings.destinations
        rows = [row for row in self._rows([name]) if row.problem.cause == cause] if name in known else []
        if not rows:
            hint = "see GET /api/v1/issues"
            raise ApiError(404, "issue", expected="a destination, and a cause that it has", got=cause[:200], hint=hint)
        return rows

    def _rows(self, names: Sequence[str]) -> Sequence[IssueRow]:
        return issue_rows(names, self.dead, self.issues)
