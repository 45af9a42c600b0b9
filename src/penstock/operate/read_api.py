"""The admin API for looking: sources, destinations, events and what became of them, and its own description."""

import functools
from collections.abc import Sequence

from starlette.requests import Request
from starlette.routing import Route

from penstock.buffer.port import Shelf, Story
from penstock.buffer.search_port import Search
from penstock.operate.api import ApiError, api_route, caller_of, query_of, story_as_json, whole
from penstock.operate.explain import account_as_json, accounts_of, history_as_json, last_set, masked, masked_history
from penstock.operate.masking import mask_of
from penstock.operate.openapi import describe
from penstock.operate.snapshot import Snapshots
from penstock.operate.status import StatusReader

# Events looked at for the origin of a field: unless asked otherwise, and at most.
LOOKED_AT, LOOKED_AT_MAX = 10_000, 100_000


class ReadApi:
    """The handlers, with what they look at."""

    def __init__(self, *, reader: StatusReader, shelf: Shelf, search: Search, snapshots: Snapshots) -> None:
        self.reader, self.shelf, self.search, self.snapshots = reader, shelf, search, snapshots

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            api_route("GET", "/api/v1/sources", self.sources, right="payloads"),
            api_route("GET", "/api/v1/destinations", self.destinations, right="payloads"),
            api_route("GET", "/api/v1/events", self.events, right="payloads"),
            api_route("GET", "/api/v1/events/{message_id:path}/explain", self.explain, right="payloads"),
            api_route("GET", "/api/v1/explain", self.explain_field, right="payloads"),
            api_route("GET", "/api/v1/people", self.people, right="look"),
            api_route("GET", "/api/v1/companies", self.companies, right="look"),
            api_route("GET", "/api/v1/refused", self.refused, right="payloads"),
            api_route("GET", "/api/openapi.json", self.description, right="look"),
        ]

    def sources(self, _: Request, __: bytes) -> object:
        """Return the sources; their write keys stay here."""
        settings = self.reader.settings
        return {
            "sources": [
                {
                    "name": name,
                    "type": source.type,
                    "enabled": source.enabled,
                    "destinations": sorted({c.to for c in settings.connections if c.from_ == name}),
                }
                for name, source in settings.sources.items()
            ]
        }

    def destinations(self, _: Request, __: bytes) -> object:
        """Return the destinations with their settings; the API keys stay here."""
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

    def events(self, request: Request, _: bytes) -> object:
        """Return one page of the events that fit, the newest first."""
        names, given = self._names(), dict(request.query_params)
        destination = given.pop("destination", names[0] if len(names) == 1 else "")
        if destination not in names:
            raise ApiError(404, "destination", expected=f"one of {list(names)}", got=destination)
        query, before, limit = query_of(given)
        found = self.search.find(destination, query, before_seq=before or None, limit=limit)
        return {"events": [self._shown(request, story) for story in found.stories], "next": found.next_seq}

    def explain(self, request: Request, _: bytes) -> object:
        """Return what became of every value of one event, at each destination."""
        message_id = request.path_params["message_id"]
        accounts = accounts_of(self.shelf, self.reader.settings, message_id, self._names())
        if not accounts:
            raise ApiError(404, "event", expected="the messageId of a stored event", got=message_id)
        personal = "personal" in caller_of(request).rights
        mask = mask_of(accounts[0].story.event, self.reader.settings, personal=personal)
        return {"accounts": [account_as_json(masked(account, mask)) for account in accounts]}

    def people(self, request: Request, _: bytes) -> object:
        """Return ids of people that begin with a text."""
        return {"people": [seen.id for seen in self.search.people(request.query_params.get("prefix", ""))]}

    def companies(self, request: Request, _: bytes) -> object:
        """Return ids of companies that begin with a text."""
        return {"companies": [seen.id for seen in self.search.companies(request.query_params.get("prefix", ""))]}

    def refused(self, _: Request, __: bytes) -> object:
        """Return the kinds of requests that ingest refused lately, the newest first."""
        return {"refused": self.snapshots.read("accept").get("refused", [])}

    def explain_field(self, request: Request, _: bytes) -> object:
        """Return the event that a field of a person comes from, and what would set it."""
        names, given = self._names(), dict(request.query_params)
        destination = given.pop("destination", names[0] if len(names) == 1 else "")
        if destination not in names:
            raise ApiError(404, "destination", expected=f"one of {list(names)}", got=destination)
        look_at = min(whole(given, "newest", LOOKED_AT), LOOKED_AT_MAX)
        if given.keys() != {"person", "field"}:
            raise ApiError(400, "query", expected="person and field", got=", ".join(given)[:100])
        history = last_set(self.shelf, self.reader.settings, destination, **given, look_at=look_at)
        personal = "personal" in caller_of(request).rights
        mask = functools.partial(mask_of, settings=self.reader.settings, personal=personal)
        return history_as_json(masked_history(history, mask))

    def description(self, _: Request, __: bytes) -> object:
        """Return the OpenAPI document."""
        return describe(self.reader.version)

    def _shown(self, request: Request, story: Story) -> dict[str, object]:
        personal = "personal" in caller_of(request).rights
        return story_as_json(story, mask_of(story.event, self.reader.settings, personal=personal))

    def _names(self) -> Sequence[str]:
        return list(self.reader.settings.destinations)
