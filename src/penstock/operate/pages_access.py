"""Signing in, users and their tokens, and what was changed by whom."""

import asyncio
import dataclasses
import functools
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from penstock.buffer.control_port import Deed, Kind, Revision, Role, User
from penstock.errors import SettingsError
from penstock.operate.access import NAME_CHARS_MAX, SCOPES, SESSION_S
from penstock.operate.desk import Desk, differences
from penstock.operate.eyes import Eyes
from penstock.operate.parts import cut, part_of, place_of
from penstock.operate.web import COOKIE, Form, Pages, Visit, read_form, redirect

# Passwords looked at at once: each costs 64 MiB and a tenth of a second on purpose, and strangers ask for it.
HASHES_AT_ONCE = 2
# Deeds and revisions on one page, changes of one revision on it, and how far back pages go.
SHOWN, CHANGES, DEEDS_MAX = 50, 20, 10_000


#: When, and which revision with the one before it, or which deed.
Found = tuple[float, Revision | None, Deed | None, Revision | None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that somebody did, as somebody is shown it; of a revision its number, and what it changed."""

    at: float
    by: str
    what: str
    number: int = 0
    lines: Sequence[str] = ()
    left_out: int = 0


class AccessPages:
    """Pages about who may do what, and who did."""

    def __init__(self, pages: Pages, *, desk: Desk) -> None:
        self.pages, self.desk, self.access, self.journal = pages, desk, pages.access, pages.journal
        self.hashing = asyncio.Semaphore(HASHES_AT_ONCE)

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            Route("/signin", self.sign_in_page, methods=["GET"]),
            Route("/signin", self.sign_in, methods=["POST"]),
            Route("/welcome/{invitation}", self.welcome_page, methods=["GET"]),
            Route("/welcome/{invitation}", self.welcome, methods=["POST"]),
            act("/signout", self.sign_out, right="look"),
            show("/users", self.users, right="settings"),
            act("/users", self.invite, right="settings"),
            act("/users/{name}/remove", self.remove, right="settings"),
            show("/tokens", self.tokens, right="look"),
            act("/tokens", self.issue, right="look"),
            act("/tokens/{hash}/end", self.end_token, right="look"),
            show("/activity", self.activity, right="payloads"),
            act("/activity/{number:int}/back", self.roll_back, right="settings"),
        ]

    async def sign_in_page(self, request: Request) -> Response:
        """Show the form."""
        return self._bare("signin.html", next=_inside(request.query_params.get("next", "/")), wrong="")

    async def sign_in(self, request: Request) -> Response:
        """Start a session for the right password. Too many wrong ones are answered with 429 for a while."""
        if request.headers.get("sec-fetch-site") == "cross-site":
            # Another site must not sign its visitor in here, as somebody it knows.
            return self._bare("signin.html", status=403, next="/", wrong="sign in on this page")
        form = await read_form(request)
        name, next_ = form.get("name", ""), _inside(form.get("next", "/"))
        if self.access.is_guessing(name):
            wrong = "too many wrong passwords for this name; wait five minutes"
            return self._bare("signin.html", status=429, next=next_, wrong=wrong)
        async with self.hashing:
            user = await run_in_threadpool(self.access.sign_in, name, form.get("password", ""))
        if user is None:
            return self._bare("signin.html", status=401, next=next_, wrong="name and password do not belong together")
        return await run_in_threadpool(self._start, request, user, next_)

    async def welcome_page(self, request: Request) -> Response:
        """Show the form that a one-time link leads to."""
        return self._bare("welcome.html", invitation=request.path_params["invitation"], wrong="")

    async def welcome(self, request: Request) -> Response:
        """Set the password, and sign in."""
        form, invitation = await read_form(request), request.path_params["invitation"]
        try:
            async with self.hashing:
                user = await run_in_threadpool(self.access.accept, invitation, form.get("password", ""))
        except SettingsError as error:
            return self._bare("welcome.html", status=422, invitation=invitation, wrong=str(error))
        return await run_in_threadpool(self._start, request, user, "/")

    def sign_out(self, visit: Visit, _: Form) -> Response:
        """End the session."""
        self.access.end(visit.session)
        answer = RedirectResponse("/signin", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def users(self, visit: Visit) -> Response:
        """List everybody."""
        return visit.page("users.html", users=self.access.users.users(), roles=list(Role), link="")

    def invite(self, visit: Visit, form: Form) -> Response:
        """Add somebody, or let somebody choose a new password; the link is shown once."""
        name, role = form.get("name", ""), form.get("role", "")
        link = f"{visit.request.base_url}welcome/{self.access.add(name, role, by=visit.user.name)}"
        visit.note(f"{name} was invited as {role}")
        return visit.page("users.html", users=self.access.users.users(), roles=list(Role), link=link)

    def remove(self, visit: Visit, _: Form) -> Response:
        """Remove somebody, with their sessions and tokens."""
        name = visit.request.path_params["name"]
        if name == visit.user.name:
            raise SettingsError("name", expected="somebody else", got=name, hint="nobody removes themselves")
        self.access.users.remove_user(name)
        visit.note(f"{name} was removed, with all sessions, tokens and links")
        return redirect("/users", said=f"{name} was removed")

    def tokens(self, visit: Visit) -> Response:
        """List one's own API tokens."""
        return self._tokens(visit, secret="")

    def issue(self, visit: Visit, form: Form) -> Response:
        """Issue a token; it is shown once."""
        label, scope = form.get("label", "")[:NAME_CHARS_MAX], form.get("scope", "everything")
        if scope not in SCOPES:
            raise SettingsError("scope", expected=", ".join(SCOPES), got=scope)
        secret = self.access.issue_token(visit.user, label, scope=scope)
        visit.note(f"token made: {label or 'no label'}, scope {scope}")
        return self._tokens(visit, secret=secret)

    def end_token(self, visit: Visit, _: Form) -> Response:
        """End one of one's own tokens."""
        hash_ = visit.request.path_params["hash"]
        if any(token.hash == hash_ for token in self.access.users.credentials(visit.user.name)):
            self.access.users.take_credential(hash_, remove=True)
            visit.note("a token was ended")
        return redirect("/tokens", said="the token was ended")

    def activity(self, visit: Visit) -> Response:
        """Show who did what: every revision of the settings with what it changed, and every other deed."""
        url, eyes = visit.request.url, visit.eyes
        upto = min(place_of(url, "deeds"), DEEDS_MAX) + SHOWN + 1
        revisions = self.desk.revisions.revisions(limit=upto + 1)
        older = [*revisions, None][1:]
        found: list[Found] = [(new.at, new, None, old) for new, old in zip(revisions, older, strict=True)]
        found = found[:upto] + [(deed.at, None, deed, None) for deed in self.journal.deeds(limit=upto)]
        found.sort(key=lambda each: -each[0])
        in_force = revisions[0].number if revisions else 0
        page = part_of(found[:upto], url, "deeds", SHOWN).made(functools.partial(_entry, eyes))
        return visit.page("activity.html", entries=page, in_force=in_force)

    def roll_back(self, visit: Visit, _: Form) -> Response:
        """Put an earlier revision in force again."""
        number = visit.request.path_params["number"]
        self.desk.roll_back(number, by=visit.user.name)
        return redirect("/activity", said=f"revision {number} is in force again")

    def _tokens(self, visit: Visit, *, secret: str) -> Response:
        own = [c for c in self.access.users.credentials(visit.user.name) if c.kind is Kind.TOKEN]
        return visit.page("tokens.html", tokens=own, secret=secret, scopes=list(SCOPES))

    def _bare(self, template: str, *, status: int = 200, **facts: str) -> Response:
        return self.pages.bare(template, status=status, **facts)

    def _start(self, request: Request, user: User, next_: str) -> Response:
        answer = RedirectResponse(next_, 303)
        session = self.access.start_session(user)
        self.journal.note(user.name, "signed in")
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, session, max_age=int(SESSION_S), httponly=True, samesite="lax", secure=secure)
        return answer


def _entry(eyes: Eyes, found: Found) -> Entry:
    at, revision, deed, older = found
    if revision is None:
        return Entry(at=at, by=deed.by if deed else "", what=cut(eyes.deed(deed.what)) if deed else "")
    lines = differences(older.document if older else None, revision.document, shows_keys=eyes.keys)
    return Entry(
        at=at,
        by=revision.by,
        what=cut(eyes.deed(revision.note)),
        number=revision.number,
        lines=[cut(line if eyes.keys else eyes.text(line)) for line in lines[:CHANGES]],
        left_out=max(0, len(lines) - CHANGES),
    )


def _inside(path: str) -> str:
    """Return a path of our own; a link that was made to lead elsewhere after sign-in leads home."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
