"""Live: the complete tail with search, what was refused at the door, and a test event."""

import urllib.parse
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.exporting import Exports
from penstock.admin.pages.live_columns import COLUMNS, chosen_address, columns_of, plain_pairs, remembered
from penstock.admin.pages.rows import NOTHING, PAGE, asked_of, before_of, destination_of, older_of, query_of, rows_of
from penstock.admin.pages.saved_views import links_of
from penstock.admin.pages.trial_event import SendTrial
from penstock.admin.pages.web import Form, Pages, Visit, iso, redirect
from penstock.buffer.port.query import Query
from penstock.buffer.port.search import Search
from penstock.buffer.port.views import SavedViews
from penstock.errors import SettingsError
from penstock.inspect.charts import RANGES
from penstock.inspect.export import KINDS, file_of
from penstock.inspect.histogram import STATES, TimeBar, counted, histogram_chart, said
from penstock.inspect.parts import part_of
from penstock.inspect.refusals import refused_shown
from penstock.inspect.spans import TimeSpan, field_text, span_of
from penstock.inspect.status import StatusReader
from penstock.machine.snapshot import Snapshots
from penstock.settings.forms import FormFields
from penstock.settings.snippets import ingest_of, snippets

# Kinds of refused requests on one page.
REFUSED = 20
TEST_EVENT = FormFields(needed=("source",), optional=("destination",))
TYPES = ("identify", "track", "group", "page", "screen", "alias")
#: Filters that most people never need: shown at once only where one of them is set.
RARE = ("message_id", "source", "type", "since", "until")


class LivePages:
    """The newest events, whatever became of them."""

    def __init__(
        self,
        pages: Pages,
        *,
        reader: StatusReader,
        search: Search,
        views: SavedViews,
        snapshots: Snapshots,
        send_trial: SendTrial,
        exports: Exports,
    ) -> None:
        self.pages, self.reader, self.search, self.views = pages, reader, search, views
        self.snapshots, self.send_trial, self.exports = snapshots, send_trial, exports

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            self.pages.show("/live", self.live, right="payloads"),
            self.pages.show("/live/export", self.export, right="payloads"),
            self.pages.act("/live/test-event", self.test_event, right="act", fields=TEST_EVENT),
        ]

    def live(self, visit: Visit) -> Response:
        """Show the newest events, or those that fit a filter, page by page, and when all of them came."""
        settings, given = self.reader.settings, dict(visit.request.query_params)
        destination, span, query = self._asked(visit)
        before, columns = before_of(visit), columns_of(visit.request)
        found = self.search.find(destination, query, before_seq=before, limit=PAGE) if destination else NOTHING
        source = next((source for source in settings.sources.values() if source.enabled), None)
        host = ingest_of(settings, visit.request.url.hostname or "")
        answer = visit.page(
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
            columns=columns,
            all_columns=COLUMNS,
            kept_columns=visit.request.query_params.getlist("column"),
            views=links_of(self.views, visit),
            is_rare=any(given.get(key) for key in RARE),
            **self._times(destination, query, span, plain_pairs(given)),
            **_addresses(visit, plain_pairs(given)),
        )
        return remembered(answer, visit.request, columns)

    def _asked(self, visit: Visit) -> tuple[str, TimeSpan, Query]:
        """Return the destination, the stretch of time and the filter of an address. Raises SettingsError."""
        span = span_of(visit.request.query_params, self.reader.clock.now())
        query = msgspec.structs.replace(query_of(visit), since=span.since, until=span.until)
        return destination_of(visit, self.reader.settings), span, query

    def _times(self, destination: str, query: Query, span: TimeSpan, given: Mapping[str, str]) -> dict[str, Any]:
        """Return when the events came that fit, and what the form says of it."""
        is_bounded = not span.range
        chart = None
        if destination:
            sources = self.reader.settings.sources_of(destination)
            chart = histogram_chart(self.search.histogram(destination, sources, query, now=self.reader.clock.now()))
        others = {key: text for key, text in given.items() if key not in {"range", "since", "until"}}

        def only(bar: TimeBar) -> str:
            times = {"since": iso(bar.since), "until": iso(bar.until)}
            return f"/live?{urllib.parse.urlencode(others | times)}"

        return {
            "chart": chart,
            "chart_said": said(chart) if chart else "",
            "counted": counted,
            "only": only,
            "span": span,
            "ranges": RANGES,
            "since": field_text(span.since if is_bounded else None),
            "until": field_text(span.until),
        }

    def export(self, visit: Visit) -> Response:
        """Send what fits a filter as a file."""
        destination, _, query = self._asked(visit)
        kind = next((kind for kind in KINDS if kind == visit.request.query_params.get("format", "csv")), None)
        if kind is None or not destination:
            got = visit.request.query_params.get("format", "") if destination else "no destination"
            raise SettingsError("format", expected=" or ".join(KINDS), got=got[:100])
        sources = set(self.reader.settings.sources_of(destination))
        parts = file_of(self.search, destination, sources, query, eyes=visit.eyes, kind=kind)
        return self.exports.file(parts, destination=destination, kind=kind, now=self.reader.clock.now())

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
        # A user who sets up a destination goes back to it, where the first event is waited for.
        back = form.get("destination", "")
        page = f"/destinations/{back}" if back in settings.destinations else "/live"
        return redirect(page, said=f"The test event was {said}.")


def _addresses(visit: Visit, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the addresses of this view: to be copied, saved, and had as a file."""
    url, query = visit.request.url.remove_query_params("before"), urllib.parse.urlencode(given)
    address = chosen_address(url)
    return {
        "address": f"{visit.request.base_url}{address.lstrip('/')}",
        "view": address.partition("?")[2],
        "given": given,
        "files": {kind: f"/live/export?{query}{'&' * bool(query)}format={kind}" for kind in KINDS},
    }
