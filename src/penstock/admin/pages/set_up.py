"""A destination is set up in two steps: what it is called, then its key. It is tested before, and as, it is added."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.destination_form import fields_shown, form_shown, is_about_a_field, read_fields
from penstock.admin.pages.editing import Editing, free_name
from penstock.admin.pages.fields import wrong_fields
from penstock.admin.pages.web import Form, Visit, redirect
from penstock.buffer.port.begun import BegunSources
from penstock.buffer.port.orders import Orders
from penstock.destinations.kinds import KINDS
from penstock.errors import SettingsError
from penstock.inspect.beginnings import CHOICES as BEGINNINGS
from penstock.inspect.beginnings import Beginning, beginning_of
from penstock.inspect.key_tests import KeyTests
from penstock.inspect.status import StatusReader
from penstock.settings import Destination, Settings, forms
from penstock.settings.revisions import Document

NONE: Mapping[str, str] = {}


class SetUpPages:
    """From the list of what there is to a destination that waits for its first event."""

    def __init__(self, editing: Editing, *, orders: Orders, begun: BegunSources, key_tests: KeyTests) -> None:
        self.editing, self.desk, self.reader = editing, editing.desk, editing.reader
        self.orders, self.begun, self.key_tests = orders, begun, key_tests

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.editing.pages.show, self.editing.pages.act
        return [
            show("/destinations/new", self.pick, right="settings"),
            show("/destinations/new/{type}", self.begin, right="settings"),
            act("/destinations/new/{type}", self.add, right="settings", fields=None),
            act("/destinations/new/{type}/test", self.test, right="settings", fields=None),
        ]

    def pick(self, visit: Visit) -> Response:
        """Show the list of destinations there are."""
        return visit.page("destination_pick.html", kinds=KINDS)

    def begin(self, visit: Visit) -> Response:
        """Ask for a name, and once there is one that can be given, for the key."""
        type_, name = _type_of(visit), visit.request.query_params.get("name")
        if name is None:
            return visit.page("destination_name.html", type=type_, kind=KINDS[type_], name="", wrong="")
        try:
            free_name(name.strip(), self.desk.settings().destinations)
        except SettingsError as error:
            wrong = wrong_fields(error, "")["name"]
            return visit.page("destination_name.html", code=422, type=type_, kind=KINDS[type_], name=name, wrong=wrong)
        return self._form(visit, type_, name.strip())

    def add(self, visit: Visit, form: Form) -> Response:
        """Add a destination, connect the chosen sources, and test it; a bad answer stands on its page."""
        settings, type_ = self.desk.settings(), _type_of(visit)
        try:
            block, name = self._block(form, type_, settings), form["name"]
            chosen = [source for source in settings.sources if f"source:{source}" in form]

            def edit(document: Document) -> None:
                document["destinations"][name] = block
                document["connections"] += [{"from": source, "to": name, **begin_of(form, source)} for source in chosen]

            added = self.editing.change(visit, form, f"destination {name} added", edit)
        except SettingsError as error:
            return self._again(visit, form, type_, error)
        # One of this name may have been removed and its backlog given up; this one delivers.
        self.orders.pause(name, paused=False, by=visit.user.name)
        last = self.key_tests.last(added.destinations[name])
        if last is None or not last.reached:
            self.key_tests.test(added.destinations[name])
        return redirect(f"/destinations/{name}", said=f"destination {name} was added")

    def test(self, visit: Visit, form: Form) -> Response:
        """Make a harmless read with what was typed, before it is kept; a page that can takes only the sentence of it."""
        type_ = _type_of(visit)
        try:
            block = self._block(form, type_, self.desk.settings())
            document = self.desk.document()
            document["destinations"][form["name"]] = block
            destination = self.desk.preview(document).destinations[form["name"]]
        except SettingsError as error:
            return self._again(visit, form, type_, error)
        return self._form(visit, type_, form["name"], typed=form, tested=self.key_tests.test(destination))

    def _block(self, form: Form, type_: str, settings: Settings) -> dict[str, Any]:
        fields = read_fields(form, type_, beside=forms.of_each(settings.sources, "source", "begin"), is_new=True)
        free_name(form["name"], settings.destinations)
        return {"type": type_, "api_key": form["api_key"], **fields}

    def _again(self, visit: Visit, form: Form, type_: str, error: SettingsError) -> Response:
        """Show the form again, with what is wrong beside its field. Raises SettingsError for what is none of its fields."""
        name = form.get("name", "")
        if not name or not is_about_a_field(error, name, fields_shown(type_)):
            raise error
        return self._form(visit, type_, name, typed=form, error=error)

    def _form(
        self,
        visit: Visit,
        type_: Any,
        name: str,
        *,
        typed: Mapping[str, str] = NONE,
        error: SettingsError | None = None,
        tested: tuple[bool, str] | None = None,
    ) -> Response:
        settings = self.desk.settings()
        kind = KINDS[type_]
        default = Destination(name=name, type=type_, api_key="", base_url=kind.base_url)
        return visit.page(
            "destination_new.html",
            code=422 if error else 200,
            sources=settings.sources,
            chosen=[source for source in settings.sources if not typed or f"source:{source}" in typed],
            typed=typed,
            name=name,
            kind=kind,
            form=form_shown(default, settings, typed=typed, error=error),
            secret=typed.get("api_key") or kind.fresh_credential(),
            beginnings=beginnings_of(self.reader, self.begun, name, settings, settings.sources),
            begin_choices=BEGINNINGS,
            tested=tested,
        )


def begin_of(form: Form, source: str) -> dict[str, Any]:
    """Return from when on a source that is connected now is to get through; nothing, for what is usual."""
    choice = form.get(f"begin:{source}", "auto")
    return {} if choice == "auto" else {"deliver_from": choice}


def beginnings_of(
    reader: StatusReader, begun: BegunSources, name: str, settings: Settings, sources: Iterable[str]
) -> dict[str, Beginning]:
    """Return what connecting each of these sources would send of what is stored."""
    now = reader.clock.now()
    return {source: beginning_of(source, name, settings, reader.shelf, begun, now=now) for source in sources}


def _type_of(visit: Visit) -> Any:
    type_ = visit.request.path_params["type"]
    if type_ not in KINDS:
        raise SettingsError("type", expected=" or ".join(KINDS), got=type_)
    return type_
