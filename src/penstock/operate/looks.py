"""Which routes show what is personal, and how a look at them reads in the audit log. Pure.

Addresses and names that were searched for are not repeated there, ids are: they say whose data was looked at.
"""

from collections.abc import Mapping

from starlette.requests import Request

VALUE_CHARS_MAX = 100
#: What a route shows, filled in from its path; None: what was asked for is in the query.
SHOWS: Mapping[str, str] = {
    "/live": "events",
    "/events/{destination}/{message_id:path}": "event {message_id} at {destination}",
    "/people": "people and accounts",
    "/problems/{destination}": "events that did not get through to {destination}",
    "/problems/{destination}/{cause}": "events that did not get through to {destination}",
    "/mapping/{name}": "examples of fields at {name}",
    "/ledger/{name}": "what {name} holds",
    "/api/v1/events": "events",
    "/api/v1/events/{message_id:path}/explain": "event {message_id}",
    "/api/v1/explain": "where a field comes from",
    "/api/v1/people": "ids of people",
    "/api/v1/companies": "ids of accounts",
    "/api/v1/destinations/{name}/dead/events": "events that did not get through to {name}",
    "/api/v1/destinations/{name}/mapping": "examples of fields at {name}",
    "/api/v1/destinations/{name}/ledger": "what {name} holds",
}
#: Shown without a person being asked for, these say figures and rules alone.
ONLY_OF_SOMEBODY = frozenset({"/ledger/{name}"})
#: Whom a look is about; an e-mail address is named, and not shown.
SUBJECTS = ("person", "company", "message_id")


def look_of(path: str, request: Request, status: int) -> str:
    """Return what was seen, in words; nothing when nothing personal was."""
    if status != 200 or path not in SHOWS:
        return ""
    shown = SHOWS[path].format(**{key: _short(value) for key, value in request.path_params.items()})
    query = request.query_params
    about = [f"{key.replace('_', ' ')} {_short(query[key].strip())}" for key in SUBJECTS if query.get(key, "").strip()]
    about += ["an e-mail address"] * bool(query.get("email", "").strip())
    if not about and path in ONLY_OF_SOMEBODY:
        return ""
    return f"saw {shown}" + (f": {', '.join(about)}" if about else "")


def _short(text: object) -> str:
    words = str(text)
    return words if len(words) <= VALUE_CHARS_MAX else f"{words[:VALUE_CHARS_MAX]}…"
