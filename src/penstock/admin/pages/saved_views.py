"""Views that a user saved: the address of a filter, under a name. Everybody has their own, and no one sees others'."""

import urllib.parse

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.pages.web import Form, Pages, Visit, redirect
from penstock.buffer.port.views import SavedView, SavedViews
from penstock.errors import SettingsError
from penstock.inspect.parts import cut
from penstock.settings.forms import FormFields

NAME_CHARS_MAX, QUERY_CHARS_MAX = 60, 2_000
PAGE = "/live"


class SavedViewPages:
    """The forms that save and remove a view."""

    def __init__(self, pages: Pages, *, views: SavedViews) -> None:
        self.pages, self.views = pages, views

    def routes(self) -> list[Route]:
        """Return all routes."""
        act = self.pages.act
        return [
            act("/live/views", self.save, right="payloads", fields=FormFields(needed=("name", "query"))),
            act("/live/views/remove", self.remove, right="payloads", fields=FormFields(needed=("name",))),
        ]

    def save(self, visit: Visit, form: Form) -> Response:
        """Keep the filter of a page under a name."""
        name, query = form["name"], form["query"]
        if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable():
            raise SettingsError("name", expected=f"a name of {NAME_CHARS_MAX} letters at most", got=cut(name))
        if len(query) > QUERY_CHARS_MAX:
            raise SettingsError("view", expected=f"a filter of {QUERY_CHARS_MAX} letters at most", got=str(len(query)))
        self.views.save(SavedView(user=visit.user.name, name=name, query=query))
        return redirect(PAGE, said=f"saved as {name}")

    def remove(self, visit: Visit, form: Form) -> Response:
        """Forget a view."""
        self.views.remove(visit.user.name, form["name"])
        return redirect(PAGE, said=f"{cut(form['name'])} is removed")


def links_of(views: SavedViews, visit: Visit) -> list[tuple[str, str]]:
    """Return a user's views: how each is called, and its address."""
    return [(view.name, f"{PAGE}?{_plain(view.query)}") for view in views.views(visit.user.name)]


def _plain(query: str) -> str:
    """Return a query as it can stand in a link, whatever was saved."""
    return urllib.parse.urlencode(urllib.parse.parse_qsl(query, max_num_fields=None))
