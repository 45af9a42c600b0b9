"""Users, and what they carry: sessions, tokens, links. Everybody ends their own, an administrator everybody's."""

from starlette.responses import Response
from starlette.routing import Route

from penstock.admin.doors.access import SCOPES
from penstock.admin.doors.guesses import NAME_CHARS_MAX
from penstock.admin.pages.people import subject_of_link
from penstock.admin.pages.web import Form, Pages, Visit, redirect
from penstock.buffer.port.control import Credential, Kind, Role
from penstock.errors import SettingsError
from penstock.inspect.parts import cut, part_of
from penstock.settings.forms import FormFields

# Users on one page, and what one of them carries.
USERS, CARRIED = 100, 50


class AccessPages:
    """Pages about who may do what."""

    def __init__(self, pages: Pages) -> None:
        self.pages, self.access = pages, pages.access

    def routes(self) -> list[Route]:
        """Return all routes."""
        show, act = self.pages.show, self.pages.act
        return [
            show("/users", self.users, right="settings"),
            act("/users", self.invite, right="settings", fields=FormFields(needed=("name", "role"))),
            show("/users/{name}", self.user, right="settings"),
            act("/users/{name}/remove", self.remove, right="settings"),
            act("/users/{name}/reset", self.reset, right="settings"),
            act("/users/{name}/end", self.end_all, right="settings"),
            act("/users/{name}/end/{hash}", self.end, right="settings"),
            show("/tokens", self.tokens, right="look"),
            act("/tokens", self.issue, right="look", fields=FormFields(needed=("label", "scope"))),
            act("/tokens/{hash}/end", self.end_token, right="look"),
        ]

    def users(self, visit: Visit) -> Response:
        """List everybody."""
        return self._users(visit, link="")

    def invite(self, visit: Visit, form: Form) -> Response:
        """Add a user, or let one choose a new password; the link is shown once."""
        name, role = form["name"], form["role"]
        link = f"{visit.request.base_url}welcome/{self.access.add(name, role, by=visit.user.name)}"
        visit.note(f"{name} was invited as {role}")
        return self._users(visit, link=link)

    def user(self, visit: Visit) -> Response:
        """Show what a user carries."""
        return self._user(visit, link="")

    def remove(self, visit: Visit, _: Form) -> Response:
        """Remove a user, with their sessions and tokens."""
        name = visit.request.path_params["name"]
        if name == visit.user.name:
            raise SettingsError("name", expected="another user", got=name, hint="no user removes themselves")
        self.access.users.remove_user(name)
        visit.note(f"{name} was removed, with all sessions, tokens and links")
        return redirect("/users", said=f"{name} was removed")

    def reset(self, visit: Visit, _: Form) -> Response:
        """Take a user's password away, and all they carry; the link for a new one is shown once."""
        name = visit.request.path_params["name"]
        link = f"{visit.request.base_url}welcome/{self.access.reset(name, by=visit.user.name)}"
        visit.note(f"the password of {name} was reset; all sessions, tokens and links ended")
        return self._user(visit, link=link)

    def end_all(self, visit: Visit, _: Form) -> Response:
        """End all that a user carries; an administrator who ends their own is signed out."""
        name = visit.request.path_params["name"]
        ended = self.access.users.end_credentials(name, kinds=set(Kind))
        visit.note(f"all sessions, tokens and links of {name} were ended")
        return redirect(f"/users/{name}", said=f"{ended} sessions, tokens and links of {name} have ended")

    def end(self, visit: Visit, _: Form) -> Response:
        """End one thing that a user carries."""
        name, hash_ = visit.request.path_params["name"], visit.request.path_params["hash"]
        self._end(visit, name, hash_, of=f" of {name}")
        return redirect(f"/users/{name}", said="it has ended")

    def tokens(self, visit: Visit) -> Response:
        """List one's own API tokens."""
        return self._tokens(visit, secret="")

    def issue(self, visit: Visit, form: Form) -> Response:
        """Issue a token; it is shown once."""
        label, scope = form["label"][:NAME_CHARS_MAX], form["scope"]
        if scope not in SCOPES:
            raise SettingsError("scope", expected=", ".join(SCOPES), got=scope)
        secret = self.access.issue_token(visit.user, label, scope=scope)
        visit.note(f"token made: {label or 'no label'}, scope {scope}")
        return self._tokens(visit, secret=secret)

    def end_token(self, visit: Visit, _: Form) -> Response:
        """End one of one's own tokens, or sessions."""
        self._end(visit, visit.user.name, visit.request.path_params["hash"], of="")
        return redirect("/tokens", said="it has ended")

    def _end(self, visit: Visit, name: str, hash_: str, *, of: str) -> None:
        for credential in self.access.users.credentials(name):
            if credential.hash == hash_:
                self.access.users.take_credential(hash_, remove=True)
                visit.note(f"a {credential.kind}{of} was ended")

    def _users(self, visit: Visit, *, link: str) -> Response:
        users = part_of(self.access.users.users(), visit.request.url, "users", USERS)
        shown = users.made(lambda user: (user, len(self.access.users.credentials(user.name))))
        return visit.page("users.html", users=shown, roles=list(Role), link=link)

    def _user(self, visit: Visit, *, link: str) -> Response:
        name = visit.request.path_params["name"]
        user = self.access.find(name)
        if user is None:
            return visit.page("missing.html", code=404, what=f"user {cut(name)}")
        carried = part_of(self.access.users.credentials(name), visit.request.url, "carried", CARRIED)
        shown = carried.made(lambda each: (each, cut(_label(each))))
        return visit.page("user.html", shown=user, carried=shown, link=link)

    def _tokens(self, visit: Visit, *, secret: str) -> Response:
        own, url = self.access.users.credentials(visit.user.name), visit.request.url
        return visit.page(
            "tokens.html",
            tokens=part_of([c for c in own if c.kind is Kind.TOKEN], url, "tokens", CARRIED),
            sessions=part_of([c for c in own if c.kind is Kind.SESSION], url, "sessions", CARRIED),
            present=self.access.session_hash(visit.session),
            secret=secret,
            scopes=list(SCOPES),
        )


def _label(credential: Credential) -> str:
    """Return what a credential is for, as a person reads it."""
    if credential.kind is Kind.SHARE:
        return str(subject_of_link(credential) or "")
    return ", ".join(filter(None, (credential.label, credential.scope)))
