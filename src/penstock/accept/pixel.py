"""The tracking pixel: a GET whose query is the event, for e-mails and pages without scripts. Pure."""

import base64
import datetime as dt
import urllib.parse

import msgspec

from penstock.accept.slices import TOO_LARGE
from penstock.timestamps import to_text

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# More than any e-mail or page has; thousands would be a stranger's.
FIELDS_MAX = 500
# A query is at most as long as a browser's address; its dotted paths must not nest without end.
DEPTH_MAX = 20


def pixel_event(query: str, *, type_: str, now: dt.datetime) -> bytes | None:
    """Return the event of a pixel's query as JSON; None for a track without a name, which RudderStack drops too.

    Raises SdkError for one with too many fields.
    """
    moment = to_text(now)
    event: dict[str, object] = {
        "channel": "web",
        "integrations": {"All": True},
        "originalTimestamp": moment,
        "sentAt": moment,
    }
    try:
        fields = urllib.parse.parse_qs(query, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError as error:
        raise TOO_LARGE.again() from error
    for path, values in fields.items():
        if path != "writeKey":
            _set(event, path.split(".")[:DEPTH_MAX], values[0])
    if isinstance(anonymous_id := event.get("anonymousId"), str):
        event["anonymousId"] = anonymous_id.strip('"')
    if type_ == "page" and event.get("name") == "":
        event["name"] = "Unknown Page"
    if type_ == "track" and event.get("event") == "":
        return None
    return msgspec.json.encode(event)


def _set(into: dict[str, object], path: list[str], value: str) -> None:
    for key in path[:-1]:
        inner = into.setdefault(key, {})
        if not isinstance(inner, dict):
            into[key] = inner = {}
        into = inner
    into[path[-1]] = value
