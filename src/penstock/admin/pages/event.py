"""One event: what came, what became of it, why, and what would become of it now."""

import dataclasses
import shlex
from typing import Any

import msgspec
from starlette.datastructures import URL
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.rows import event_address, pretty, row_of
from penstock.admin.pages.sent import body_shown, sent_part
from penstock.admin.pages.web import Pages, Visit
from penstock.buffer.port.outcomes import Attempt
from penstock.buffer.port.shelf import Shelf
from penstock.destinations.kinds import explained, in_a_sentence
from penstock.destinations.plan import Call, Plan
from penstock.event import Event, enriched, mended
from penstock.explain.diagram import diagram
from penstock.explain.explain import Explanation
from penstock.explain.questions import Account, accounts_of, masked, meaning_of
from penstock.explain.rerun import Rerun, rerun
from penstock.explain.sent import bodies_or_why
from penstock.inspect.free_text import sightings
from penstock.inspect.ledger import carrier_of
from penstock.inspect.masking import Mask
from penstock.inspect.parts import TEXT_CHARS, address_of, cut, cut_document, part_of, place_of, short
from penstock.inspect.status import StatusReader
from penstock.inspect.stored_event import removed_of
from penstock.minimise.notes import is_body_gone
from penstock.settings.revisions import Desk
from penstock.settings.snippets import ingest_of

ANSWER_CHARS_MAX = 4_000
# Values explained on one page, attempts and the ledger's decisions listed.
LINES, ATTEMPTS, NOTES, ANSWERS = 100, 20, 20, 3
# RudderStack's mapping takes a text apart into its letters, a line each.
LINES_MAX = 300
# Of a run with other settings, what is shown: a line a field.
RERUN_CHARS_MAX = 10_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A call, and what the destination answered to it, the newest answer first."""

    call: Call
    body: str
    is_cut: bool
    attempts: list[tuple[Attempt, str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Which of the event's values are explained on this page, and where the others are."""

    first: int
    end: int
    total: int
    untold: int
    lines_left_out: int
    earlier: str
    later: str


class EventPages:
    """The page of an event at a destination."""

    def __init__(self, pages: Pages, *, reader: StatusReader, shelf: Shelf, desk: Desk) -> None:
        self.pages, self.reader, self.shelf, self.desk = pages, reader, shelf, desk

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.pages.show("/events/{destination}/{message_id:path}", self.event, right="payloads"),
            self.pages.show("/payloads/{destination}/{message_id:path}", self.payload, right="payloads"),
        ]

    def event(self, visit: Visit) -> Response:
        """Show all there is to know, a part at a time; with `rerun` in the address, also what it would become now."""
        name, message_id = visit.request.path_params["destination"], self._message_id(visit)
        settings, url = self.reader.settings, visit.request.url
        known = [name] if name in settings.destinations else []
        accounts = accounts_of(self.shelf, settings, message_id, known, first=place_of(url, "values"), leaves_max=LINES)
        if not accounts:
            return visit.page("missing.html", code=404, what=f"event {cut(visit.request.path_params['message_id'])}")
        event = accounts[0].story.event
        mask = visit.eyes.mask(event)
        account, shortened = _cut(accounts[0], mask)
        again = None
        if "rerun" in visit.request.query_params:
            again = _rerun_masked(rerun(accounts[0].story, name, desk=self.desk, settings=settings), mask)
        newest = self.desk.revisions.newest()
        (body, is_cut), (beside, _) = _shown(event.body, mask), _shown(event.envelope, mask)
        row = row_of(accounts[0].story, name, visit.eyes, mask)
        carrier = carrier_of(accounts[0].story)
        return visit.page(
            "event.html",
            account=account,
            story=account.story,
            row=row,
            carrier=event_address(name, visit.eyes.message_link(mask.message_id(carrier), carrier)) if carrier else "",
            notes=part_of(account.ledger, url, "notes", NOTES),
            body=body,
            beside=beside,
            is_cut=is_cut,
            payload=row.href.replace("/events/", "/payloads/", 1),
            exchanges=_exchanges(account, shortened),
            told=sent_part(accounts[0], visit, self.reader, mask),
            attempts=part_of(account.story.attempts, url, "attempts", ATTEMPTS),
            diagram=diagram(account.explanation),
            values=_values_of(accounts[0].explanation, url, len(account.explanation.lines)),
            rerun=again,
            revision=newest if newest and name in newest.document["destinations"] else None,
            cause=explained(account.story.cause) if account.story.cause else None,
            curl=_curl(event, body, beside, ingest_of(settings, url.hostname or "")) if not is_cut else "",
            is_masked=not mask.is_idle,
            removed=removed_of(event),
            is_body_gone=is_body_gone(event.minimised),
            seen=[(each.kind, mask.name(each.path)) for each in sightings(enriched(event))],
            who=in_a_sentence(settings.destinations[name].type),
        )

    def payload(self, visit: Visit) -> Response:
        """Send an event whole, as a file; with `calls` in the address, what it becomes; with `sent`, what an attempt sent."""
        name, message_id = visit.request.path_params["destination"], self._message_id(visit)
        settings = self.reader.settings
        story = self.shelf.story(name, message_id) if name in settings.destinations else None
        if story is None or story.event.source not in settings.sources_of(name):
            return visit.page("missing.html", code=404, what=f"event {cut(visit.request.path_params['message_id'])}")
        mask = visit.eyes.mask(story.event)
        if asked := visit.request.query_params.get("sent", ""):
            found = [each for each in bodies_or_why(story, name, settings)[0] if str(each.number) == asked]
            if not found or found[0].body is None:
                return visit.page("missing.html", code=404, what=f"what attempt {cut(asked, 10)} sent")
            text = body_shown(found[0], mask)
        elif "calls" in visit.request.query_params:
            calls = getattr(meaning_of(story, name, settings), "calls", ())
            text = msgspec.json.encode([{"path": call.path, "body": mask.value(call.body)} for call in calls])
        else:
            text = story.event.body if mask.is_idle else _masked_body(story.event, mask)
        headers = {"content-disposition": 'attachment; filename="event.json"'}
        return Response(text, media_type="application/json", headers=headers)

    def _message_id(self, visit: Visit) -> str:
        return visit.eyes.opened(visit.request.path_params["message_id"])


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(mended(body))
    except (msgspec.DecodeError, RecursionError):
        return None


