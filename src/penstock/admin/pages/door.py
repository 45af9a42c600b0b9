"""The doors: signing in and out, choosing a password with a one-time link, and changing one's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from penstock.admin.doors.access import SESSION_S
from penstock.admin.doors.devices import DEVICE_S
from penstock.admin.doors.front import DEVICE, knock_of
from penstock.admin.doors.throttle import Wait
from penstock.admin.pages.web import COOKIE, Form, Pages, Visit, read_form, redirect, wait_header
from penstock.buffer.port.control import User
from penstock.errors import SettingsError
from penstock.settings.forms import FormFields, check

# A password looked at costs 64 MiB and a tenth of a second on purpose. Strangers queue for one place, and a person who knew
# the password lately for another; who would have to queue long is asked to come back.
QUEUE_MAX, COME_BACK_S = 20, 3.0
# Another site must not sign its visitor in here, under a name it knows.
FOREIGN = frozenset({"cross-site", "same-site"})
SIGN_IN = FormFields(needed=("name", "password"), optional=("next",))
WELCOME = FormFields(needed=("password",))
# The name is there for the browser's own store of passwords.
OWN_PASSWORD = FormFields(needed=("present", "password"), optional=("username",), flags=("end",))


class Queue:
    """Lets one in at a time, and no more wait than are served soon."""

    def __init__(self) -> None:
        self.place, self.length = asyncio.Semaphore(1), 0

    @contextlib.asynccontextmanager
    async def waited(self) -> AsyncIterator[bool]:
        """Wait for one's turn; say whether there is room to wait."""
        if self.length >= QUEUE_MAX:
            yield False
            return
        self.length += 1
        try:
            async with self.place:
                yield True
        finally:
            self.length -= 1


class DoorPages:
    """Pages for those who are not in yet, and the way out."""

    def __init__(self, pages: Pages) -> None:
        self.pages, self.access = pages, pages.access
        self.strangers, self.known = Queue(), Queue()

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            Route("/signin", self.sign_in_page, methods=["GET"]),
            Route("/signin", self.sign_in, methods=["POST"]),
            Route("/welcome/{invitation}", self.welcome_page, methods=["GET"]),
            Route("/welcome/{invitation}", self.welcome, methods=["POST"]),
            self.pages.act("/signout", self.sign_out, right="look"),
            self.pages.show("/password", self.password, right="look"),
            self.pages.act("/password", self.change_password, right="look", fields=OWN_PASSWORD),
        ]

    async def sign_in_page(self, request: Request) -> Response:
        """Show the form."""
        return self._bare("signin.html", next=_inside(request.query_params.get("next", "/")), wrong="")

    async def sign_in(self, request: Request) -> Response:
        """Start a session for the right password. What comes too soon after wrong ones is answered with 429."""
        if request.headers.get("sec-fetch-site") in FOREIGN:
            return self._bare("signin.html", status=403, next="/", wrong="sign in on this page")
        form, knock = await read_form(request), knock_of(request)
        try:
            check(form, SIGN_IN)
        except SettingsError as error:
            return self._bare("signin.html", status=422, next="/", wrong=str(error))
        name, next_ = form["name"], _inside(form.get("next", "/"))
        is_known = await run_in_threadpool(self.access.knows, name, knock)
        async with (self.known if is_known else self.strangers).waited() as is_room:
            found: User | Wait | None = Wait(COME_BACK_S)
            if is_room:
                found = await run_in_threadpool(self.access.sign_in, name, form["password"], knock)
        if isinstance(found, Wait):
            return self._wait(found, "signin.html", next=next_)
        if found is None:
            return self._bare("signin.html", status=401, next=next_, wrong="name and password do not belong together")
        return await run_in_threadpool(self._start, request, found, next_)

    async def welcome_page(self, request: Request) -> Response:
        """Show the form that a one-time link leads to."""
        return self._bare("welcome.html", invitation=request.path_params["invitation"], wrong="")

    async def welcome(self, request: Request) -> Response:
        """Set the password, and sign in."""
        form, invitation = await read_form(request), request.path_params["invitation"]
        try:
            check(form, WELCOME)
            found = await run_in_threadpool(self.access.accept, invitation, form["password"], knock_of(request))
        except SettingsError as error:
            return self._bare("welcome.html", status=422, invitation=invitation, wrong=str(error))
        if isinstance(found, Wait):
            return self._wait(found, "welcome.html", invitation=invitation)
        await run_in_threadpool(self.access.audit.note, found.name, "chose a password with a one-time link")
        return await run_in_threadpool(self._start, request, found, "/")

    def sign_out(self, visit: Visit, _: Form) -> Response:
        """End the session."""
        self.access.end(visit.session)
        answer = RedirectResponse("/signin", 303)
        answer.delete_cookie(COOKIE)
        return answer

    def password(self, visit: Visit) -> Response:
        """Show the form for a new password of one's own."""
        return visit.page("password.html", wrong="")

    def change_password(self, visit: Visit, form: Form) -> Response:
        """Change one's own password; one who found an open session must not, so the present one is asked for."""
        present, wanted = form["present"], form["password"]
        knock, keeping = knock_of(visit.request), "end" not in form
        try:
            found = self.access.change_password(visit.user, present, wanted, knock, keeping=keeping)
        except SettingsError as error:
            return visit.page("password.html", code=422, wrong=str(error))
        if isinstance(found, Wait):
            answer = visit.page("password.html", code=429, wrong=_too_soon(found))
            answer.headers.update(wait_header(found))
            return answer
        if found is None:
            return visit.page("password.html", code=422, wrong="this is not your present password")
        kept = "tokens and links stay" if keeping else "tokens and links too"
        visit.note(f"changed the own password; all sessions ended, {kept}")
        return self._with_session(
            redirect("/tokens", said="your password was changed, and every other session ended"), found
        )

    def _start(self, request: Request, user: User, next_: str) -> Response:
        self.access.audit.looked(user.name, f"signed in from {knock_of(request).address or 'an unknown address'}")
        return self._with_session(RedirectResponse(next_, 303), user)

    def _with_session(self, answer: Response, user: User) -> Response:
        """Return an answer that starts a session, and lets the browser be known the next time."""
        session, device = self.access.start_session(user), self.access.device(user)
        answer.set_cookie(COOKIE, session, max_age=int(SESSION_S), httponly=True, samesite="lax")
        answer.set_cookie(DEVICE, device, max_age=DEVICE_S, httponly=True, samesite="strict")
        return answer

    def _wait(self, wait: Wait, template: str, **facts: str) -> Response:
        answer = self._bare(template, status=429, wrong=_too_soon(wait), **facts)
        answer.headers.update(wait_header(wait))
        return answer

    def _bare(self, template: str, *, status: int = 200, **facts: str) -> Response:
        return self.pages.bare(template, status=status, **facts)


def _too_soon(wait: Wait) -> str:
    seconds = wait_header(wait)["Retry-After"]
    return f"too many wrong passwords lately; try again in {seconds} seconds"


def _inside(path: str) -> str:
    """Return a path of our own; a link that was made to lead elsewhere after sign-in leads home."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
