"""What all pages share: templates, who is asking, forms that came from our own pages, and security headers."""

import dataclasses
import datetime as dt
import functools
import importlib.resources
import math
import urllib.parse
from collections.abc import Callable
from typing import Any

import jinja2
import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.admin.doors.access import Access, csrf_token, is_csrf_token, may
from penstock.admin.doors.bodies import TooLarge, read_body
from penstock.admin.doors.looks import look_of
from penstock.admin.doors.throttle import Wait
from penstock.buffer.port.control import Journal, Kind, User
from penstock.errors import BufferUnavailable, SettingsError, SettingsOutdated, StoreDamaged, TooCostly
from penstock.inspect import words
from penstock.inspect.charts import in_groups
from penstock.inspect.cluster import lag_of
from penstock.inspect.eyes import Eyes, Sight
from penstock.inspect.parts import cut
from penstock.settings import forms

COOKIE, SAID = "penstock_session", "penstock_said"
SAID_S = 30
BASE_DIGITS_MAX = 15
FORM_FIELDS_MAX, FORM_BYTES_MAX = 100, 262_144
# A name, a password and where to go on: what is taken from a stranger.
STRANGERS_FORM_BYTES_MAX = 8_192
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

Form = dict[str, str]
Show = Callable[["Visit"], Response]
Act = Callable[["Visit", Form], Response]


@dataclasses.dataclass(frozen=True, slots=True)
class Visit:
    """One request of a user who is signed in."""

    request: Request
    user: User
    session: str
    templates: jinja2.Environment
    journal: Journal
    #: How things stood before the page was made; see changes.py.
    mark: str
    #: What this visitor is shown.
    eyes: Eyes

    def may(self, right: str) -> bool:
        """Return whether this visitor has a right."""
        return may(self.user, right)

    def note(self, what: str) -> None:
        """Write down what this visitor did; changes of the settings are revisions, and note themselves."""
        self.journal.note(self.user.name, what)

    def page(self, template: str, *, code: int = 200, **facts: Any) -> Response:
        """Return a page."""
        said = urllib.parse.unquote(self.request.cookies.get(SAID, ""))
        text = self.templates.get_template(template).render(
            visit=self, user=self.user, csrf=csrf_token(self.session), path=self.request.url.path,
            said=said, **facts,
        )  # fmt: skip
        answer = HTMLResponse(text, code)
        if said:
            answer.delete_cookie(SAID)
        return answer

    def trouble(self, error: SettingsError, back: str) -> Response:
        """Return the page that says why something was not done."""
        code = 409 if isinstance(error, SettingsOutdated) else 422
        return self.page("trouble.html", code=code, error=error, back=back)


class Pages:
    """Makes routes that know who is asking."""

    def __init__(self, access: Access, journal: Journal, *, mark: Callable[[], str], sight: Sight) -> None:
        self.access, self.journal, self.mark, self.sight = access, journal, mark, sight
        self.templates = page_templates()

    def show(self, path: str, handler: Show, *, right: str) -> Route:
        """Return a page's route."""

        async def endpoint(request: Request) -> Response:
            visit = await run_in_threadpool(self.visit, request)
            if visit is None:
                return _to_sign_in(request)
            if not visit.may(right):
                return visit.page("forbidden.html", code=403)
            answer = await run_in_threadpool(_answered, functools.partial(handler, visit), visit, "/")
            if what := look_of(path, request, answer.status_code, visit.eyes):
                await run_in_threadpool(self.access.audit.looked, visit.user.name, what)
            return answer

        return Route(path, endpoint, methods=["GET"])

    def act(self, path: str, handler: Act, *, right: str, fields: forms.FormFields | None = forms.NO_FIELDS) -> Route:
        """Return the route of a form; it must come from one of our pages, and say what it shows, no more and no less.

        None for `fields`: which they are depends on what is set up, and the handler looks.
        """

        def done(visit: Visit, form: Form) -> Response:
            if fields is not None:
                forms.check(form, fields)
            return handler(visit, form)

        async def endpoint(request: Request) -> Response:
            visit = await run_in_threadpool(self.visit, request)
            if visit is None:
                return _to_sign_in(request)
            form = await read_form(request, bytes_max=FORM_BYTES_MAX)
            if not is_csrf_token(visit.session, form.pop("csrf", "")) or not visit.may(right):
                return visit.page("forbidden.html", code=403)
            back = request.headers.get("referer", "/")
            back = back if back.startswith(str(request.base_url)) else "/"
            return await run_in_threadpool(_answered, functools.partial(done, visit, form), visit, back)

        return Route(path, endpoint, methods=["POST"])

    def bare(self, template: str, *, status: int = 200, **facts: Any) -> Response:
        """Return a page for a stranger."""
        return bare(self.templates, template, status=status, **facts)

    def visit(self, request: Request) -> Visit | None:
        """Return who is asking, if they are signed in."""
        session = request.cookies.get(COOKIE, "")
        user = self.access.who(session, Kind.SESSION)
        if user is None:
            return None
        if is_by_hand(request):
            self.access.touch(session)
        eyes = self.sight.of(functools.partial(may, user))
        return Visit(request, user, session, self.templates, self.journal, self.mark(), eyes)


