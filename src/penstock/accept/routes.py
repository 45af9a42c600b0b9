"""Which path is which. RudderStack's public routes and Segment's, as their SDKs call them."""

import dataclasses
import enum
import re

EVENT_TYPES = ("identify", "track", "page", "screen", "group", "alias", "merge")
# analytics.js sends to the short forms.
SEGMENT_SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}


class RouteKind(enum.Enum):
    """What a path is for."""

    EVENT = "event"
    BATCH = "batch"
    BEACON = "beacon"
    PIXEL = "pixel"
    SOURCE_CONFIG = "source config"
    SEGMENT_SETTINGS = "segment settings"
    HEALTH = "health"
    LIVE = "live"
    READY = "ready"
    VERSION = "version"
    ROBOTS = "robots"
    SDK_METRICS = "sdk metrics"
    CLUSTER = "cluster"


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """A path's meaning; `type` is the event type it fixes."""

    kind: RouteKind
    methods: tuple[str, ...]
    type: str = ""
    #: Segment's SDKs alone send there.
    is_segments: bool = False


POST, GET = ("POST",), ("GET", "HEAD")
ROUTES: dict[str, Route] = {
    **{f"/v1/{name}": Route(RouteKind.EVENT, POST, name) for name in EVENT_TYPES},
    **{f"/v1/{short}": Route(RouteKind.EVENT, POST, name, is_segments=True) for short, name in SEGMENT_SHORT.items()},
    **{path: Route(RouteKind.BATCH, POST) for path in ("/v1/batch", "/v1/import")},
    "/v1/b": Route(RouteKind.BATCH, POST, is_segments=True),
    "/beacon/v1/batch": Route(RouteKind.BEACON, POST),
    "/pixel/v1/track": Route(RouteKind.PIXEL, GET, "track"),
    "/pixel/v1/page": Route(RouteKind.PIXEL, GET, "page"),
    "/sourceConfig": Route(RouteKind.SOURCE_CONFIG, GET),
    "/": Route(RouteKind.HEALTH, GET),
    "/health": Route(RouteKind.HEALTH, GET),
    "/livez": Route(RouteKind.LIVE, GET),
    "/readyz": Route(RouteKind.READY, GET),
    "/version": Route(RouteKind.VERSION, GET),
    "/robots.txt": Route(RouteKind.ROBOTS, GET),
    # The JS SDK posts its own error counts here when told to; we tell it not to, older copies do all the same.
    "/rsaMetrics": Route(RouteKind.SDK_METRICS, POST),
    # RudderStack's Go SDK asks how many nodes it should spread events over; older releases send nothing before they know.
    "/cluster-info": Route(RouteKind.CLUSTER, GET),
    # What the JS SDK's are of Segment's SDKs.
    "/v1/m": Route(RouteKind.SDK_METRICS, POST, is_segments=True),
}
SEGMENT_SETTINGS = re.compile(r"/v1/projects/([^/]+)/settings/?")
SEGMENT_ROUTE = Route(RouteKind.SEGMENT_SETTINGS, GET)


def find_route(path: str, *, prefix: str) -> tuple[Route | None, str]:
    """Return the route of a path and the key it carries, if any. Doubled and trailing slashes are forgiven."""
    route = ROUTES.get(path)
    if route is not None:
        return route, ""
    clean = re.sub("/{2,}", "/", path)
    if prefix and (clean == prefix or clean.startswith(f"{prefix}/")):
        clean = clean[len(prefix) :] or "/"
    if match := SEGMENT_SETTINGS.fullmatch(clean):
        return SEGMENT_ROUTE, match[1]
    return ROUTES.get(clean if clean == "/" else clean.rstrip("/")), ""
