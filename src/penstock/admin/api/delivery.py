"""The admin API of delivery: dead letters, replays, pause and resume. JSON in, JSON out; see docs/operating.md."""

import dataclasses

from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.api import (
    PAGE,
    PAGE_MAX,
    api_route,
    caller_of,
    converted,
    eyes_of,
    page_of,
    whole,
)
from penstock.admin.api.body import ApiError
from penstock.admin.api.replay_shapes import PreviewTold, preview_told
from penstock.admin.api.shapes import (
    EventsAnswer,
    PauseAnswer,
    ProblemsAnswer,
    ReplayAnswer,
    ReplayRequest,
    ReplaysAnswer,
)
from penstock.buffer.port.control import Journal
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.selection import Selection
from penstock.explain.preview import would_do
from penstock.inspect.eyes import Eyes, Sight
from penstock.inspect.replays import (
    Replay,
    count_by_cause,
    problems_as_json,
    refuse_without_bodies,
    replay_of,
    shown_selection,
)
from penstock.inspect.status import StatusReader
from penstock.inspect.stored_event import shown_event


class DeliveryApi:
    """The handlers, with what they look at and who is told."""

    def __init__(
        self, *, reader: StatusReader, dead: DeadLetters, orders: Orders, journal: Journal, sight: Sight
    ) -> None:
        self.reader, self.dead, self.orders, self.journal, self.sight = reader, dead, orders, journal, sight

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            api_route("GET", "/api/v1/destinations/{name}/dead", self.problems, right="payloads"),
            api_route("GET", "/api/v1/destinations/{name}/dead/events", self.events, right="payloads"),
            api_route("POST", "/api/v1/destinations/{name}/pause", self.pause, right="act"),
            api_route("POST", "/api/v1/destinations/{name}/resume", self.resume, right="act"),
            api_route("GET", "/api/v1/replays", self.replays, right="payloads"),
            api_route("POST", "/api/v1/replays", self.ask, right="replay"),
            api_route("GET", "/api/v1/replays/{job:int}", self.replay, right="payloads"),
            api_route("POST", "/api/v1/replays/{job:int}/stop", self.stop, right="act"),
            api_route("POST", "/api/v1/replays/{job:int}/resume", self.go_on, right="act"),
        ]

    def problems(self, request: Request, _: object) -> ProblemsAnswer:
        """Return dead and rejected events by cause, with advice."""
        return {"problems": problems_as_json(self.dead, self._destination(request))}

    def events(self, request: Request, _: object) -> EventsAnswer:
        """Return one page of the dead and rejected events of a selection."""
        given = dict(request.query_params)
        after, limit = whole(given, "after", 0), whole(given, "limit", PAGE)
        eyes = eyes_of(request, self.sight)
        selection = converted({key: eyes.opened(text) for key, text in given.items()}, Selection)
        page = self.dead.select(
            self._destination(request), selection, after_seq=after, limit=min(max(limit, 1), PAGE_MAX)
        )
        events = [shown_event(story, eyes) for story in page.stories]
        return {"events": events, "next": page.next_seq}

    def pause(self, request: Request, _: object) -> PauseAnswer:
        """Let a destination rest."""
        return self._pause(request, paused=True)

    def resume(self, request: Request, _: object) -> PauseAnswer:
        """Let a destination go on."""
        return self._pause(request, paused=False)

    def replays(self, request: Request, _: object) -> ReplaysAnswer:
        """Return replays, the newest first, a page at a time."""
        given = dict(request.query_params)
        first, limit = page_of(given)
        eyes, orders = eyes_of(request, self.sight), self.orders.replays()
        shown = [
            _shown(replay_of(order, self.dead.progress(order.id)), eyes) for order in orders[first : first + limit]
        ]
        return {"replays": shown, "next": first + limit if first + limit < len(orders) else None}

    def ask(self, request: Request, wanted: ReplayRequest) -> ReplayAnswer:
        """Count a selection and, unless it is a dry run, order its replay."""
        destination = self._known(wanted.destination)
        selection, fresh_ids = wanted.selection, wanted.fresh_ids
        counts = count_by_cause(self.dead, destination, selection)
        if wanted.dry_run:
            return {"replay": None, "counts": dict(counts), "preview": self._would(destination, wanted, request)}
        refuse_without_bodies(self.dead, destination, selection, count=sum(counts.values()))
        who = caller_of(request).name
        job = self.orders.ask_replay(destination, selection, by=who, fresh_ids=fresh_ids)
        twice = ", with fresh ids: they count twice" if fresh_ids else ""
        self.journal.note(
            who, f"replay {job} at {destination} ordered by the API, {sum(counts.values())} events{twice}"
        )
        return {"replay": self._replay(job, request), "counts": dict(counts), "preview": None}

    def _would(self, name: str, wanted: ReplayRequest, request: Request) -> PreviewTold | None:
        settings, now = self.reader.settings, self.reader.clock.now()
        shelf, fresh_ids = self.reader.ledger, wanted.fresh_ids
        would, _ = would_do(self.dead, shelf, name, wanted.selection, settings, now=now, fresh_ids=fresh_ids)
        sees_calls = "payloads" in caller_of(request).rights
        return preview_told(would, eyes_of(request, self.sight), calls=sees_calls) if would else None

    def replay(self, request: Request, _: object) -> Replay:
        """Return one replay."""
        return self._replay(request.path_params["job"], request)

    def stop(self, request: Request, _: object) -> Replay:
        """Stop a replay."""
        return self._stop(request, stopped=True)

    def go_on(self, request: Request, _: object) -> Replay:
        """Let a stopped replay go on."""
        return self._stop(request, stopped=False)

    def _pause(self, request: Request, *, paused: bool) -> PauseAnswer:
        name = self._destination(request)
        self.orders.pause(name, paused=paused, by=caller_of(request).name)
        self.journal.note(caller_of(request).name, f"{name} {'paused' if paused else 'resumed'} by the API")
        return {"destination": name, "paused": paused}

    def _stop(self, request: Request, *, stopped: bool) -> Replay:
        job = request.path_params["job"]
        self._replay(job, request)
        self.orders.stop_replay(job, stopped=stopped)
        self.journal.note(caller_of(request).name, f"replay {job} {'stopped' if stopped else 'resumed'} by the API")
        return self._replay(job, request)

    def _replay(self, job: int, request: Request) -> Replay:
        for order in self.orders.replays():
            if order.id == job:
                return _shown(replay_of(order, self.dead.progress(job)), eyes_of(request, self.sight))
        raise ApiError(404, "replay", expected="the number of a replay", got=job, hint="see GET /api/v1/replays")

    def _destination(self, request: Request) -> str:
        return self._known(request.path_params["name"])

    def _known(self, name: str) -> str:
        known = self.reader.settings.destinations
        if name not in known:
            raise ApiError(404, "destination", expected=f"one of {sorted(known)}", got=name)
        return name


def _shown(replay: Replay, eyes: Eyes) -> Replay:
    return dataclasses.replace(replay, selection=shown_selection(replay.selection, eyes))
