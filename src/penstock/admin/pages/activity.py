"""Who changed what; for administrators also who came in, who looked at personal data, and who was refused."""

import dataclasses
import functools
from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.web import Form, Pages, Visit, base_of, redirect
from penstock.buffer.port.control import Deed, Revision, Sort
from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import cut, part_from, part_of, place_of
from penstock.settings.revisions import Desk, differences

# Deeds and revisions on one page, changes of one revision on it, and how far back the pages of both together go.
SHOWN, CHANGES, DEEDS_MAX = 50, 20, 10_000
SORTS = {Sort.LOOK: "Who came in and looked", Sort.REFUSAL: "Who was refused"}
#: When, and which revision with the one before it, or which deed.
Occurrence = tuple[float, Revision | None, Deed | None, Revision | None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that a user did, as the viewer may see it; of a revision its number, and what it changed."""

    at: float
    by: str
    what: str
    times: int = 1
    number: int = 0
    lines: Sequence[str] = ()
    left_out: int = 0


class ActivityPages:
    """Pages about what people did."""

    def __init__(self, pages: Pages, *, desk: Desk) -> None:
        self.pages, self.desk, self.access, self.journal = pages, desk, pages.access, pages.journal

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/activity", self.activity, right="payloads"),
            show("/activity/{sort}", self.audit, right="settings"),
            act("/activity/{number:int}/back", self.roll_back, right="settings"),
        ]

    def activity(self, visit: Visit) -> Response:
        """Show who did what: every revision of the settings with what it changed, and every other deed."""
        url = visit.request.url
        upto = min(place_of(url, "deeds"), DEEDS_MAX) + SHOWN + 1
        revisions = self.desk.revisions.revisions(limit=upto + 1)
        older = [*revisions, None][1:]
        found: list[Occurrence] = [(new.at, new, None, old) for new, old in zip(revisions, older, strict=True)]
        found = found[:upto] + [(deed.at, None, deed, None) for deed in self.journal.deeds(limit=upto)]
        found.sort(key=lambda each: -each[0])
        in_force = revisions[0].number if revisions else 0
        page = part_of(found[:upto], url, "deeds", SHOWN).made(functools.partial(_entry, visit.eyes))
        return visit.page("activity.html", entries=page, in_force=in_force, sorts=SORTS)

    def audit(self, visit: Visit) -> Response:
        """Show one sort of the audit log, the newest first."""
        sort, url = visit.request.path_params["sort"], visit.request.url
        if sort not in set(SORTS):
            return visit.page("missing.html", code=404, what=f"page {cut(url.path)}")
        self.access.audit.flush()
        deeds = self.journal.deeds(limit=SHOWN + 1, skip=place_of(url, "deeds"), sort=Sort(sort))
        page = part_from(deeds, url, "deeds", SHOWN).made(functools.partial(_deed, visit.eyes))
        return visit.page("audit.html", entries=page, title=SORTS[Sort(sort)], sorts=SORTS)

    def roll_back(self, visit: Visit, form: Form) -> Response:
        """Put an earlier revision in force again."""
        number = visit.request.path_params["number"]
        self.desk.roll_back(number, by=visit.user.name, after=base_of(form))
        return redirect("/activity", said=f"revision {number} is in force again")


def _entry(eyes: Eyes, found: Occurrence) -> Entry:
    _, revision, deed, older = found
    if deed is not None:
        return _deed(eyes, deed)
    assert revision is not None
    lines = differences(older.document if older else None, revision.document, shows_keys=eyes.keys)
    return Entry(
        at=revision.at,
        by=revision.by,
        what=cut(eyes.deed(revision.note)),
        number=revision.number,
        lines=[cut(line if eyes.keys else eyes.text(line)) for line in lines[:CHANGES]],
        left_out=max(0, len(lines) - CHANGES),
    )


def _deed(eyes: Eyes, deed: Deed) -> Entry:
    return Entry(at=deed.at, by=cut(deed.by), what=cut(eyes.deed(deed.what)), times=deed.times)
