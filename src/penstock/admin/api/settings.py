"""The admin API of what is set up: the document, its revisions, what another one would change, a test connection."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.api import DIGITS_MAX, api_route, caller_of, eyes_of, page_of
from penstock.admin.api.body import ApiError
from penstock.admin.api.shapes import (
    BackAnswer,
    ChangedAnswer,
    DeedsAnswer,
    DeedTold,
    MappingAnswer,
    NewSettings,
    RevisionsAnswer,
    RevisionTold,
    TrialAnswer,
)
from penstock.admin.pages.editing import NAME
from penstock.admin.pages.mapping import counted, mapping_of, shown_unsent, shown_use
from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.control import Deed, Journal, Revision
from penstock.buffer.port.shelf import Shelf
from penstock.destinations.reading import by_source
from penstock.errors import SettingsError, SettingsOutdated
from penstock.explain.budget import within_budget
from penstock.explain.fields import fields_in
from penstock.explain.ranges import RANGES, USUAL, RangeCounts
from penstock.inspect.beginnings import to_send
from penstock.inspect.eyes import Eyes, Sight
from penstock.inspect.key_tests import KeyTests
from penstock.inspect.status import StatusReader
from penstock.settings.revisions import CHANNEL_SECRET, SECRET, Desk, differences, opened
from penstock.settings.thresholds import THRESHOLDS

# Fields, and traits that reach none, in one answer.
FIELDS_MAX = 1_000
#: Of a destination that is sent events as they are.
NO_FIELDS: MappingAnswer = {"fields": [], "unsent": [], "range": "", "looked_at": 0, "is_whole": True, "next": None}
HIDDEN = "(set)"


class SettingsApi:
    """The handlers, with what they look at."""

    def __init__(
        self,
        *,
        reader: StatusReader,
        desk: Desk,
        shelf: Shelf,
        begun: BegunSources,
        journal: Journal,
        key_tests: KeyTests,
        sight: Sight,
        counts: RangeCounts,
    ) -> None:
        self.reader, self.desk, self.shelf, self.begun, self.journal = reader, desk, shelf, begun, journal
        self.key_tests, self.sight, self.counts = key_tests, sight, counts

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            api_route("GET", "/api/v1/settings", self.settings, right="settings"),
            api_route("POST", "/api/v1/settings", self.put, right="settings"),
            api_route("GET", "/api/v1/revisions", self.revisions, right="payloads"),
            api_route("POST", "/api/v1/revisions/{number:int}/back", self.roll_back, right="settings"),
            api_route("GET", "/api/v1/deeds", self.deeds, right="payloads"),
            api_route("POST", "/api/v1/destinations/{name}/test", self.test, right="settings"),
            api_route("GET", "/api/v1/destinations/{name}/mapping", self.mapping, right="payloads"),
        ]

    def settings(self, _: Request, __: object) -> object:
        """Return what was set up in the dashboard or here; keys and secrets are never shown."""
        # In this order: a document is never newer than the number it comes with.
        return {"revision": self.desk.revision(), **_hidden(self.desk.document())}

    def put(self, request: Request, wanted: NewSettings) -> ChangedAnswer:
        """Put a document in force, or say what it would change."""
        after = _based_on(request) if wanted.base is None else wanted.base
        given = msgspec.to_builtins(wanted)
        number, now = self.desk.revision(), self.desk.document()
        if after is not None and after != number:
            raise SettingsOutdated(based_on=after, in_force=number)
        document = {key: given[key] for key in ("sources", "destinations", "connections")}
        # A program that knows nothing of channels leaves them as they are.
        document["alerts"] = now["alerts"] if wanted.alerts is None else given["alerts"]
        document[THRESHOLDS] = now[THRESHOLDS] if wanted.thresholds is None else given[THRESHOLDS]
        for name in (*document["sources"], *document["destinations"], *document["alerts"]):
            if not NAME.fullmatch(name) or name == "new":
                raise SettingsError("name", expected="letters, digits, spaces, . _ -, at most 63", got=name[:100])
        for name, block in document["destinations"].items():
            if block.get(SECRET, HIDDEN) == HIDDEN:
                block[SECRET] = now["destinations"].get(name, {}).get(SECRET, "")
        for name, block in document["alerts"].items():
            if block.get(CHANNEL_SECRET, HIDDEN) == HIDDEN:
                block[CHANNEL_SECRET] = now["alerts"].get(name, {}).get(CHANNEL_SECRET, "")
        before, preview = self.desk.settings(), self.desk.preview(document)
        stored = to_send(before, preview, self.shelf, self.begun, now=self.reader.clock.now())
        lines = differences(opened(now, self.desk.vault), opened(document, self.desk.vault))
        if lines and not wanted.dry_run:
            who, note = caller_of(request).name, wanted.note or "changed by the API"
            # Keys that were left out come from what was in force a moment ago: it has to be in force still.
            self.reader.settings = self.desk.put(document, by=who, note=note, after=number)
        return {
            "changes": lines,
            "in_force": not wanted.dry_run,
            "revision": self.desk.revision(),
            "stored_events_sent": stored,
        }

    def revisions(self, request: Request, _: object) -> RevisionsAnswer:
        """Return the revisions, the newest first, each with what it changed."""
        eyes, revisions = eyes_of(request, self.sight), self.desk.revisions.revisions()
        pairs = zip(revisions, [*revisions, None][1:], strict=True)
        return {"revisions": [_revision(new, old, eyes) for new, old in pairs]}

    def roll_back(self, request: Request, _: object) -> BackAnswer:
        """Put an earlier revision in force again."""
        number = request.path_params["number"]
        after = _based_on(request)
        self.reader.settings = self.desk.roll_back(number, by=caller_of(request).name, after=after)
        return {"back_to": number}

    def deeds(self, request: Request, _: object) -> DeedsAnswer:
        """Return what people did beside changing settings, the newest first."""
        first, limit = page_of(dict(request.query_params))
        deeds = self.journal.deeds(limit=limit + 1, skip=first)
        shown, next_ = deeds_shown(deeds, eyes_of(request, self.sight), first=first, limit=limit)
        return {"deeds": shown, "next": next_}

    def test(self, request: Request, _: object) -> TrialAnswer:
        """Make a harmless read, and say what it found."""
        name = self._destination(request)
        destination = self.reader.settings.destinations[name]
        reached, said = self.key_tests.test(destination)
        return {"destination": name, "reached": reached, "said": said}

    def mapping(self, request: Request, _: object) -> MappingAnswer:
        """Return every field with source, fill rate and example, and the traits that reach none: the figures of its page."""
        name, settings, given = self._destination(request), self.reader.settings, dict(request.query_params)
        first, limit = page_of(given, default=FIELDS_MAX, most=FIELDS_MAX)
        range_, eyes = given.pop("range", USUAL), eyes_of(request, self.sight)
        if range_ not in RANGES:
            raise ApiError(400, "range", expected=" or ".join(RANGES), got=range_[:100])
        in_force = mapping_of(settings.destinations[name], settings)
        if in_force is None:
            return {**NO_FIELDS, "range": range_}
        count = counted(self.counts, name, range_, in_force, settings, now=self.reader.clock.now())
        found, end = within_budget(fields_in, count.found, by_source(in_force, settings)), first + limit
        uses = [shown_use(use, eyes) for use in found.uses[first:end]]
        unsent = [shown_unsent(each, eyes) for each in found.unsent[first:end]]
        return {
            "fields": [
                {
                    "path": use.path,
                    "field": use.field,
                    "sources": use.sources,
                    "filled": use.filled,
                    "calls": use.calls,
                    "example": use.example,
                }
                for use in uses
            ],
            "unsent": [{"source": each.source, "why": each.why, "count": each.count} for each in unsent],
            "range": range_,
            "looked_at": count.found.looked_at,
            "is_whole": count.is_done,
            "next": end if end < max(len(found.uses), len(found.unsent)) else None,
        }

    def _destination(self, request: Request) -> str:
        name: str = request.path_params["name"]
        known = self.reader.settings.destinations
        if name not in known:
            raise ApiError(404, "destination", expected=f"one of {sorted(known)}", got=name)
        return name


def deeds_shown(deeds: Sequence[Deed], eyes: Eyes, *, first: int, limit: int) -> tuple[list[DeedTold], int | None]:
    """Return a page of the journal as it may be shown, and where the next one begins: one more than its limit says so."""
    shown: list[DeedTold] = [
        {"at": d.at, "by": d.by, "what": eyes.deed(d.what), "times": d.times} for d in deeds[:limit]
    ]
    return shown, first + limit if len(deeds) > limit else None


def _based_on(request: Request) -> int | None:
    """Return the revision that `If-Match` names. Raises ApiError."""
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    number = text.strip('"')
    if not number.isascii() or not number.isdigit() or len(number) > DIGITS_MAX:
        raise ApiError(400, "If-Match", expected="the number of a revision", got=text[:100])
    return int(number)


def _hidden(document: dict[str, Any]) -> dict[str, Any]:
    for block in document["destinations"].values():
        if block.get(SECRET):
            block[SECRET] = HIDDEN
    for block in document["alerts"].values():
        if block.get(CHANNEL_SECRET):
            block[CHANNEL_SECRET] = HIDDEN
    return document


def _revision(new: Revision, old: Revision | None, eyes: Eyes) -> RevisionTold:
    lines = differences(old.document if old else None, new.document, shows_keys=eyes.keys)
    changes = lines if eyes.keys else [eyes.text(line) for line in lines]
    return {"number": new.number, "at": new.at, "by": new.by, "note": eyes.deed(new.note), "changes": changes}
