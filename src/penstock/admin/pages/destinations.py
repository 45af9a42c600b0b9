"""Destinations and what feeds them: the way from an SDK to a far side, set up in a browser."""

import base64
import dataclasses
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from penstock import causes
from penstock.admin.pages.editing import Editing, free_name, own, remove
from penstock.admin.pages.web import Form, Visit, redirect
from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.orders import Orders
from penstock.destinations.every import PACKAGES, in_a_sentence
from penstock.errors import SettingsError
from penstock.inspect.beginnings import CHOICES as BEGINNINGS
from penstock.inspect.beginnings import Beginning, beginning_of
from penstock.settings import Destination, Settings, forms
from penstock.settings.revisions import Document
from penstock.settings.webhook_secret import PREFIX

#: What becomes of what waits for a destination that is removed.
BACKLOGS = {"keep": "what waits for it is kept", "discard": "what waited for it is given up"}
#: Looks whether calls can be made to a destination; answers whether, and a sentence.
TryConnection = Callable[[Destination], tuple[bool, str]]
SECRET_BYTES = 32
#: Which named events of a source a connection is about.
CHOSEN = ("events_allow", "events_deny")
REMOVAL = forms.FormFields(needed=("backlog",))


class DestinationPages:
    """Pages of destinations. Whatever penstock.toml defines is shown, and read-only."""

    def __init__(
        self, editing: Editing, *, orders: Orders, dead: DeadLetters, begun: BegunSources, try_connection: TryConnection
    ) -> None:
        self.editing, self.desk, self.reader = editing, editing.desk, editing.reader
        self.orders, self.dead, self.begun, self.try_connection = orders, dead, begun, try_connection

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.editing.pages.show, self.editing.pages.act
        return [
            show("/destinations", self.destinations, right="payloads"),
            show("/destinations/new", self.pick_destination, right="settings"),
            show("/destinations/new/{type}", self.new_destination, right="settings"),
            act("/destinations/new/{type}", self.add_destination, right="settings", fields=None),
            show("/destinations/{name}", self.destination, right="payloads"),
            act("/destinations/{name}/settings", self.change_destination, right="settings", fields=None),
            act("/destinations/{name}/test", self.test, right="settings"),
            act("/destinations/{name}/connect", self.connect, right="settings", fields=None),
            act("/destinations/{name}/remove", self.remove_destination, right="settings", fields=REMOVAL),
        ]

    def destinations(self, visit: Visit) -> Response:
        """List destinations."""
        status = self.reader.read().destinations
        return visit.page("destinations.html", settings=self.desk.settings(), status=status, kinds=PACKAGES)

    def pick_destination(self, visit: Visit) -> Response:
        """Show the list of destinations there are."""
        return visit.page("destination_pick.html", kinds=PACKAGES)

    def new_destination(self, visit: Visit) -> Response:
        """Ask for a name, and once there is one for the settings."""
        type_, settings = _type_of(visit), self.desk.settings()
        name = visit.request.query_params.get("name", "").strip()
        if not name:
            return visit.page("destination_name.html", type=type_, kind=PACKAGES[type_])
        default = Destination(name=free_name(name, settings.destinations), type=type_, api_key="")
        default = default if type_ == "custify" else dataclasses.replace(default, base_url="")
        return visit.page(
            "destination_new.html",
            sources=settings.sources,
            default=default,
            secret=fresh_secret(),
            beginnings=self._beginnings(name, settings, settings.sources),
            begin_choices=BEGINNINGS,
            choices=forms.choices(Destination),
        )

    def add_destination(self, visit: Visit, form: Form) -> Response:
        """Add a destination and connect the chosen sources."""
        settings, type_ = self.desk.settings(), _type_of(visit)
        fields = _fields(form, type_, beside=forms.of_each(settings.sources, "source", "begin"), is_new=True)
        name = free_name(form["name"], settings.destinations)
        block = {"type": type_, "api_key": form["api_key"], **fields}
        chosen = [source for source in settings.sources if f"source:{source}" in form]

        def edit(document: Document) -> None:
            document["destinations"][name] = block
            document["connections"] += [{"from": source, "to": name, **_begin(form, source)} for source in chosen]

        self.editing.change(visit, form, f"destination {name} added", edit)
        # One of this name may have been removed and its backlog given up; this one delivers.
        self.orders.pause(name, paused=False, by=visit.user.name)
        return redirect(f"/destinations/{name}", said=f"destination {name} was added")

    def destination(self, visit: Visit) -> Response:
        """Show a destination: state, settings, connected sources."""
        return self._destination_page(visit, tested=None)

    def change_destination(self, visit: Visit, form: Form) -> Response:
        """Change settings; an empty key or secret keeps the old one."""
        name = visit.request.path_params["name"]

        def edit(document: Document) -> None:
            block = own(document, "destinations", name)
            block.update(_fields(form, block.get("type", "custify")))
            if form.get("api_key"):
                block["api_key"] = form["api_key"]

        self.editing.change(visit, form, f"destination {name} changed", edit)
        return redirect(f"/destinations/{name}", said="saved; in force within a second")

    def test(self, visit: Visit, _: Form) -> Response:
        """Make a harmless read, and say in words what it found."""
        destination = self.desk.settings().destinations.get(visit.request.path_params["name"])
        if destination is None:
            return redirect("/destinations")
        return self._destination_page(visit, tested=self.try_connection(destination))

    def connect(self, visit: Visit, form: Form) -> Response:
        """Connect exactly the chosen sources; connections of penstock.toml stay."""
        name, settings = visit.request.path_params["name"], self.desk.settings()

        def edit(document: Document) -> None:
            fixed = self._fixed_connections(name, settings)
            _check_connections(form, [source for source in settings.sources if source not in fixed])
            others = [c for c in document["connections"] if c["to"] != name]
            # When a source begins was decided when it was connected.
            begun = {c["from"]: {"deliver_from": c["deliver_from"]} for c in document["connections"]
                     if c["to"] == name and c.get("deliver_from")}  # fmt: skip
            connected = {c["from"] for c in document["connections"] if c["to"] == name}
            chosen = [source for source in settings.sources if f"source:{source}" in form and source not in fixed]
            document["connections"] = others + [
                _connection(source, name, form)
                | (begun.get(source, {}) if source in connected else _begin(form, source))
                for source in chosen
            ]

        self.editing.change(visit, form, f"sources of {name} chosen", edit)
        return redirect(f"/destinations/{name}", said="connections saved")

    def remove_destination(self, visit: Visit, form: Form) -> Response:
        """Remove a destination, and keep or give up what waits for it, as the form says."""
        name, backlog = visit.request.path_params["name"], form["backlog"]
        if backlog not in BACKLOGS:
            raise SettingsError(
                "backlog", expected=" or ".join(BACKLOGS), got=backlog, hint="what becomes of what waits?"
            )
        note = f"destination {name} removed, {BACKLOGS[backlog]}"
        self.editing.change(visit, form, note, lambda document: remove(document, "destinations", name, "to"))
        self.orders.pause(name, paused=backlog == "discard", by=visit.user.name, discard=backlog == "discard")
        return redirect("/destinations", said=note)

    def _destination_page(self, visit: Visit, *, tested: tuple[bool, str] | None) -> Response:
        # Before the settings are read: a form that says less than it shows is refused, never the other way round.
        name, base, settings = visit.request.path_params["name"], self.desk.revision(), self.desk.settings()
        destination = settings.destinations.get(name)
        if destination is None:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        self.reader.settings = settings
        connected = {c.from_: c for c in settings.connections if c.to == name}
        return visit.page(
            "destination.html",
            destination=destination,
            status=self.reader.read().destinations[name],
            sources=settings.sources,
            connected=connected,
            ours=self.desk.is_ours("destinations", name),
            fixed=self._fixed_connections(name, settings),
            beginnings=self._beginnings(name, settings, [s for s in settings.sources if s not in connected]),
            begin_choices=BEGINNINGS,
            choices=forms.choices(Destination),
            base=base,
            tested=tested,
            kind=PACKAGES[destination.type],
            who=in_a_sentence(destination),
            kept_back=sum(p.count for p in self.dead.problems(name) if p.cause == causes.SHADOW),
        )

    def _beginnings(self, name: str, settings: Settings, sources: Iterable[str]) -> dict[str, Beginning]:
        """Return what connecting each of these sources would send of what is stored."""
        shelf, now = self.reader.shelf, self.reader.clock.now()
        return {source: beginning_of(source, name, settings, shelf, self.begun, now=now) for source in sources}

    def _fixed_connections(self, name: str, settings: Settings) -> set[str]:
        """Return the sources that penstock.toml connects."""
        ours = {(c["from"], c["to"]) for c in self.desk.document()["connections"]}
        return {c.from_ for c in settings.connections if c.to == name and (c.from_, c.to) not in ours}


