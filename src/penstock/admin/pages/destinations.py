"""Destinations and what feeds them: how each stands, and what is set. Whatever penstock.toml defines is read-only."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from penstock import causes
from penstock.admin.pages.destination_form import fields_shown, form_shown, is_about_a_field, read_fields
from penstock.admin.pages.editing import Editing, own, remove
from penstock.admin.pages.rows import Row, rows_of
from penstock.admin.pages.set_up import NONE, begin_of, beginnings_of
from penstock.admin.pages.web import Form, Visit, redirect
from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.dead_letters import DeadLetters
from penstock.buffer.port.orders import Orders
from penstock.buffer.port.search import Found
from penstock.destinations.kinds import KINDS, in_a_sentence
from penstock.errors import SettingsError
from penstock.inspect.beginnings import CHOICES as BEGINNINGS
from penstock.inspect.first_steps import first_steps
from penstock.inspect.key_tests import KeyTests
from penstock.inspect.status import DestinationStatus
from penstock.settings import Settings, forms
from penstock.settings.revisions import Document

#: What becomes of what waits for a destination that is removed.
BACKLOGS = {"keep": "what waits for it is kept", "discard": "what waited for it is given up"}
#: In the form: another address leads to the same workspace.
SAME = "same_workspace"
# So many records are counted; of more it is said that they are more.
KNOWN_MAX = 1_000
FORGOTTEN = "what is known of {} people and companies is forgotten once the key was accepted there, and not before"
#: Which named events of a source a connection is about.
CHOSEN = ("events_allow", "events_deny")
# As long as a destination received no more, its page shows the first event, found among the newest of the log.
FEW, LATELY = 20, 50
REMOVAL = forms.FormFields(needed=("backlog",))


class DestinationPages:
    """The list, and a page for each."""

    def __init__(
        self, editing: Editing, *, orders: Orders, dead: DeadLetters, begun: BegunSources, key_tests: KeyTests
    ) -> None:
        self.editing, self.desk, self.reader = editing, editing.desk, editing.reader
        self.orders, self.dead, self.begun, self.key_tests = orders, dead, begun, key_tests

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.editing.pages.show, self.editing.pages.act
        return [
            show("/destinations", self.destinations, right="payloads"),
            show("/destinations/{name}", self.destination, right="payloads"),
            act("/destinations/{name}/settings", self.change_destination, right="settings", fields=None),
            act("/destinations/{name}/test", self.test, right="settings"),
            act("/destinations/{name}/connect", self.connect, right="settings", fields=None),
            act("/destinations/{name}/remove", self.remove_destination, right="settings", fields=REMOVAL),
        ]

    def destinations(self, visit: Visit) -> Response:
        """List destinations."""
        status = self.reader.read().destinations
        return visit.page("destinations.html", settings=self.desk.settings(), status=status, kinds=KINDS)

    def destination(self, visit: Visit) -> Response:
        """Show a destination: state, settings, connected sources."""
        return self._page(visit)

    def change_destination(self, visit: Visit, form: Form) -> Response:
        """Change settings; an empty key or secret keeps the old one."""
        name = visit.request.path_params["name"]

        def edit(document: Document) -> None:
            block = own(document, "destinations", name)
            block.update(read_fields(form, block.get("type", "custify"), beside=[SAME]))
            if form.get("api_key"):
                block["api_key"] = form["api_key"]
            if SAME in form and before is not None and block["base_url"] != before.base_url:
                kept = [each for each in before.moved_from if each != block["base_url"]]
                block["moved_from"] = [before.base_url, *kept]

        known, before = self._known(name), self.desk.settings().destinations.get(name)
        try:
            settings = self.editing.change(visit, form, f"destination {name} changed", edit)
        except SettingsError as error:
            destination = self.desk.settings().destinations.get(name)
            if destination is None or not is_about_a_field(error, name, fields_shown(destination.type)):
                raise
            return self._page(visit, typed=form, error=error)
        if form.get("api_key"):
            self.key_tests.test(settings.destinations[name])
        said, after = "saved; in force within a second", settings.destinations[name]
        if known and before is not None and after.base_url != before.base_url:
            is_kept = before.base_url in after.moved_from
            said += "; what is known is kept" if is_kept else f"; {FORGOTTEN.format(known)}"
        return redirect(f"/destinations/{name}", said=said)

    def _known(self, name: str) -> str:
        """Return of how many people and companies something is known, in words; empty for none."""
        count = len(self.reader.ledger.subjects(name, "", limit=KNOWN_MAX + 1))
        return f"more than {KNOWN_MAX}" if count > KNOWN_MAX else str(count) if count else ""

    def test(self, visit: Visit, _: Form) -> Response:
        """Make a harmless read, and say in words what it found."""
        destination = self.desk.settings().destinations.get(visit.request.path_params["name"])
        if destination is None:
            return redirect("/destinations")
        return self._page(visit, tested=self.key_tests.test(destination))

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
                | (begun.get(source, {}) if source in connected else begin_of(form, source))
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

    def _page(
        self,
        visit: Visit,
        *,
        tested: tuple[bool, str] | None = None,
        typed: Mapping[str, str] = NONE,
        error: SettingsError | None = None,
    ) -> Response:
        # Before the settings are read: a form that says less than it shows is refused, never the other way round.
        name, base, settings = visit.request.path_params["name"], self.desk.revision(), self.desk.settings()
        destination = settings.destinations.get(name)
        if destination is None:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        self.reader.settings = settings
        connected = {c.from_: c for c in settings.connections if c.to == name}
        status = self.reader.read()
        free = [source for source in settings.sources if source not in connected]
        return visit.page(
            "destination.html",
            code=422 if error else 200,
            destination=destination,
            status=status.destinations[name],
            steps=first_steps(settings, status, self.key_tests.last, of=name),
            arrived=self._first(visit, name, status.destinations[name], settings),
            last_test=self.key_tests.last(destination),
            form=form_shown(destination, settings, typed=typed, error=error),
            sources=settings.sources,
            connected=connected,
            ours=self.desk.is_ours("destinations", name),
            fixed=self._fixed_connections(name, settings),
            beginnings=beginnings_of(self.reader, self.begun, name, settings, free),
            begin_choices=BEGINNINGS,
            base=base,
            tested=tested,
            kind=KINDS[destination.type],
            who=in_a_sentence(destination.type),
            known=self._known(name),
            kept_back=sum(p.count for p in self.dead.problems(name) if p.cause == causes.SHADOW),
        )

    def _first(self, visit: Visit, name: str, status: DestinationStatus, settings: Settings) -> Row | None:
        """Return the first event that came, as long as few came: whoever sets up waits for it."""
        if not 0 < status.received <= FEW:
            return None
        found = Found(stories=self.reader.shelf.stories(name, limit=LATELY, newest=True), next_seq=None)
        return next(iter(rows_of(found, name, visit=visit, settings=settings)), None)

    def _fixed_connections(self, name: str, settings: Settings) -> set[str]:
        """Return the sources that penstock.toml connects."""
        ours = {(c["from"], c["to"]) for c in self.desk.document()["connections"]}
        return {c.from_ for c in settings.connections if c.to == name and (c.from_, c.to) not in ours}


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
