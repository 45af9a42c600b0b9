"""Live: the complete tail with search, what was refused at the door, and a test event."""

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.rows import NOTHING, PAGE, asked_of, before_of, destination_of, older_of, query_of, rows_of
from penstock.admin.pages.trial_event import SendTrial
from penstock.admin.pages.web import Form, Pages, Visit, redirect
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.query import Query
from penstock.buffer.port.search import Search
from penstock.errors import SettingsError
from penstock.inspect.parts import part_of
from penstock.inspect.refusals import refused_shown
from penstock.inspect.status import StatusReader
from penstock.machine.snapshot import Snapshots
from penstock.settings.forms import FormFields
from penstock.settings.snippets import ingest_of, snippets

# Kinds of refused requests on one page.
REFUSED = 20
TEST_EVENT = FormFields(needed=("source",), optional=("destination",))
STATES = ("waiting", "retrying", *(outcome.value for outcome in Outcome))
TYPES = ("identify", "track", "group", "page", "screen", "alias")


class LivePages:
    """The newest events, whatever became of them."""

    def __init__(
        self, pages: Pages, *, reader: StatusReader, search: Search, snapshots: Snapshots, send_trial: SendTrial
    ) -> None:
        self.pages, self.reader, self.search = pages, reader, search
        self.snapshots, self.send_trial = snapshots, send_trial

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.pages.show("/live", self.live, right="payloads"),
            self.pages.act("/live/test-event", self.test_event, right="act", fields=TEST_EVENT),
        ]

    def live(self, visit: Visit) -> Response:
        """Show the newest events, or those that fit a filter, page by page."""
        settings = self.reader.settings
        destination, query = destination_of(visit, settings), query_of(visit)
        before = before_of(visit)
        found = self.search.find(destination, query, before_seq=before, limit=PAGE) if destination else NOTHING
        source = next((source for source in settings.sources.values() if source.enabled), None)
        host = ingest_of(settings, visit.request.url.hostname or "")
        return visit.page(
            "live.html",
            rows=rows_of(found, destination, visit=visit, settings=settings),
            older=older_of(visit, found),
            query=query if visit.eyes.ids else asked_of(visit, query),
            filtered=query != Query() or before is not None,
            destination=destination,
            destinations=list(settings.destinations),
            sources=list(settings.sources),
            states=STATES,
            types=TYPES,
            refused=part_of(refused_shown(self.snapshots, visit.eyes), visit.request.url, "refused", REFUSED),
            snippet=snippets(source, host, shows_key=visit.eyes.keys)[-1] if source else None,
        )

    def test_event(self, visit: Visit, form: Form) -> Response:
        """Send a test event with the key of a source, as an SDK would."""
        settings = self.reader.settings
        source = settings.sources.get(form["source"])
        if source is None:
            raise SettingsError("source", expected=", ".join(settings.sources), got=form["source"])
        taken, said = self.send_trial(source, settings.listen)
        if not taken:
            raise SettingsError("test event", expected="the answer ok", got=said)
        visit.note(f"test event sent with the key of {source.name}")
        # Whoever sets up a destination goes back to it, where the first event is waited for.
        back = form.get("destination", "")
        page = f"/destinations/{back}" if back in settings.destinations else "/live"
        return redirect(page, said=f"The test event was {said}.")
