"""Which columns the page Live shows: as its address says, else as this browser was told last, else the usual ones. Pure."""

from collections.abc import Mapping, Sequence

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response

#: Every column, in the order in which they stand, with what stands above it. What an event is, is always shown.
COLUMNS = {
    "received": "Received",
    "event": "Event",
    "type": "Type",
    "person": "Person",
    "account": "Account",
    "source": "Source",
    "outcome": "Outcome",
    "ended": "Ended",
    "why": "Why",
    "message_id": "messageId",
}
USUAL = ("received", "event", "person", "account", "source", "outcome", "why")
ALWAYS = "event"
PARAMETER, COOKIE, KEPT_S = "column", "penstock_columns", 400 * 86_400
# A value of a cookie has no commas.
BETWEEN = "."


def columns_of(request: Request) -> Sequence[str]:
    """Return the columns to show."""
    asked = request.query_params.getlist(PARAMETER)
    return _known(asked) or _known(request.cookies.get(COOKIE, "").split(BETWEEN)) or USUAL


def remembered(answer: Response, request: Request, shown: Sequence[str]) -> Response:
    """Let this browser show the same columns next time, when its person has chosen them just now."""
    if "choose" in request.query_params:
        text = BETWEEN.join(shown)
        answer.set_cookie(COOKIE, text, max_age=KEPT_S, path="/live", httponly=True, samesite="lax")
    return answer


def chosen_address(url: URL) -> str:
    """Return an address without what says that columns were chosen just now: a user who is sent it keeps their own."""
    return _address(url.remove_query_params("choose"))


def plain_pairs(given: Mapping[str, str]) -> dict[str, str]:
    """Return what a filter says, without a place in its pages and without columns."""
    return {key: text for key, text in given.items() if text and key not in {PARAMETER, "choose", "before", "refused"}}


def _known(names: Sequence[str]) -> list[str]:
    chosen = set(names) & set(COLUMNS)
    return [name for name in COLUMNS if name in chosen or name == ALWAYS] if chosen else []


def _address(url: URL) -> str:
    return f"{url.path}?{url.query}" if url.query else url.path
