"""Sending again: what a replay would do, before it does it; and how far those have come that were ordered."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.rows import pretty
from penstock.admin.pages.web import Form, Pages, Visit, redirect
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.outcomes import WantedOutcome
from penstock.buffer.port.selection import Selection
from penstock.errors import SettingsError
from penstock.explain.preview import ReplayPreview, would_do
from penstock.inspect.moments import moment_of
from penstock.inspect.parts import TEXT_CHARS, cut, part_of
from penstock.inspect.replays import Count, counted, refuse_without_bodies, replay_of, shown_selection
from penstock.inspect.status import StatusReader
from penstock.settings.forms import FormFields

# Replays on one page.
REPLAYS = 50
NAMES = ("source", "type", "person", "company", "event_name", "message_id", "outcome")
FILTERS = (*NAMES, "since", "until")
REPLAY = FormFields(needed=("destination",), optional=("cause", *FILTERS), flags=("fresh_ids",))
TYPES = ("identify", "track", "group", "page", "screen", "alias")
#: How people choose which events are meant, by how they ended.
ENDED: Mapping[WantedOutcome, str] = {
    "any": "however they ended",
    "delivered": "that arrived",
    "": "that did not get through",
    "no-op": "that were already up to date",
    "coalesced": "that were sent together with others",
    "filtered": "that were not wanted",
}


class ReplayPages:
    """Pages about sending again."""

    def __init__(self, pages: Pages, *, reader: StatusReader, dead: DeadLetters, orders: Orders) -> None:
        self.pages, self.reader, self.dead, self.orders = pages, reader, dead, orders

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/replays", self.replays, right="people"),
            show("/replays/new", self.new, right="replay"),
            act("/replays", self.ask, right="replay", fields=REPLAY),
            act("/replays/{job:int}/stop", self.stop, right="act"),
            act("/replays/{job:int}/resume", self.go_on, right="act"),
        ]

    def replays(self, visit: Visit) -> Response:
        """Show every replay, and how far it has come."""
        part = part_of(self.orders.replays(), visit.request.url, "replays", REPLAYS)
        jobs = part.made(lambda order: replay_of(order, self.dead.progress(order.id)))
        what = {
            job.id: cut(in_words(shown_selection(job.selection, visit.eyes), fresh_ids=job.fresh_ids))
            for job in jobs.items
        }
        return visit.page("replays.html", jobs=jobs, what=what)

    def new(self, visit: Visit) -> Response:
        """Ask which events are to be sent again, and show what that would do."""
        names, given = list(self.reader.settings.destinations), dict(visit.request.query_params)
        name = given.get("destination", names[0] if len(names) == 1 else "")
        if name not in names and name:
            return visit.page("missing.html", code=404, what=f"destination {cut(name)}")
        asked = {key: visit.eyes.opened(given.get(key, "")) for key in FILTERS}
        fresh_ids, facts = given.get("fresh_ids") == "on", dict[str, Any]()
        if "destination" in given:
            selection = selection_of(given.get("cause", ""), asked, now=self.reader.clock.now())
            facts = self._would(visit, name, selection, fresh_ids=fresh_ids)
            facts["order"] = _as_form(name, selection, fresh_ids=fresh_ids)
        return visit.page(
            "replay_new.html",
            destination=name,
            destinations=names,
            sources=list(self.reader.settings.sources),
            types=TYPES,
            ended=ENDED,
            given={key: given.get(key, "any" if key == "outcome" else "") for key in (*FILTERS, "cause")},
            fresh_ids=fresh_ids,
            **facts,
        )

    def _would(self, visit: Visit, name: str, selection: Selection, *, fresh_ids: bool) -> dict[str, Any]:
        count = counted(self.dead, name, selection)
        would, unread = would_do(
            self.dead,
            self.reader.ledger,
            name,
            selection,
            self.reader.settings,
            now=self.reader.clock.now(),
            fresh_ids=fresh_ids,
        )
        return {"count": count, "preview": would, "unread": unread, "sample": sample_shown(would, visit)}

    def ask(self, visit: Visit, form: Form) -> Response:
        """Order a replay of a filter."""
        name = form["destination"]
        if form.keys().isdisjoint(("cause", *FILTERS)):
            raise SettingsError("cause", expected="a cause, or another filter", got="none", hint="empty ones take all")
        if name not in self.reader.settings.destinations:
            raise SettingsError("destination", expected=", ".join(self.reader.settings.destinations), got=name)
        selection = selection_of(form.get("cause", ""), form, now=self.reader.clock.now())
        fresh_ids = form.get("fresh_ids") == "on"
        count: Count = counted(self.dead, name, selection)
        refuse_without_bodies(self.dead, name, selection, count=count.number)
        job = self.orders.ask_replay(name, selection, by=visit.user.name, fresh_ids=fresh_ids)
        visit.note(f"replay {job} at {name} ordered: {in_words(selection, fresh_ids=fresh_ids)}, {count} events")
        return redirect("/replays", said=f"replay {job} sends {count} events again")

    def stop(self, visit: Visit, _: Form) -> Response:
        """Stop a replay."""
        return self._stop(visit, stopped=True, said="is stopped; what it put back is still sent")

    def go_on(self, visit: Visit, _: Form) -> Response:
        """Let a replay go on."""
        return self._stop(visit, stopped=False, said="goes on")

    def _stop(self, visit: Visit, *, stopped: bool, said: str) -> Response:
        job = visit.request.path_params["job"]
        if job not in {order.id for order in self.orders.replays()}:
            return visit.page("missing.html", code=404, what=f"replay {job}")
        self.orders.stop_replay(job, stopped=stopped)
        visit.note(f"replay {job} {said}")
        return redirect("/replays", said=f"replay {job} {said}")


def sample_shown(would: ReplayPreview | None, visit: Visit) -> list[tuple[str, str, str]]:
    """Return some of the calls as the viewer may see them: path, message id and body; none for those who see no payloads."""
    if would is None or not visit.may("payloads"):
        return []
    shown = []
    for each in would.sample:
        mask = visit.eyes.mask(each.story.event)
        body = pretty(msgspec.json.encode(mask.value(each.call.body)))
        shown.append((each.call.path, mask.message_id(each.story.event.message_id), cut(body, TEXT_CHARS)))
    return shown


def selection_of(cause: str, given: Mapping[str, str], *, now: float) -> Selection:
    """Return the filter that a form or an address says. Raises SettingsError."""
    fields = {key: given[key].strip() for key in NAMES if given.get(key)}
    if fields.get("outcome", "") not in get_args(WantedOutcome):
        raise SettingsError("outcome", expected=", ".join(filter(None, get_args(WantedOutcome))), got=fields["outcome"])
    times = {key: moment_of(key, given.get(key, ""), now=now) for key in ("since", "until")}
    return msgspec.convert({"cause": cause, **fields, **times}, Selection)


def in_words(selection: Selection, *, fresh_ids: bool = False) -> str:
    """Return a filter as a person reads it."""
    facts = msgspec.to_builtins(selection)
    said = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in facts.items()) or "everything"
    return f"{said}, with fresh ids: they count twice" if fresh_ids else said


def _as_form(name: str, selection: Selection, *, fresh_ids: bool) -> dict[str, str]:
    """Return what the form says that orders just this."""
    facts = {key: str(value) for key, value in msgspec.to_builtins(selection).items()}
    return {"destination": name, "outcome": "", **facts} | ({"fresh_ids": "on"} if fresh_ids else {})