def fresh_secret() -> str:
    """Return a webhook's secret that cannot be guessed."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _type_of(visit: Visit) -> Any:
    type_ = visit.request.path_params["type"]
    if type_ not in forms.DESTINATION:
        raise SettingsError("type", expected=" or ".join(forms.DESTINATION), got=type_)
    return type_


def _fields(form: Form, type_: str, *, beside: Sequence[str] = (), is_new: bool = False) -> dict[str, Any]:
    """Return a destination's settings of a form. Raises SettingsError."""
    names = [*forms.DESTINATION[type_], "enabled"]
    needed, optional = (("name", "api_key"), names) if is_new else (names, ["api_key"])
    forms.check(form, forms.FormFields(needed=needed, optional=[*optional, *beside]))
    fields = forms.read(Destination, form, names, is_whole=not is_new)
    if "base_url" in fields:
        fields["base_url"] = fields["base_url"].rstrip("/")
    return fields


def _check_connections(form: Form, sources: Sequence[str]) -> None:
    """Refuse a form that does not say of each source whether, and with which events, it is connected."""
    needed, flags = forms.of_each(sources, "mode", "names"), forms.of_each(sources, "source")
    forms.check(form, forms.FormFields(needed=needed, optional=forms.of_each(sources, "begin"), flags=flags))
    for field in forms.of_each(sources, "mode"):
        if form[field] not in {"", *CHOSEN}:
            raise SettingsError(field, expected=" or ".join(CHOSEN), got=form[field], hint="empty for all events")


def _connection(source: str, destination: str, form: Form) -> dict[str, Any]:
    """Return a connection of a form: everything, only some named events, or all but some."""
    names = [name.strip() for name in form.get(f"names:{source}", "").split(",") if name.strip()]
    mode = form.get(f"mode:{source}", "")
    chosen = {mode: names} if mode in CHOSEN and names else {}
    return {"from": source, "to": destination, **chosen}


def _begin(form: Form, source: str) -> dict[str, Any]:
    """Return from when on a source that is connected now is to get through; nothing, for what is usual."""
    choice = form.get(f"begin:{source}", "auto")
    return {} if choice == "auto" else {"deliver_from": choice}
