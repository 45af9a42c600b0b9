"""What becomes of traits and properties: which fields are filled, and what other settings would change."""

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Literal

from starlette.responses import Response
from starlette.routing import Route

from penstock import causes
from penstock.admin.pages.rows import event_address
from penstock.admin.pages.web import Form, Pages, Visit, base_of, redirect
from penstock.buffer.port.shelf import Shelf, Story
from penstock.destinations.custify.fields import PATHS
from penstock.destinations.custify.kind import PREVIEWED
from penstock.destinations.custify.options import Mapping
from penstock.destinations.kinds import KINDS
from penstock.destinations.reading import by_source, options_of
from penstock.errors import SettingsError
from penstock.explain.budget import within_budget
from penstock.explain.compare import Change, changed
from penstock.explain.fields import FieldUse, UnsentTrait, fields_in
from penstock.explain.questions import newest_first
from penstock.explain.ranges import RANGES, USUAL, RangeCount, RangeCounts
from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import WORD_CHARS, Part, cut, part_of, short
from penstock.inspect.status import StatusReader
from penstock.ledger.rules import RECORD_PATHS, rules_of
from penstock.settings import Destination, Settings, forms
from penstock.settings.revisions import Desk, Document

# Events looked at for the difference that other switches would make, and changed ones shown.
LOOKED_AT, SHOWN = 300, 5
# Of large events fewer are looked at; fields on one page, and letters of what an event would become.
LOOKED_AT_BYTES_MAX, FIELDS, CHANGE_CHARS = 4_000_000, 100, 4_000
TABLES = tuple(zip(PATHS, ("People", "Companies", "Events"), strict=True))
NESTED: dict[str, Literal["drop", "flatten", "json"]] = {"flatten": "flatten", "json": "json"}


class MappingPages:
    """The mapping of a destination, seen through the events that came lately."""

    def __init__(self, pages: Pages, *, reader: StatusReader, shelf: Shelf, desk: Desk, counts: RangeCounts) -> None:
        self.pages, self.reader, self.shelf, self.desk, self.counts = pages, reader, shelf, desk, counts

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.pages.show("/mapping/{name}", self.mapping, right="payloads"),
            self.pages.act("/mapping/{name}", self.save, right="settings", fields=forms.FormFields(needed=PREVIEWED)),
        ]

    def mapping(self, visit: Visit) -> Response:
        """Show fields with source, fill rate and example, and the difference that other settings would make."""
        name, base, settings = visit.request.path_params["name"], self.desk.revision(), self.reader.settings
        destination = settings.destinations.get(name)
        if destination is None:
            return visit.page("missing.html", code=404, what=f"destination {name}")
        stories = stories_of(self.shelf, name, settings, limit=LOOKED_AT)
        in_force = mapping_of(destination, settings)
        if in_force is None:
            return visit.page("unmapped.html", name=name, why=KINDS[destination.type].unmapped)
        given = dict(visit.request.query_params)
        wanted = _wanted(given, in_force) if "preview" in given else in_force
        now, then = by_source(in_force, settings), by_source(wanted, settings)
        differing = within_budget(changed, stories, now, then) if wanted != in_force else []
        shown = itertools.islice(reversed(differing), SHOWN)
        range_ = given.get("range", USUAL) if given.get("range") in RANGES else USUAL
        count = counted(self.counts, name, range_, wanted, settings, now=self.reader.clock.now())
        found, url = within_budget(fields_in, count.found, then), visit.request.url
        return visit.page(
            "mapping.html",
            name=name,
            choices=forms.choices(Destination),
            wanted=wanted,
            is_preview=wanted != in_force,
            is_ours=self.desk.is_ours("destinations", name),
            base=base,
            count=len(differing),
            differing=[_shown(change, visit.eyes) for change in shown],
            tables=[_table(path, title, found.uses, visit) for path, title in TABLES],
            unsent=part_of(found.unsent, url, "unsent", FIELDS).made(lambda each: shown_unsent(each, visit.eyes)),
            href=functools.partial(_href, name, visit.eyes),
            looked_at=len(stories),
            counted=count,
            range=range_,
            ranges=list(RANGES),
            rules=rules_of(destination),
            records=RECORD_PATHS,
        )

    def save(self, visit: Visit, form: Form) -> Response:
        """Put the switches in force that were looked at."""
        name = visit.request.path_params["name"]
        fields = forms.read(Destination, form, PREVIEWED, is_whole=True)

        def edit(document: Document) -> None:
            if name not in document["destinations"]:
                raise SettingsError(
                    f"destinations.{name}", expected="one that was set up here", got=name, hint="change penstock.toml"
                )
            document["destinations"][name].update(fields)

        self.reader.settings = self.desk.change(
            edit, by=visit.user.name, note=f"mapping of {name} changed", after=base_of(form)
        )
        return redirect(f"/mapping/{name}", said="saved; in force within a second, for events that have not ended")


