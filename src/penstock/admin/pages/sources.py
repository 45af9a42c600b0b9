"""Sources: where events come from, their keys, and what to paste into an application."""

import secrets
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.editing import Editing, free_name, own, remove
from penstock.admin.pages.web import Form, Visit, redirect
from penstock.errors import SettingsError
from penstock.settings import Source, forms
from penstock.settings.snippets import ingest_of, snippets
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
            act("/sources/{name}/{what}", self.change_source, right="settings"),
        ]

    def sources(self, visit: Visit) -> Response:
        """List sources."""
        settings = self.desk.settings()
        accepted = self.reader.read().accepted
        return visit.page("sources.html", settings=settings, accepted=accepted, ours=self.desk.document()["sources"])

    def new_source(self, visit: Visit) -> Response:
        """Show the form of a new source, with the connection modes each type supports."""
        return visit.page("source_new.html", types=forms.choices(Source)["type"])

    def add_source(self, visit: Visit, form: Form) -> Response:
        """Add a source with a fresh write key."""
        name = free_name(form["name"], self.desk.settings().sources)
        block = {"type": form["type"], "write_key": fresh_key()}
        self.editing.change(
            visit, form, f"source {name} added", lambda document: document["sources"].update({name: block})
        )
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
            choices=forms.choices(Source),
            snippets=snippets(source, ingest_of(settings, visit.request.url.hostname or ""), shows_key=visit.eyes.keys),
            connected=connected,
            accepted=status.accepted.get(name, 0),
            lost=status.sources[name].lost if name in status.sources else {},
            warnings=warnings_of(source),
            ours=self.desk.is_ours("sources", name),
            base=base,
        )

    def change_settings(self, visit: Visit, form: Form) -> Response:
        """Change all that the form shows."""
        name, fields = visit.request.path_params["name"], _fields(form)
        return self._edit(visit, form, f"source {name} changed", lambda block: block.update(fields))

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
