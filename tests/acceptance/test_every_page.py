"""Pictures, and the tests of how pages look, leave no page out."""

import urllib.parse

from starlette.routing import Route

from acceptance.every_page import NO_PAGES, OURS, PATHS
from dashboard_world import World


def test_every_page_is_looked_at(tmp_path):
    app = World(tmp_path).app
    while not hasattr(app, "routes"):
        app = app.app
    routes = {
        route.path: route.path_regex
        for route in app.routes
        if isinstance(route, Route) and "GET" in (route.methods or ()) and not route.path.startswith("/api/")
    }
    # Those with a secret or a number in their address are found while they are made: see set_up_here.
    paths = [*PATHS.values(), *OURS.values(), "/privacy/1", "/shared/secret", "/welcome/invitation"]
    seen = [urllib.parse.unquote(urllib.parse.urlsplit(path).path) for path in paths]

    assert NO_PAGES.keys() <= routes.keys()
    unseen = {path for path, regex in routes.items() if not any(regex.match(each) for each in seen)}
    assert unseen == NO_PAGES.keys()
