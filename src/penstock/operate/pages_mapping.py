"""What becomes of traits and properties: which fields are filled, and what other settings would change."""

import dataclasses
import itertools
from typing import Literal

from starlette.responses import Response
from starlette.routing import Route

from penstock.buffer.port import Shelf
from penstock.convert.plan import Mapping
from penstock.operate.compare import changes, field_uses
from penstock.operate.status import StatusReader
from penstock.operate.web import Pages, Visit
from penstock.reading import mapping_of

# Events looked at, and changed ones shown.
LOOKED_AT, SHOWN = 500, 5
NESTED: dict[str, Literal["drop", "flatten", "json"]] = {"flatten": "flatten", "json": "json"}


class MappingPages:
    """The mapping of a destination, seen through the events that came lately."""

    def __init__(self, pages: Pages, *, reader: StatusReader, shelf: Shelf) -> None:
        self.pages, self.reader, self.shelf = pages, reader, shelf

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [self.pages.show("/mapping/{name}", self.mapping, right="payloads")]

    def mapping(self, visit: Visit) -> Response:
        """Show fields with fill rate and example, and the difference that other settings would make."""
        name = visit.request.path_params["name"]
        destination = self.reader.settings.destinations.get(name)
        if destination is None:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        sources = set(self.reader.settings.sources_of(name))
        newest = self.shelf.stories(name, limit=LOOKED_AT, newest=True)
        stories = [story for story in newest if story.event.source in sources]
        in_force = mapping_of(destination)
        wanted = _wanted(visit, in_force)
        differing = list(changes(stories, in_force, wanted)) if wanted != in_force else []
        return visit.page(
            "mapping.html",
            name=name,
            wanted=wanted,
            is_preview=wanted != in_force,
            count=len(differing),
            differing=list(itertools.islice(reversed(differing), SHOWN)),
            uses=field_uses(stories, wanted),
            looked_at=len(stories),
        )


def _wanted(visit: Visit, in_force: Mapping) -> Mapping:
    """Return the mapping that the switches of the page describe; without them the one in force."""
    given = visit.request.query_params
    if "preview" not in given:
        return in_force
    return dataclasses.replace(
        in_force,
        name="rudderstack" if given.get("mapping") == "rudderstack" else "custify/1",
        nested=NESTED.get(given.get("nested", ""), "drop"),
        anonymous_fallback="anonymous_fallback" in given,
        page_views="page_views" in given,
    )
