"""Sources, destinations and what connects them: the way from an SDK to Custify, set up in a browser."""

import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from penstock import causes
from penstock.admin.pages.web import Form, Pages, Visit, base_of, redirect
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.orders import Orders
from penstock.errors import SettingsError
from penstock.inspect.beginnings import CHOICES as BEGINNINGS
from penstock.inspect.beginnings import Beginning, beginning_of
from penstock.inspect.status import StatusReader
from penstock.settings import Destination, Settings
from penstock.settings.revisions import Desk, Document
from penstock.settings.snippets import ingest_of, snippets
from penstock.settings.source_form import listed, number, source_fields, warnings_of

SOURCE_TYPES = ("web", "mobile", "server")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")
CHOICES = {
    "mapping": ("custify/1", "rudderstack"),
    "nested": ("drop", "flatten", "json"),
    "consent_provider": ("none", "custom", "iubenda", "ketch", "oneTrust"),
    "consent_resolution": ("and", "or"),
    "mode": ("live", "shadow", "canary"),
    "skip_unchanged": ("auto", "on", "off"),
    "coalesce": ("auto", "on", "off"),
    "unknown_people": ("auto", "park", "create", "send"),
    "infer_company": ("auto", "on", "off"),
    "attribute_guard": ("auto", "warn", "hold", "off"),
}
FLAGS = ("anonymous_fallback", "page_views", "changes_only", "null_clears")
LISTS = ("consent_categories", "canary_companies", "date_attributes")
NUMBERS = {
    "calls_per_s_max": 0.0,
    "canary_percent": 0.0,
    "reassert_days": 30.0,
    "park_hours": 24.0,
    "anonymous_hours": 24.0,
}
#: What becomes of what waits for a destination that is removed.
BACKLOGS = {"keep": "what waits for it is kept", "discard": "what waited for it is given up"}
#: Looks whether Custify can be reached with a key; answers whether, and a sentence.
TryConnection = Callable[[Destination], tuple[bool, str]]


