"""Who changed what; for administrators also who came in, who looked at personal data, and who was refused."""

from starlette.responses import Response
from starlette.routing import Route

from penstock.buffer.control_port import Deed, Revision, Sort
from penstock.operate.desk import Desk, differences
from penstock.operate.web import Form, Pages, Visit, base_of, redirect

# Deeds and revisions on one page.
SHOWN = 200
SORTS = {Sort.LOOK: "Who came in and looked", Sort.REFUSAL: "Who was refused"}


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
        revisions = self.desk.revisions.revisions(limit=SHOWN + 1)
        older = [*revisions, None][1:]
        changes = [
            (new, differences(old.document if old else None, new.document))
            for new, old in zip(revisions, older, strict=True)
        ][:SHOWN]
        entries: list[tuple[float, Revision | None, Deed | None, list[str]]]
        entries = [(revision.at, revision, None, lines) for revision, lines in changes]
        entries += [(deed.at, None, deed, []) for deed in self.journal.deeds(limit=SHOWN)]
        entries.sort(key=lambda entry: -entry[0])
        in_force = revisions[0].number if revisions else 0
        return visit.page("activity.html", entries=entries[:SHOWN], in_force=in_force, sorts=SORTS)

    def audit(self, visit: Visit) -> Response:
        """Show one sort of the audit log, the newest first."""
        sort = visit.request.path_params["sort"]
        if sort not in set(SORTS):
            return visit.page("missing.html", code=404, what=f"page {visit.request.url.path}")
        self.access.audit.flush()
        deeds = self.journal.deeds(limit=SHOWN, sort=Sort(sort))
        return visit.page("audit.html", deeds=deeds, title=SORTS[Sort(sort)], sorts=SORTS)

    def roll_back(self, visit: Visit, form: Form) -> Response:
        """Put an earlier revision in force again."""
        number = visit.request.path_params["number"]
        self.desk.roll_back(number, by=visit.user.name, after=base_of(form))
        return redirect("/activity", said=f"revision {number} is in force again")
