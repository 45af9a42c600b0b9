"""One event: what came, what became of it, why, and what would become of it now."""

import dataclasses
import shlex

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from penstock.buffer.port import Attempt, Shelf
from penstock.causes import explained
from penstock.convert.plan import Call
from penstock.event import Event, mended
from penstock.operate.desk import Desk
from penstock.operate.diagram import diagram
from penstock.operate.explain import Account, accounts_of, masked
from penstock.operate.ledger import carrier_of
from penstock.operate.masking import Mask, mask_of
from penstock.operate.rerun import Rerun, rerun
from penstock.operate.rows import pretty, row_of
from penstock.operate.snippets import ingest_of
from penstock.operate.status import StatusReader
from penstock.operate.web import Pages, Visit

ANSWER_CHARS_MAX = 4_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call, and what Custify answered to it, the newest answer first."""

    call: Call
    body: str
    attempts: list[tuple[Attempt, str]]


class EventPages:
    """The page of an event at a destination."""

    def __init__(self, pages: Pages, *, reader: StatusReader, shelf: Shelf, desk: Desk) -> None:
        self.pages, self.reader, self.shelf, self.desk = pages, reader, shelf, desk

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [self.pages.show("/events/{destination}/{message_id:path}", self.event, right="payloads")]

    def event(self, visit: Visit) -> Response:
        """Show everything there is to know; with `rerun` in the address, also what it would become now."""
        name, message_id = visit.request.path_params["destination"], visit.request.path_params["message_id"]
        settings = self.reader.settings
        accounts = accounts_of(self.shelf, settings, message_id, [name] if name in settings.destinations else [])
        if not accounts:
            return visit.page("missing.html", code=404, what=f"event {message_id}")
        event = accounts[0].story.event
        mask = mask_of(event, settings, personal=visit.may("personal"))
        account = masked(accounts[0], mask)
        again = None
        if "rerun" in visit.request.query_params:
            again = _masked(rerun(accounts[0].story, name, desk=self.desk, settings=settings), mask)
        newest = self.desk.revisions.newest()
        body, beside = (
            mask.json(mended(text).decode()) if mask.names and text else text.decode(errors="replace")
            for text in (event.body, event.envelope)
        )
        return visit.page(
            "event.html",
            account=account,
            story=account.story,
            row=row_of(account.story, name),
            carrier=carrier_of(account.story),
            body=pretty(body.encode()),
            beside=pretty(beside.encode()) if beside else "",
            exchanges=_exchanges(account),
            diagram=diagram(account.explanation),
            rerun=again,
            revision=newest if newest and name in newest.document["destinations"] else None,
            cause=explained(account.story.cause) if account.story.cause else None,
            curl=_curl(event, body, beside, ingest_of(settings, visit.request.url.hostname or "")),
            is_masked=bool(mask.values),
        )


def _exchanges(account: Account) -> list[Exchange]:
    calls = getattr(account.explanation.meaning, "calls", ())
    return [
        Exchange(
            call=call,
            body=pretty(msgspec.json.encode(call.body)),
            attempts=[
                (attempt, pretty(attempt.answer.encode())[:ANSWER_CHARS_MAX])
                for attempt in reversed(account.story.attempts)
                if attempt.path == call.path
            ],
        )
        for call in calls
    ]


def _masked(again: Rerun, mask: Mask) -> Rerun:
    return dataclasses.replace(
        again, then=mask.lines(again.then), now=mask.lines(again.now), verdict=mask.text(again.verdict)
    )


def _curl(event: Event, body: str, beside: str, ingest: str) -> str:
    """Return the event as a command; quoted, for it was written by a stranger."""
    path = event.type if event.type.isascii() and event.type.isalpha() and not beside else "batch"
    data = f'{{"batch":[{body}],{beside[1:]}' if beside else body
    return f"curl -u WRITE_KEY: {ingest}/v1/{path} -H 'Content-Type: application/json' \\\n  -d {shlex.quote(data)}"