def _shown(came: bytes, mask: Mask) -> tuple[str, bool]:
    """Return what came as a page shows it, and whether that is not all."""
    if not came or (mask.is_idle and len(came) <= TEXT_CHARS):
        return pretty(came), False
    document = _decoded(came)
    if document is None:
        return cut(mask.text(came[:TEXT_CHARS].decode(errors="replace")), TEXT_CHARS), len(came) > TEXT_CHARS
    document, is_cut = cut_document(document)
    return pretty(msgspec.json.encode(mask.value(document))), is_cut


def _masked_body(event: Event, mask: Mask) -> bytes:
    document = _decoded(event.body)
    return msgspec.json.encode(
        mask.text(event.body.decode(errors="replace")) if document is None else mask.value(document)
    )


def _cut(account: Account, mask: Mask) -> tuple[Account, set[int]]:
    """Return an account as it may be shown, with what is long in it cut, and the numbers of the calls that were."""
    explanation, meaning, shortened = account.explanation, account.explanation.meaning, set()
    if isinstance(meaning, Plan):
        calls = []
        for number, call in enumerate(meaning.calls):
            body, is_cut = cut_document(call.body)
            calls.append(dataclasses.replace(call, body=body))
            shortened |= {number} if is_cut else set()
        meaning = Plan(tuple(calls))
    lines = tuple(
        dataclasses.replace(line, value=short(line.value), sent=short(line.sent), why=cut(line.why))
        for line in explanation.lines[:LINES_MAX]
    )
    explanation = dataclasses.replace(explanation, meaning=meaning, lines=lines)
    return masked(dataclasses.replace(account, explanation=explanation), mask), shortened


def _exchanges(account: Account, shortened: set[int]) -> list[Exchange]:
    calls = getattr(account.explanation.meaning, "calls", ())
    return [
        Exchange(
            call=call,
            body=pretty(msgspec.json.encode(call.body)),
            is_cut=number in shortened,
            attempts=_answers(account, call),
        )
        for number, call in enumerate(calls)
    ]


def _answers(account: Account, call: Call) -> list[tuple[Attempt, str]]:
    newest = [attempt for attempt in reversed(account.story.attempts) if attempt.path == call.path][:ANSWERS]
    return [(attempt, pretty(attempt.answer.encode())[:ANSWER_CHARS_MAX]) for attempt in newest]


def _values_of(told: Explanation, url: URL, lines: int) -> Values:
    end = told.leaves if told.next_first is None else told.next_first
    return Values(
        first=told.first,
        end=end,
        total=told.leaves,
        untold=told.untold,
        lines_left_out=max(0, len(told.lines) - lines),
        earlier=address_of(url, "values", max(0, told.first - LINES)) if told.first else "",
        later=address_of(url, "values", end) if told.next_first is not None else "",
    )


def _rerun_masked(again: Rerun, mask: Mask) -> Rerun:
    def shown(text: str) -> str:
        return cut(mask.lines(text[:RERUN_CHARS_MAX]), RERUN_CHARS_MAX)

    return dataclasses.replace(
        again,
        then=shown(again.then),
        now=shown(again.now),
        verdict=cut(mask.text(again.verdict)),
        is_same=again.is_same,
    )


def _curl(event: Event, body: str, beside: str, ingest: str) -> str:
    """Return the event as a command; quoted, for it was written by a stranger."""
    path = event.type if event.type.isascii() and event.type.isalpha() and not beside else "batch"
    data = f'{{"batch":[{body}],{beside[1:]}' if beside else body
    return f"curl -u WRITE_KEY: {ingest}/v1/{path} -H 'Content-Type: application/json' \\\n  -d {shlex.quote(data)}"
