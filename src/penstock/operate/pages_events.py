"""What happens to events: overview, live, one event, problems, replays, people."""

import dataclasses
import shlex
from collections.abc import Mapping

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from penstock.buffer.port import DeadLetters, Found, Orders, Outcome, Query, Search, Selection, Shelf, Story
from penstock.causes import explained
from penstock.errors import SettingsError
from penstock.event import Event, enriched
from penstock.operate.explain import accounts_of
from penstock.operate.replays import count_by_cause, replay_of
from penstock.operate.status import DestinationStatus, Status, StatusReader
from penstock.operate.web import Form, Pages, Visit, redirect

PAGE, DIGITS_MAX, CHART_MINUTES = 50, 18, 60
NOTHING = Found(stories=(), next_seq=None)
GOOD, BAD = (Outcome.DELIVERED, Outcome.NO_OP, Outcome.COALESCED), (Outcome.DEAD, Outcome.REJECTED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An event in a list."""

    story: Story
    destination: str
    #: What it is called: the track's name, or its type.
    title: str


class EventPages:
    """Pages about events."""

    def __init__(
        self,
        pages: Pages,
        *,
        reader: StatusReader,
        shelf: Shelf,
        search: Search,
        dead: DeadLetters,
        orders: Orders,
    ) -> None:
        self.pages, self.reader, self.shelf, self.search = pages, reader, shelf, search
        self.dead, self.orders = dead, orders

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/", self.overview, right="look"),
            show("/live", self.live, right="payloads"),
            show("/events/{destination}/{message_id:path}", self.event, right="payloads"),
            show("/problems", self.problems, right="payloads"),
            show("/problems/{destination}/{cause}", self.problem, right="payloads"),
            show("/replays", self.replays, right="payloads"),
            act("/replays", self.ask_replay, right="act"),
            act("/replays/{job:int}/stop", self.stop_replay, right="act"),
            act("/replays/{job:int}/resume", self.resume_replay, right="act"),
            act("/destinations/{name}/pause", self.pause, right="act"),
            act("/destinations/{name}/resume", self.resume, right="act"),
            show("/people", self.people, right="look"),
        ]

    def overview(self, visit: Visit) -> Response:
        """One sentence about everything, then figures that add up."""
        status = self.reader.read()
        problems = [
            (name, problem, explained(problem.cause))
            for name in status.destinations
            for problem in self.dead.problems(name)
        ]
        now = int(self.reader.clock.now() // 60)
        charts = {
            name: chart(self.shelf.by_minute(name, since=now - CHART_MINUTES), now) for name in status.destinations
        }
        return visit.page("overview.html", status=status, verdict=verdict(status), problems=problems[:5], charts=charts)

    def live(self, visit: Visit) -> Response:
        """The newest events, or those that fit a filter, page by page."""
        destination, query = self._destination(visit), _query(visit)
        found = self.search.find(destination, query, before_seq=_before(visit), limit=PAGE) if destination else NOTHING
        return visit.page(
            "live.html",
            rows=self._rows(found, destination),
            older=_older(visit, found),
            query=query,
            filtered=query != Query(),
            destination=destination,
            destinations=list(self.reader.settings.destinations),
            states=("waiting", "retrying", *(outcome.value for outcome in Outcome)),
        )

    def event(self, visit: Visit) -> Response:
        """One event: what came, what became of it, and why."""
        name, message_id = visit.request.path_params["destination"], visit.request.path_params["message_id"]
        settings = self.reader.settings
        accounts = accounts_of(self.shelf, settings, message_id, [name] if name in settings.destinations else [])
        if not accounts:
            return visit.page("missing.html", code=404, what=f"event {message_id}")
        [account] = accounts
        return visit.page(
            "event.html",
            account=account,
            story=account.story,
            row=_row(account.story, name),
            body=_pretty(account.story.event.body),
            calls=[
                (call, _pretty(msgspec.json.encode(call.body)))
                for call in getattr(account.explanation.meaning, "calls", ())
            ],
            cause=explained(account.story.cause) if account.story.cause else None,
            curl=_curl(account.story.event, settings.listen),
        )

    def problems(self, visit: Visit) -> Response:
        """Everything that needs somebody: held, paused, dead, rejected; by cause, with advice."""
        status = self.reader.read()
        groups = [(name, p, explained(p.cause)) for name in status.destinations for p in self.dead.problems(name)]
        resting = {name: d for name, d in status.destinations.items() if d.state != "delivering"}
        return visit.page("problems.html", groups=groups, resting=resting, explained=explained)

    def problem(self, visit: Visit) -> Response:
        """The events of one cause, and the count of what a replay would take."""
        name, cause = visit.request.path_params["destination"], visit.request.path_params["cause"]
        if name not in self.reader.settings.destinations:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        selection = Selection(cause=cause)
        page = self.dead.select(name, selection, limit=PAGE)
        return visit.page(
            "problem.html",
            destination=name,
            cause=explained(cause),
            count=sum(count_by_cause(self.dead, name, selection).values()),
            rows=[_row(story, name) for story in page.stories],
        )

    def replays(self, visit: Visit) -> Response:
        """Every replay, and how far it has come."""
        jobs = [replay_of(order, self.dead.progress(order.id)) for order in self.orders.replays()]
        return visit.page("replays.html", jobs=jobs)

    def ask_replay(self, visit: Visit, form: Form) -> Response:
        """Order a replay of a filter."""
        name = form.get("destination", "")
        if name not in self.reader.settings.destinations:
            raise SettingsError("destination", expected=", ".join(self.reader.settings.destinations), got=name)
        selection = Selection(cause=form.get("cause", ""), message_id=form.get("message_id", ""))
        count = sum(count_by_cause(self.dead, name, selection).values())
        job = self.orders.ask_replay(name, selection, by=visit.user.name)
        return redirect("/replays", said=f"replay {job} sends {count} events again")

    def stop_replay(self, visit: Visit, _: Form) -> Response:
        """Stop a replay."""
        return self._stop(visit, stopped=True, said="is stopped; what it put back is still sent")

    def resume_replay(self, visit: Visit, _: Form) -> Response:
        """Let a replay go on."""
        return self._stop(visit, stopped=False, said="goes on")

    def pause(self, visit: Visit, _: Form) -> Response:
        """Let a destination rest."""
        return self._pause(visit, paused=True, said="is paused; its events are kept")

    def resume(self, visit: Visit, _: Form) -> Response:
        """Let a destination go on."""
        return self._pause(visit, paused=False, said="goes on")

    def people(self, visit: Visit) -> Response:
        """One person or account: what was received and delivered, newest first. No payloads here."""
        destination, asked = self._destination(visit), _query(visit)
        query = Query(person=asked.person, company=asked.company)
        is_asked = query != Query() and bool(destination)
        found = self.search.find(destination, query, before_seq=_before(visit), limit=PAGE) if is_asked else NOTHING
        rows = self._rows(found, destination)
        return visit.page(
            "people.html",
            rows=rows,
            older=_older(visit, found),
            query=query,
            asked=is_asked,
            destination=destination,
            delivered=next((row for row in rows if row.story.state in GOOD), None),
            waiting=sum(row.story.state in {"waiting", "retrying"} for row in rows),
            people=[] if is_asked else self.search.people(asked.person),
            companies=[] if is_asked else self.search.companies(asked.company),
            destinations=list(self.reader.settings.destinations),
        )

    def _stop(self, visit: Visit, *, stopped: bool, said: str) -> Response:
        job = visit.request.path_params["job"]
        if job not in {order.id for order in self.orders.replays()}:
            return visit.page("missing.html", code=404, what=f"replay {job}")
        self.orders.stop_replay(job, stopped=stopped)
        return redirect("/replays", said=f"replay {job} {said}")

    def _pause(self, visit: Visit, *, paused: bool, said: str) -> Response:
        name = visit.request.path_params["name"]
        if name not in self.reader.settings.destinations:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        self.orders.pause(name, paused=paused, by=visit.user.name)
        return redirect(f"/destinations/{name}", said=f"{name} {said}")

    def _destination(self, visit: Visit) -> str:
        names = list(self.reader.settings.destinations)
        asked = visit.request.query_params.get("destination", "")
        return asked if asked in names else next(iter(names), "")

    def _rows(self, found: Found, destination: str) -> list[Row]:
        sources = set(self.reader.settings.sources_of(destination))
        return [_row(story, destination) for story in found.stories if story.event.source in sources]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One minute of a chart; heights are shares of the tallest minute, in percent."""

    minute: int
    good: int
    bad: int
    good_height: float
    bad_height: float


def chart(minutes: Mapping[int, Mapping[Outcome, int]], now: int) -> list[Bar]:
    """Return the last hour as bars, the oldest first."""
    tallest = max((sum(counts.values()) for counts in minutes.values()), default=0)
    bars = []
    for minute in range(now - CHART_MINUTES + 1, now + 1):
        counts = minutes.get(minute, {})
        bad = sum(counts.get(outcome, 0) for outcome in BAD)
        good = sum(counts.values()) - bad
        heights = [100 * count / tallest if tallest else 0.0 for count in (good, bad)]
        bars.append(Bar(minute=minute, good=good, bad=bad, good_height=heights[0], bad_height=heights[1]))
    return bars


def verdict(status: Status) -> tuple[str, str]:
    """Return how things stand: good, warn or bad, and the one sentence that says so."""
    if not status.destinations:
        return "warn", "Nothing is set up yet: add a source, then a destination."
    for name, destination in status.destinations.items():
        if destination.state in {"down", "held", "paused"}:
            return "bad", f"{name} is {destination.state}: {destination.waiting} events wait, none is lost."
    bad = sum(_bad(destination) for destination in status.destinations.values())
    if bad:
        return "warn", f"Events are delivered; {bad} did not get through and can be replayed."
    waiting = sum(destination.waiting for destination in status.destinations.values())
    return "good", f"Everything that was received is delivered or on its way; {waiting} events wait."


def _bad(destination: DestinationStatus) -> int:
    return sum(destination.outcomes.get(outcome, 0) for outcome in BAD)


def _query(visit: Visit) -> Query:
    """Return what a search form asks for."""
    given = {key: value.strip() for key, value in visit.request.query_params.items()}
    return msgspec.convert({key: given[key] for key in Query.__struct_fields__ if key in given}, Query)


def _before(visit: Visit) -> int | None:
    text = visit.request.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < DIGITS_MAX else None


def _older(visit: Visit, found: Found) -> str:
    """Return the address of the next page; empty when there is none."""
    if found.next_seq is None:
        return ""
    return str(visit.request.url.include_query_params(before=found.next_seq))


def _row(story: Story, destination: str) -> Row:
    body = enriched(story.event)
    name = body.get("event") if story.event.type == "track" else None
    return Row(story=story, destination=destination, title=name if isinstance(name, str) and name else story.event.type)


def _curl(event: Event, ingest: str) -> str:
    """Return the event as a command; quoted, for it was written by a stranger."""
    text = shlex.quote(event.body.decode(errors="replace"))
    return f"curl -u WRITE_KEY: http://{ingest}/v1/{event.type if event.type.isalpha() else 'batch'} -d {text}"


def _pretty(body: bytes) -> str:
    """Return JSON with line breaks; what is no JSON is shown as it came."""
    try:
        return msgspec.json.format(body, indent=2).decode(errors="replace")
    except (msgspec.DecodeError, RecursionError):
        return body.decode(errors="replace")