def stories_of(shelf: Shelf, name: str, settings: Settings, *, limit: int) -> list[Story]:
    """Return the newest events of a destination, the oldest first; of large ones fewer."""
    sources = set(settings.sources_of(name))
    # What was given up because reading it does not end is not read again.
    found = newest_first(shelf, name, limit, bytes_max=LOOKED_AT_BYTES_MAX)
    return [story for story in found if story.event.source in sources and story.cause != causes.STUCK][::-1]


def mapping_of(destination: Destination, settings: Settings) -> Mapping | None:
    """Return the mapping of a destination; None for one that is sent events as they are."""
    options = options_of(destination, settings)
    return options if isinstance(options, Mapping) else None


def counted(
    counts: RangeCounts, name: str, range_: str, wanted: Mapping, settings: Settings, *, now: float
) -> RangeCount:
    """Return what the events of a range fill with a mapping, as far as it is counted: the page and the API share it.

    Raises TooCostly.
    """
    read_as = by_source(wanted, settings)
    sources = settings.sources_of(name)
    return counts.look(name, range_, set(sources), read_as, now=now, key=repr((wanted, read_as, sources)))


def shown_use(use: FieldUse, eyes: Eyes) -> FieldUse:
    """Return a field, with where it comes from and its newest value, as the viewer may see it."""
    example = eyes.mask(use.story.event).value(short(use.example), use.field) if use.story else None
    sources = tuple(cut(eyes.name(source)) for source in use.sources)
    return dataclasses.replace(use, field=cut(eyes.name(use.field)), sources=sources, example=example)


def shown_unsent(unsent: UnsentTrait, eyes: Eyes) -> UnsentTrait:
    """Return a trait that reaches no field, as the viewer may see it."""
    return dataclasses.replace(unsent, source=cut(eyes.name(unsent.source)), why=cut(eyes.text(unsent.why)))


def _table(
    path: str, title: str, uses: Sequence[FieldUse], visit: Visit
) -> tuple[str, str, Part[tuple[FieldUse, str]]]:
    """Return a part of the fields of one kind of call; each with its name, which its policy is found by."""
    part = part_of([use for use in uses if use.path == path], visit.request.url, path.strip("/"), FIELDS)
    return path, title, part.made(lambda use: (shown_use(use, visit.eyes), use.field))


def _href(destination: str, eyes: Eyes, story: Story) -> str:
    message_id = story.event.message_id
    return event_address(destination, eyes.message_link(eyes.mask(story.event).message_id(message_id), message_id))


def _wanted(given: dict[str, str], in_force: Mapping) -> Mapping:
    """Return the mapping that the switches of the page describe."""
    return dataclasses.replace(
        in_force,
        name="rudderstack" if given.get("mapping") == "rudderstack" else "custify/1",
        nested=NESTED.get(given.get("nested", ""), "drop"),
        anonymous_fallback="anonymous_fallback" in given,
        page_views="page_views" in given,
    )


def _shown(change: Change, eyes: Eyes) -> tuple[str, str, str]:
    """Return whose event it is, and what it becomes now and then, as the viewer may see it."""
    event = change.story.event
    mask = eyes.mask(event)
    texts = [cut(mask.lines(text[:CHANGE_CHARS]), CHANGE_CHARS) for text in (change.before, change.after)]
    person = cut(eyes.person(event.user_id or event.anonymous_id), WORD_CHARS)
    return f"{cut(mask.title(event.type), WORD_CHARS)} of {person}", texts[0], texts[1]
