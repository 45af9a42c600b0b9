"""What becomes of traits and properties: which fields are filled, and what other settings would change."""

import dataclasses
import itertools
from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import Route

from penstock import causes
from penstock.buffer.port import Shelf, Story
from penstock.convert.plan import Mapping
from penstock.errors import SettingsError
from penstock.operate.budget import within_budget
from penstock.operate.compare import Change, changed
from penstock.operate.desk import Desk, Document
from penstock.operate.fields import Fields, fields
from penstock.operate.masking import mask_of
from penstock.operate.status import StatusReader
from penstock.operate.web import Form, Pages, Visit, base_of, redirect
from penstock.reading import by_source, mapping_of, rules_of
from penstock.settings import Settings

# Events looked at, and changed ones shown.
LOOKED_AT, SHOWN = 300, 5
NESTED: dict[str, Literal["drop", "flatten", "json"]] = {"flatten": "flatten", "json": "json"}


class MappingPages:
    """The mapping of a destination, seen through the events that came lately."""

    def __init__(self, pages: Pages, *, reader: StatusReader, shelf: Shelf, desk: Desk) -> None:
        self.pages, self.reader, self.shelf, self.desk = pages, reader, shelf, desk

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.pages.show("/mapping/{name}", self.mapping, right="payloads"),
            self.pages.act("/mapping/{name}", self.save, right="settings"),
        ]

    def mapping(self, visit: Visit) -> Response:
        """Show fields with source, fill rate and example, and the difference that other settings would make."""
        name, base, settings = visit.request.path_params["name"], self.desk.revision(), self.reader.settings
        destination = settings.destinations.get(name)
        if destination is None:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        stories = stories_of(self.shelf, name, settings, limit=LOOKED_AT)
        in_force = mapping_of(destination, settings)
        given = dict(visit.request.query_params)
        wanted = _wanted(given, in_force) if "preview" in given else in_force
        now, then = by_source(in_force, settings), by_source(wanted, settings)
        differing = within_budget(changed, stories, now, then) if wanted != in_force else []
        shown = itertools.islice(reversed(differing), SHOWN)
        return visit.page(
            "mapping.html",
            name=name,
            wanted=wanted,
            is_preview=wanted != in_force,
            is_ours=self.desk.is_ours("destinations", name),
            base=base,
            count=len(differing),
            differing=[_masked(change, visit, settings) for change in shown],
            fields=_fields_masked(within_budget(fields, stories, then), visit, settings),
            looked_at=len(stories),
            rules=rules_of(destination),
        )

    def save(self, visit: Visit, form: Form) -> Response:
        """Put the switches in force that were looked at."""
        name = visit.request.path_params["name"]

        def edit(document: Document) -> None:
            if name not in document["destinations"]:
                raise SettingsError(
                    f"destinations.{name}", expected="one that was set up here", got=name, hint="change penstock.toml"
                )
            block: dict[str, Any] = document["destinations"][name]
            wanted = _wanted(form, Mapping())
            block.update(
                mapping=wanted.name,
                nested=wanted.nested,
                anonymous_fallback=wanted.anonymous_fallback,
                page_views=wanted.page_views,
            )

        self.reader.settings = self.desk.change(
            edit, by=visit.user.name, note=f"mapping of {name} changed", after=base_of(form)
        )
        return redirect(f"/mapping/{name}", said="saved; in force within a second, for events that have not ended")


def stories_of(shelf: Shelf, name: str, settings: Settings, *, limit: int) -> list[Story]:
    """Return the newest events of a destination, the oldest first."""
    sources = set(settings.sources_of(name))
    newest = shelf.stories(name, limit=limit, newest=True)
    # What was given up because reading it does not end is not read again.
    return [s for s in newest if s.event.source in sources and s.cause != causes.STUCK]


def _wanted(given: dict[str, str], in_force: Mapping) -> Mapping:
    """Return the mapping that the switches of the page describe."""
    return dataclasses.replace(
        in_force,
        name="rudderstack" if given.get("mapping") == "rudderstack" else "custify/1",
        nested=NESTED.get(given.get("nested", ""), "drop"),
        anonymous_fallback="anonymous_fallback" in given,
        page_views="page_views" in given,
    )


def _masked(change: Change, visit: Visit, settings: Settings) -> Change:
    mask = mask_of(change.story.event, settings, personal=visit.may("personal"))
    return dataclasses.replace(change, before=mask.lines(change.before), after=mask.lines(change.after))


def _fields_masked(found: Fields, visit: Visit, settings: Settings) -> Fields:
    if visit.may("personal"):
        return found
    uses = [
        dataclasses.replace(
            use, example=mask_of(use.story.event, settings, personal=False).value(use.example, use.field)
        )
        if use.story
        else use
        for use in found.uses
    ]
    return dataclasses.replace(found, uses=uses)
