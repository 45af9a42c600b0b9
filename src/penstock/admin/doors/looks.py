"""Which routes show what is personal, and how a look at them reads in the audit log. Pure.

Addresses and names that were searched for are not repeated there, ids are: they say whose data was looked at. Who is shown
pseudonyms, and texts without personal data, has looked at no person's data: unless they asked for a person by name.
"""

from collections.abc import Mapping

from starlette.requests import Request

from penstock.inspect.eyes import Eyes
from penstock.inspect.parts import cut

VALUE_CHARS_MAX = 100
#: What a route shows, filled in from its path; None: what was asked for is in the query.
SHOWS: Mapping[str, str] = {
    "/live": "events",
    "/live/export": "events, as a file",
    "/events/{destination}/{message_id:path}": "event {message_id} at {destination}",
    "/payloads/{destination}/{message_id:path}": "event {message_id} at {destination}, whole",
    "/people": "people and accounts",
    "/accounts": "accounts",
    "/people/merges": "people who may be taken for one",
    "/problems/{destination}": "events that did not get through to {destination}",
    "/problems/{destination}/{cause}": "events that did not get through to {destination}",
    "/replays/new": "what would be sent again",
    "/mapping/{name}": "examples of fields at {name}",
    "/ledger/{name}": "what {name} holds",
    "/api/v1/events": "events",
    "/api/v1/events/export": "events, as a file",
    "/api/v1/events/{message_id:path}/explain": "event {message_id}",
    "/api/v1/events/{message_id:path}/sent": "what was sent for event {message_id}",
    "/api/v1/explain": "where a field comes from",
    "/api/v1/people": "ids of people",
    "/api/v1/companies": "ids of accounts",
    "/api/v1/destinations/{name}/dead/events": "events that did not get through to {name}",
    "/api/v1/destinations/{name}/issues/{cause}": "what would be sent again to {name}",
    "/api/v1/destinations/{name}/mapping": "examples of fields at {name}",
    "/api/v1/destinations/{name}/ledger": "what {name} holds",
}
#: Shown without a person being asked for, these say figures and rules alone.
ONLY_OF_SOMEBODY = frozenset({"/ledger/{name}"})
#: The person a look is about; an e-mail address is named, and not shown.
SUBJECTS = ("person", "company", "message_id")
#: Who gives one of these, and no pseudonym, knows whose data it is.
NAMES_SOMEBODY = ("person", "company", "email")


def look_of(path: str, request: Request, status: int, eyes: Eyes) -> str:
    """Return what was seen, in words; nothing when nothing personal was."""
    if status != 200 or path not in SHOWS:
        return ""
    asked = {key: text.strip() for key, text in request.query_params.items() if text.strip()}
    if not _is_known_whose(asked, eyes):
        return ""
    shown = SHOWS[path].format(**{key: _named(str(value), eyes) for key, value in request.path_params.items()})
    about = [f"{key.replace('_', ' ')} {_named(asked[key], eyes)}" for key in SUBJECTS if key in asked]
    about += ["an e-mail address"] * ("email" in asked)
    if not about and path in ONLY_OF_SOMEBODY:
        return ""
    return f"saw {shown}" + (f": {', '.join(about)}" if about else "")


def _is_known_whose(asked: Mapping[str, str], eyes: Eyes) -> bool:
    """Return whether a person is shown, and not a pseudonym: by what is on the page, or by what was asked for."""
    named = [asked[key] for key in NAMES_SOMEBODY if key in asked]
    return eyes.personal or eyes.ids or any(eyes.opened(text) == text for text in named)


def _named(text: str, eyes: Eyes) -> str:
    """Return who, or what, is meant: by its id, for the audit log is administrators' alone."""
    return cut(eyes.opened(text), VALUE_CHARS_MAX)
