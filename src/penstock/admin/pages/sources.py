"""Sources: where events come from, their keys, and what to paste into an application."""

import secrets
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.editing import Editing, free_name, own, remove
from penstock.admin.pages.fields import of_source, wrong_fields
from penstock.admin.pages.minimise import StoredLess, stored_less, trial_of
from penstock.admin.pages.web import Form, Visit, redirect
from penstock.errors import SettingsError, SettingsOutdated
from penstock.settings import Source, forms
from penstock.settings.snippets import doubt_about, ingest_of, snippets
from penstock.settings.source_warnings import warnings_of

WHOLE = forms.FormFields(needed=forms.SOURCE)


class SourcePages:
    """Pages of sources. Whatever penstock.toml defines is shown, and read-only."""

    def __init__(self, editing: Editing) -> None:
        self.editing, self.desk, self.reader = editing, editing.desk, editing.reader

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.editing.pages.show, self.editing.pages.act
        return [
            show("/sources", self.sources, right="payloads"),
            show("/sources/new", self.new_source, right="settings"),
            act("/sources/new", self.add_source, right="settings", fields=forms.FormFields(needed=("name", "type"))),
            show("/sources/{name}", self.source, right="payloads"),
            act("/sources/{name}/settings", self.change_settings, right="settings", fields=WHOLE),
            act("/sources/{name}/preview", self.preview, right="settings", fields=WHOLE),
            act("/sources/{name}/{what}", self.change_source, right="settings"),
        ]

    def sources(self, visit: Visit) -> Response:
        """List sources."""
        settings = self.desk.settings()
        accepted = self.reader.read().accepted
        return visit.page("sources.html", settings=settings, accepted=accepted, ours=self.desk.document()["sources"])

    def new_source(self, visit: Visit) -> Response:
        """Show the form of a new source, with the connection modes each type supports."""
        return self._new(visit)

    def add_source(self, visit: Visit, form: Form) -> Response:
        """Add a source with a fresh write key."""
        try:
            name = free_name(form["name"], self.desk.settings().sources)
        except SettingsError as error:
            return self._new(visit, typed=form, error=error)
        block = {"type": form["type"], "write_key": fresh_key()}
        self.editing.change(
            visit, form, f"source {name} added", lambda document: document["sources"].update({name: block})
        )
        return redirect(f"/sources/{name}", said=f"source {name} was added")

    def source(self, visit: Visit) -> Response:
        """Show a source: its key, what to paste, and what it is connected to."""
        return self._page(visit)

    def _new(self, visit: Visit, *, typed: Form | None = None, error: SettingsError | None = None) -> Response:
        wrong = wrong_fields(error, "sources.") if error else {}
        code, given = 422 if error else 200, typed or {}
        return visit.page("source_new.html", code=code, types=forms.choices(Source)["type"], typed=given, wrong=wrong)

    def _page(
        self,
        visit: Visit,
        *,
        typed: Form | None = None,
        error: SettingsError | None = None,
        preview: StoredLess | None = None,
    ) -> Response:
        name, base, settings = visit.request.path_params["name"], self.desk.revision(), self.desk.settings()
        source = settings.sources.get(name)
        if source is None:
            return visit.page("missing.html", code=404, what=f"source {name}")
        ingest = ingest_of(settings, visit.request.url.hostname or "")
        connected, status = [c.to for c in settings.connections if c.from_ == name], self.reader.read()
        return visit.page(
            "source.html",
            code=422 if error else 200,
            source=source,
            groups=of_source(source, typed or {}, wrong_fields(error, f"sources.{name}.") if error else {}),
            preview=preview,
            snippets=snippets(source, ingest, shows_key=visit.eyes.keys),
            doubt=doubt_about(settings, ingest),
            connected=connected,
            destinations=list(settings.destinations),
            accepted=status.accepted.get(name, 0),
            lost=status.sources[name].lost if name in status.sources else {},
            warnings=warnings_of(source),
            used=status.sources[name].keys if name in status.sources else {},
            now=self.reader.clock.now(),
            ours=self.desk.is_ours("sources", name),
            base=base,
        )

    def change_settings(self, visit: Visit, form: Form) -> Response:
        """Change all that the form shows."""
        name, fields = visit.request.path_params["name"], _fields(form)
        try:
            return self._edit(visit, form, f"source {name} changed", lambda block: block.update(fields))
        except SettingsError as error:
            if isinstance(error, SettingsOutdated) or wrong_fields(error, f"sources.{name}.").keys().isdisjoint(
                forms.SOURCE
            ):
                raise
            return self._page(visit, typed=form, error=error)

    def preview(self, visit: Visit, form: Form) -> Response:
        """Show what the rules of a form would remove of the newest stored event; changes nothing."""
        name, source = visit.request.path_params["name"], None
        try:
            source = trial_of(name, _fields(form), self.desk.settings())
        except SettingsError as error:
            return self._page(visit, typed=form, error=error)
        return self._page(visit, typed=form, preview=stored_less(source, self.reader, visit.eyes))

    def change_source(self, visit: Visit, form: Form) -> Response:
        """Rotate the key, end the old one, switch the source off or on, or remove it."""
        name, what = visit.request.path_params["name"], visit.request.path_params["what"]
        edits: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
            "rotate": ("has a new key; the old one is taken until you end it", _rotate),
            "end-old-key": ("takes its new key alone", lambda block: block.pop("old_write_key", None)),
            "disable": ("is disabled", lambda block: block.update(enabled=False)),
            "enable": ("is enabled", lambda block: block.update(enabled=True)),
        }
        if what == "remove":
            self.editing.change(
                visit, form, f"source {name} removed", lambda document: remove(document, "sources", name, "from")
            )
            return redirect("/sources", said=f"source {name} was removed; its events are kept")
        if what not in edits:
            raise SettingsError("action", expected=", ".join([*edits, "remove"]), got=what)
        said, edit = edits[what]
        return self._edit(visit, form, f"source {name} {said}", edit)

    def _edit(self, visit: Visit, form: Form, said: str, edit: Callable[[dict[str, Any]], None]) -> Response:
        name = visit.request.path_params["name"]
        self.editing.change(visit, form, said, lambda document: edit(own(document, "sources", name)))
        return redirect(f"/sources/{name}", said=said)


def fresh_key() -> str:
    """Return a write key that cannot be guessed."""
    return secrets.token_urlsafe(20)


def _fields(form: Form) -> dict[str, Any]:
    """Return a source's settings of a form. Raises SettingsError."""
    fields = forms.read(Source, form, forms.SOURCE, is_whole=True)
    fields["allowed_origins"] = [origin.rstrip("/").lower() for origin in fields["allowed_origins"]]
    return fields


def _rotate(block: dict[str, Any]) -> None:
    block["old_write_key"], block["write_key"] = block["write_key"], fresh_key()
