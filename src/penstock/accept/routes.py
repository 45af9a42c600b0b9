"""Which path is which. RudderStack's public routes and Segment's, as their SDKs call them."""

import dataclasses
import enum
import re

EVENT_TYPES = ("identify", "track", "page", "screen", "group", "alias", "merge")
# analytics.js sends to the short forms.
SEGMENT_SHORT = {"i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias"}


class Kind(enum.Enum):
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

    kind: Kind
    methods: tuple[str, ...]
    type: str = ""
    #: Segment's SDKs alone send there.
    is_segments: bool = False


POST, GET = ("POST",), ("GET", "HEAD")
ROUTES: dict[str, Route] = {
    **{f"/v1/{name}": Route(Kind.EVENT, POST, name) for name in EVENT_TYPES},
    **{f"/v1/{short}": Route(Kind.EVENT, POST, name, is_segments=True) for short, name in SEGMENT_SHORT.items()},
    **{path: Route(Kind.BATCH, POST) for path in ("/v1/batch", "/v1/import")},
    "/v1/b": Route(Kind.BATCH, POST, is_segments=True),
    "/beacon/v1/batch": Route(Kind.BEACON, POST),
    "/pixel/v1/track": Route(Kind.PIXEL, GET, "track"),
    "/pixel/v1/page": Route(Kind.PIXEL, GET, "page"),
    "/sourceConfig": Route(Kind.SOURCE_CONFIG, GET),
    "/": Route(Kind.HEALTH, GET),
    "/health": Route(Kind.HEALTH, GET),
    "/livez": Route(Kind.LIVE, GET),
    "/readyz": Route(Kind.READY, GET),
    "/version": Route(Kind.VERSION, GET),
    "/robots.txt": Route(Kind.ROBOTS, GET),
    # The JS SDK posts its own error counts here when told to; we tell it not to, older copies do all the same.
    "/rsaMetrics": Route(Kind.SDK_METRICS, POST),
    # RudderStack's Go SDK asks how many nodes it should spread events over; older releases send nothing before they know.
    "/cluster-info": Route(Kind.CLUSTER, GET),
    # What the JS SDK's are of Segment's SDKs.
    "/v1/m": Route(Kind.SDK_METRICS, POST, is_segments=True),
}
SEGMENT_SETTINGS = re.compile(r"/v1/projects/([^/]+)/settings/?")
SEGMENT_ROUTE = Route(Kind.SEGMENT_SETTINGS, GET)


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