class SettingsPages:
    """Pages that change settings. Whatever penstock.toml defines is shown, and read-only."""

    def __init__(
        self,
        pages: Pages,
        *,
        desk: Desk,
        reader: StatusReader,
        orders: Orders,
        dead: DeadLetters,
        try_connection: TryConnection,
    ) -> None:
        self.pages, self.desk, self.reader, self.orders, self.dead = pages, desk, reader, orders, dead
        self.try_connection = try_connection

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/sources", self.sources, right="payloads"),
            show("/sources/new", self.new_source, right="settings"),
            act("/sources/new", self.add_source, right="settings"),
            show("/sources/{name}", self.source, right="payloads"),
            act("/sources/{name}/{what}", self.change_source, right="settings"),
            show("/destinations", self.destinations, right="payloads"),
            show("/destinations/new", self.pick_destination, right="settings"),
            show("/destinations/new/custify", self.new_destination, right="settings"),
            act("/destinations/new/custify", self.add_destination, right="settings"),
            show("/destinations/{name}", self.destination, right="payloads"),
            act("/destinations/{name}/settings", self.change_destination, right="settings"),
            act("/destinations/{name}/test", self.test, right="settings"),
            act("/destinations/{name}/connect", self.connect, right="settings"),
            act("/destinations/{name}/remove", self.remove_destination, right="settings"),
        ]

    def sources(self, visit: Visit) -> Response:
        """List sources."""
        settings = self.desk.settings()
        accepted = self.reader.read().accepted
        return visit.page("sources.html", settings=settings, accepted=accepted, ours=self.desk.document()["sources"])

    def new_source(self, visit: Visit) -> Response:
        """Show the form of a new source, with the connection modes each type supports."""
        return visit.page("source_new.html", types=SOURCE_TYPES)

    def add_source(self, visit: Visit, form: Form) -> Response:
        """Add a source with a fresh write key."""
        name = self._free_name(form, self.desk.settings().sources)
        block = {"type": form.get("type", ""), "write_key": fresh_key()}
        self._change(visit, form, f"source {name} added", lambda document: document["sources"].update({name: block}))
        return redirect(f"/sources/{name}", said=f"source {name} was added")

    def source(self, visit: Visit) -> Response:
        """Show a source: its key, what to paste, and what it is connected to."""
        name, base, settings = visit.request.path_params["name"], self.desk.revision(), self.desk.settings()
        source = settings.sources.get(name)
        if source is None:
            return visit.page("missing.html", code=404, what=f"source {name}")
        connected, status = [c.to for c in settings.connections if c.from_ == name], self.reader.read()
        return visit.page(
            "source.html",
            source=source,
            snippets=snippets(source, ingest_of(settings, visit.request.url.hostname or ""), shows_key=visit.eyes.keys),
            connected=connected,
            accepted=status.accepted.get(name, 0),
            lost=status.sources[name].lost if name in status.sources else {},
            warnings=warnings_of(source),
            ours=self.desk.is_ours("sources", name),
            base=base,
        )

    def change_source(self, visit: Visit, form: Form) -> Response:
        """Rotate the key, end the old one, switch the source off or on, change its settings, or remove it."""
        name, what = visit.request.path_params["name"], visit.request.path_params["what"]
        edits: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
            "rotate": ("has a new key; the old one is taken until you end it", _rotate),
            "end-old-key": ("takes its new key alone", lambda block: block.pop("old_write_key", None)),
            "disable": ("is disabled", lambda block: block.update(enabled=False)),
            "enable": ("is enabled", lambda block: block.update(enabled=True)),
            "settings": ("changed", lambda block: block.update(source_fields(form))),
        }
        if what == "remove":
            self._change(
                visit, form, f"source {name} removed", lambda document: _remove(document, "sources", name, "from")
            )
            return redirect("/sources", said=f"source {name} was removed; its events are kept")
        if what not in edits:
            raise SettingsError("action", expected=", ".join([*edits, "remove"]), got=what)
        said, edit = edits[what]
        self._change(visit, form, f"source {name} {said}", lambda document: edit(self._own(document, "sources", name)))
        return redirect(f"/sources/{name}", said=f"source {name} {said}")

    def destinations(self, visit: Visit) -> Response:
        """List destinations."""
        status = self.reader.read().destinations
        return visit.page("destinations.html", settings=self.desk.settings(), status=status)

    def pick_destination(self, visit: Visit) -> Response:
        """Show the list of destinations there are."""
        return visit.page("destination_pick.html")

    def new_destination(self, visit: Visit) -> Response:
        """Show the form of a new destination."""
        settings, default = self.desk.settings(), Destination(name="", api_key="")
        beginnings = self._beginnings("", settings, settings.sources)
        return visit.page(
            "destination_new.html", sources=settings.sources, default=default, beginnings=beginnings, choices=BEGINNINGS
        )

    def add_destination(self, visit: Visit, form: Form) -> Response:
        """Add a destination and connect the chosen sources."""
        settings = self.desk.settings()
        name = self._free_name(form, settings.destinations)
        block = {"type": "custify", "api_key": form.get("api_key", ""), **_fields(form)}
        chosen = [source for source in settings.sources if f"source:{source}" in form]

        def edit(document: Document) -> None:
            document["destinations"][name] = block
            document["connections"] += [{"from": source, "to": name, **_begin(form, source)} for source in chosen]

        self._change(visit, form, f"destination {name} added", edit)
        # One of this name may have been removed and its backlog given up; this one delivers.
        self.orders.pause(name, paused=False, by=visit.user.name)
        return redirect(f"/destinations/{name}", said=f"destination {name} was added")

    def destination(self, visit: Visit) -> Response:
        """Show a destination: state, settings, connected sources."""
        return self._destination_page(visit, tested=None)

    def change_destination(self, visit: Visit, form: Form) -> Response:
        """Change settings; an empty API key keeps the old one."""
        name = visit.request.path_params["name"]

        def edit(document: Document) -> None:
            block = self._own(document, "destinations", name)
            block.update(_fields(form), enabled="enabled" in form)
            if form.get("api_key"):
                block["api_key"] = form["api_key"]

        self._change(visit, form, f"destination {name} changed", edit)
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

        self._change(visit, form, f"sources of {name} chosen", edit)
        return redirect(f"/destinations/{name}", said="connections saved")

    def remove_destination(self, visit: Visit, form: Form) -> Response:
        """Remove a destination, and keep or give up what waits for it, as the form says."""
        name, backlog = visit.request.path_params["name"], form.get("backlog", "")
        if backlog not in BACKLOGS:
            raise SettingsError(
                "backlog", expected=" or ".join(BACKLOGS), got=backlog, hint="what becomes of what waits?"
            )
        note = f"destination {name} removed, {BACKLOGS[backlog]}"
        self._change(visit, form, note, lambda document: _remove(document, "destinations", name, "to"))
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
            choices=BEGINNINGS,
            base=base,
            tested=tested,
            kept_back=sum(p.count for p in self.dead.problems(name) if p.cause == causes.SHADOW),
        )

    def _beginnings(self, name: str, settings: Settings, sources: Iterable[str]) -> dict[str, Beginning]:
        """Return what connecting each of these sources would send of what is stored."""
        shelf, now = self.reader.shelf, self.reader.clock.now()
        return {source: beginning_of(source, name, settings, shelf, now=now) for source in sources}

    def _fixed_connections(self, name: str, settings: Settings) -> set[str]:
        """Return the sources that penstock.toml connects."""
        ours = {(c["from"], c["to"]) for c in self.desk.document()["connections"]}
        return {c.from_ for c in settings.connections if c.to == name and (c.from_, c.to) not in ours}

    def _change(self, visit: Visit, form: Form, note: str, edit: Callable[[Document], None]) -> Settings:
        settings = self.desk.change(edit, by=visit.user.name, note=note, after=base_of(form))
        # This process shows the change at once; the others follow within a second.
        self.reader.settings = settings
        return settings

    def _free_name(self, form: Form, taken: Any) -> str:
        name = form.get("name", "")
        if not NAME.fullmatch(name):
            raise SettingsError("name", expected="letters, digits, spaces, . _ -, at most 63", got=name)
        if name in taken or name == "new":
            raise SettingsError("name", expected="a name that is not taken", got=name)
        return name

    def _own(self, document: Document, kind: str, name: str) -> dict[str, Any]:
        if name not in document[kind]:
            raise SettingsError(
                f"{kind}.{name}",
                expected="one that was set up here",
                got="one of penstock.toml",
                hint="change the file",
            )
        block: dict[str, Any] = document[kind][name]
        return block


