"""The admin API for looking: sources, destinations, events and what became of them, and its own description."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.api.api import api_route, eyes_of, filter_of, page_of, query_of, whole
from penstock.admin.api.body import ApiError
from penstock.admin.api.openapi import describe
from penstock.admin.api.shapes import (
    CompaniesAnswer,
    DestinationsAnswer,
    EventsAnswer,
    PeopleAnswer,
    RefusedAnswer,
    SourcesAnswer,
)
from penstock.admin.exporting import Exports
from penstock.buffer.port.search import Search
from penstock.buffer.port.shelf import Shelf
from penstock.explain.page import LEAVES_MAX
from penstock.explain.questions import account_as_json, accounts_of, history_as_json, last_set, masked, masked_history
from penstock.explain.sent import sent_as_json, sent_bodies
from penstock.inspect.export import KINDS, file_of
from penstock.inspect.eyes import Eyes, Sight
from penstock.inspect.refusals import refused_shown
from penstock.inspect.status import StatusReader
from penstock.inspect.stored_event import shown_event
from penstock.machine.snapshot import Snapshots
from penstock.timestamps import from_ms, to_text

# Events looked at for the origin of a field: unless asked otherwise, and at most.
LOOKED_AT, LOOKED_AT_MAX = 10_000, 100_000


class ReadApi:
    """The handlers, with what they look at."""

    def __init__(
        self,
        *,
        reader: StatusReader,
        shelf: Shelf,
        search: Search,
        snapshots: Snapshots,
        sight: Sight,
        exports: Exports,
    ) -> None:
        self.reader, self.shelf, self.search, self.snapshots, self.sight = reader, shelf, search, snapshots, sight
        self.exports = exports

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            api_route("GET", "/api/v1/sources", self.sources, right="payloads"),
            api_route("GET", "/api/v1/destinations", self.destinations, right="payloads"),
            api_route("GET", "/api/v1/events", self.events, right="payloads"),
            api_route("GET", "/api/v1/events/export", self.export, right="payloads"),
            api_route("GET", "/api/v1/events/{message_id:path}/explain", self.explain, right="payloads"),
            api_route("GET", "/api/v1/events/{message_id:path}/sent", self.sent, right="payloads"),
            api_route("GET", "/api/v1/explain", self.explain_field, right="payloads"),
            api_route("GET", "/api/v1/people", self.people, right="people"),
            api_route("GET", "/api/v1/companies", self.companies, right="people"),
            api_route("GET", "/api/v1/refused", self.refused, right="payloads"),
            api_route("GET", "/api/openapi.json", self.description, right="look"),
        ]

    def sources(self, _: Request, __: object) -> SourcesAnswer:
        """Return the sources; their write keys stay here."""
        settings, status = self.reader.settings, self.reader.source_status()
        return {
            "sources": [
                {
                    "name": name,
                    "type": source.type,
                    "enabled": source.enabled,
                    "destinations": sorted({c.to for c in settings.connections if c.from_ == name}),
                    "keys": {
                        key: None if at is None else to_text(from_ms(round(at * 1000)))
                        for key, at in status[name].keys.items()
                    },
                }
                for name, source in settings.sources.items()
            ]
        }

    def destinations(self, _: Request, __: object) -> DestinationsAnswer:
        """Return the destinations with their settings; their keys and secrets stay here."""
        settings = self.reader.settings
        return {
            "destinations": [
                {
                    "name": name,
                    "type": destination.type,
                    "base_url": destination.base_url,
                    "mapping": destination.mapping,
                    "anonymous_fallback": destination.anonymous_fallback,
                    "enabled": destination.enabled,
                    "sources": settings.sources_of(name),
                }
                for name, destination in settings.destinations.items()
            ]
        }

    def events(self, request: Request, _: object) -> EventsAnswer:
        """Return one page of the events that fit, the newest first."""
        destination, given = self._destination(request)
        eyes = eyes_of(request, self.sight)
        query, before, limit = query_of({key: eyes.opened(text) for key, text in given.items()})
        found = self.search.find(destination, query, before_seq=before or None, limit=limit)
        return {"events": [shown_event(story, eyes) for story in found.stories], "next": found.next_seq}

    def export(self, request: Request, _: object) -> Response:
        """Return all events that fit as a file, the newest first."""
        destination, given = self._destination(request)
        eyes, wanted = eyes_of(request, self.sight), given.pop("format", "csv")
        kind = next((kind for kind in KINDS if kind == wanted), None)
        if kind is None:
            raise ApiError(400, "format", expected=" or ".join(KINDS), got=wanted[:100])
        query = filter_of({key: eyes.opened(text) for key, text in given.items()})
        settings = self.reader.settings
        parts = file_of(self.search, destination, set(settings.sources_of(destination)), query, eyes=eyes, kind=kind)
        return self.exports.file(parts, destination=destination, kind=kind, now=self.reader.clock.now())

    def explain(self, request: Request, _: object) -> object:
        """Return what became of the values of one event, at each destination, a page at a time."""
        eyes, given = eyes_of(request, self.sight), dict(request.query_params)
        message_id = eyes.opened(request.path_params["message_id"])
        first, limit = page_of(given, default=LEAVES_MAX, most=LEAVES_MAX)
        if given:
            raise ApiError(400, min(given)[:100], expected="from, limit", got="an unknown field")
        settings = self.reader.settings
        accounts = accounts_of(self.shelf, settings, message_id, self._names(), first=first, leaves_max=limit)
        if not accounts:
            raise ApiError(404, "event", expected="the messageId of a stored event", got=message_id[:200])
        mask = eyes.mask(accounts[0].story.event)
        return {"accounts": [account_as_json(masked(account, mask), mask) for account in accounts]}

    def sent(self, request: Request, _: object) -> object:
        """Return what each attempt for one event sent, byte for byte, at each destination."""
        eyes, message_id = eyes_of(request, self.sight), request.path_params["message_id"]
        message_id, settings = eyes.opened(message_id), self.reader.settings
        found = [(name, self.shelf.story(name, message_id)) for name in self._names()]
        stories = [(name, s) for name, s in found if s and s.event.source in settings.sources_of(name)]
        if not stories:
            raise ApiError(404, "event", expected="the messageId of a stored event", got=message_id[:200])
        mask = eyes.mask(stories[0][1].event)
        return {
            "sent": [
                sent_as_json(each, name, mask) for name, story in stories for each in sent_bodies(story, name, settings)
            ]
        }

    def people(self, request: Request, _: object) -> PeopleAnswer:
        """Return ids of people that begin with a text."""
        eyes = eyes_of(request, self.sight)
        return {"people": [eyes.person_link(seen.id) for seen in self.search.people(prefix_of(request, eyes))]}

    def companies(self, request: Request, _: object) -> CompaniesAnswer:
        """Return ids of companies that begin with a text."""
        eyes = eyes_of(request, self.sight)
        return {"companies": [eyes.company_link(seen.id) for seen in self.search.companies(prefix_of(request, eyes))]}

    def refused(self, request: Request, _: object) -> RefusedAnswer:
        """Return the kinds of requests that ingest refused lately, the newest first."""
        return {"refused": refused_shown(self.snapshots, eyes_of(request, self.sight))}

    def explain_field(self, request: Request, _: object) -> object:
        """Return the event that a field of a person comes from, and what would set it."""
        destination, given = self._destination(request)
        look_at, eyes = min(whole(given, "newest", LOOKED_AT), LOOKED_AT_MAX), eyes_of(request, self.sight)
        if given.keys() != {"person", "field"}:
            raise ApiError(400, "query", expected="person and field", got=", ".join(given)[:100])
        person, field = eyes.opened(given["person"]), given["field"]
        history = last_set(self.shelf, self.reader.settings, destination, person=person, field=field, look_at=look_at)
        return history_as_json(masked_history(history, eyes.mask), eyes.mask)

    def description(self, _: Request, __: object) -> object:
        """Return the OpenAPI document."""
        return describe(self.reader.version)

    def _destination(self, request: Request) -> tuple[str, dict[str, str]]:
        """Return the destination that is asked for, the only one if none is, and what else is asked. Raises ApiError."""
        names, given = self._names(), dict(request.query_params)
        destination = given.pop("destination", names[0] if len(names) == 1 else "")
        if destination not in names:
            raise ApiError(404, "destination", expected=f"one of {list(names)}", got=destination)
        return destination, given

    def _names(self) -> Sequence[str]:
        return list(self.reader.settings.destinations)


def prefix_of(request: Request, eyes: Eyes) -> str:
    """Return what ids are to begin with: for those who see ids; others would find them out letter by letter."""
    return request.query_params.get("prefix", "") if eyes.ids else ""