def is_by_hand(request: Request) -> bool:
    """Return whether a person asked, and not an open page that looks for news by itself."""
    return request.method == "POST" or request.headers.get("sec-fetch-dest", "document") == "document"


def base_of(form: Form) -> int | None:
    """Return the revision of the settings that a form was filled in at, if it says so. Raises SettingsError."""
    text = form.get(forms.BASE)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= BASE_DIGITS_MAX):
        raise SettingsError(forms.BASE, expected="the number of a revision", got=cut(text))
    return int(text)


def wait_header(wait: Wait) -> dict[str, str]:
    """Return the header that says how long to wait."""
    return {"Retry-After": str(math.ceil(wait.seconds))}


async def read_form(request: Request, *, bytes_max: int = STRANGERS_FORM_BYTES_MAX) -> Form:
    """Return the texts of a form, bounded in size, number and time; none of one that is not within the bounds."""
    try:
        text = (await read_body(request, bytes_max=bytes_max)).decode()
        fields = urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX)
    except (TooLarge, TimeoutError, ValueError):
        return {}
    return {key: value.strip() for key, value in fields}


def redirect(path: str, *, said: str = "") -> Response:
    """Send the browser to a page, with a sentence about what was done.

    The sentence travels in a cookie: one in the address could be written by the sender of a link.
    """
    answer = RedirectResponse(urllib.parse.quote(path), 303)
    if said:
        answer.set_cookie(SAID, urllib.parse.quote(said), max_age=SAID_S, httponly=True, samesite="lax")
    return answer


class SecurityHeaders:
    """Adds the headers that every answer of the admin listener carries."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *SECURITY]
            await send(message)

        await self.app(scope, receive, with_headers)


def _answered(handler: Callable[[], Response], visit: Visit, back: str) -> Response:
    """Return the page, or the one that says why there is none."""
    try:
        return handler()
    except SettingsError as error:
        return visit.trouble(error, back)
    except TooCostly as error:
        expected = "events that can be read within the budget of a page"
        return visit.trouble(SettingsError("events", expected=expected, got=str(error)), back)
    except (BufferUnavailable, StoreDamaged) as error:
        return visit.trouble(SettingsError("store", expected="a store in working order", got=str(error)), back)


def _query(**fields: str) -> str:
    return urllib.parse.urlencode(fields)


def _to_sign_in(request: Request) -> Response:
    return RedirectResponse(f"/signin?{_query(next=request.url.path)}", 303)


def bare(templates: jinja2.Environment, template: str, *, status: int = 200, **facts: Any) -> Response:
    """Return a page that shows no personal data."""
    text = templates.get_template(template).render(user=None, path="", said="", **facts)
    return HTMLResponse(text, status)


@functools.cache
def page_templates() -> jinja2.Environment:
    """Return what pages are made from: compiled once in a process, however many dashboards are in it."""
    pages = importlib.resources.files("penstock.admin") / "templates"
    # A kind of destination has what is its own in its folder, such as its `first.html`.
    kinds = importlib.resources.files("penstock.destinations")
    loader = jinja2.FunctionLoader(lambda name: ((kinds if "/" in name else pages) / name).read_text(encoding="utf-8"))
    # What SDKs send is shown here: everything is escaped, whatever the template is called.
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {
        "moment": moment,
        "plain": words.plain,
        "means": words.means,
        "sentence": words.sentence,
        "age": age,
        "short_age": short_age,
        "behind": lag_of,
        "shown": shown,
        "cut": cut,
        "tick": tick,
        "iso": iso,
        "in_groups": in_groups,
    }
    return environment


def moment(seconds: float | None) -> str:
    """Return a time as a person reads it, UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def iso(seconds: float) -> str:
    """Return a time as the page's script reads it (RFC 3339)."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tick(seconds: float, range_: str) -> str:
    """Return a time as it stands below a chart that shows so much time, UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%H:%M" if range_ in {"1h", "24h"} else "%b %-d")


def shown(value: object) -> str:
    """Return a value of a call as a person reads it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def short_age(seconds: float) -> str:
    """Return a duration that is often below a second."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 90 else age(seconds)


def age(seconds: float | None) -> str:
    """Return a duration as a person says it."""
    if seconds is None:
        return "none"
    for limit, unit, size in ((90, "s", 1), (5_400, "min", 60), (129_600, "h", 3_600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