def fresh_key() -> str:
    """Return a write key that nobody can guess."""
    return secrets.token_urlsafe(20)


def _fields(form: Form) -> dict[str, Any]:
    """Return a destination's settings of a form. Raises SettingsError."""
    fields: dict[str, Any] = {"base_url": form.get("base_url", "").rstrip("/")}
    for key, choices in CHOICES.items():
        fields[key] = form.get(key) if form.get(key) in choices else choices[0]
    fields |= {key: key in form for key in FLAGS}
    fields |= {key: listed(form.get(key, "")) for key in LISTS}
    fields |= {key: number(key, form.get(key, ""), default) for key, default in NUMBERS.items()}
    fields["policies"] = _policies(form.get("policies", ""))
    return fields


def _policies(text: str) -> dict[str, str]:
    """Return `field = policy`, one a line. Raises SettingsError; whether they can work is checked with all settings."""
    policies = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        field, equals, policy = line.partition("=")
        if not equals:
            raise SettingsError("policies", expected="field = policy, one a line", got=line)
        policies[field.strip()] = policy.strip()
    return policies


def _connection(source: str, destination: str, form: Form) -> dict[str, Any]:
    """Return a connection of a form: everything, only some named events, or all but some."""
    names = [name.strip() for name in form.get(f"names:{source}", "").split(",") if name.strip()]
    mode = form.get(f"mode:{source}", "")
    chosen = {mode: names} if mode in {"events_allow", "events_deny"} and names else {}
    return {"from": source, "to": destination, **chosen}


def _begin(form: Form, source: str) -> dict[str, Any]:
    """Return from when on a source that is connected now is to get through; nothing, for what is usual."""
    choice = form.get(f"begin:{source}", "auto")
    return {} if choice == "auto" else {"deliver_from": choice}


def _rotate(block: dict[str, Any]) -> None:
    block["old_write_key"], block["write_key"] = block["write_key"], fresh_key()


def _remove(document: Document, kind: str, name: str, end: str) -> None:
    if document[kind].pop(name, None) is None:
        raise SettingsError(
            f"{kind}.{name}", expected="one that was set up here", got="another", hint="change the file"
        )
    document["connections"] = [c for c in document["connections"] if c[end] != name]
