"""The admin API of who may do what: users, their invitations, and one's own tokens.

A token is made on a page, by a user who signed in: one that could make others would be worth more than its scope.
"""

from starlette.requests import Request
from starlette.routing import Route

from penstock.admin.api.api import api_route, caller_of, eyes_of, page_of
from penstock.admin.api.body import ApiError
from penstock.admin.api.settings import deeds_shown
from penstock.admin.api.shapes import (
    AuditAnswer,
    CredentialsAnswer,
    EndedAllAnswer,
    EndedAnswer,
    InviteRequest,
    LinkAnswer,
    RemovedAnswer,
    TokensAnswer,
    UsersAnswer,
)
from penstock.admin.doors.access import Access
from penstock.buffer.port.control import Credential, Journal, Kind, Sort
from penstock.errors import SettingsError
from penstock.inspect.eyes import Sight
from penstock.inspect.status import StatusReader


class AccessApi:
    """The handlers."""

    def __init__(self, *, access: Access, journal: Journal, reader: StatusReader, sight: Sight) -> None:
        self.access, self.journal, self.reader, self.sight = access, journal, reader, sight

    def routes(self) -> list[Route]:
        """Return all routes."""
        one = "/api/v1/users/{name}"
        return [
            api_route("GET", "/api/v1/users", self.users, right="settings"),
            api_route("POST", "/api/v1/users", self.invite, right="settings"),
            api_route("POST", f"{one}/remove", self.remove, right="settings"),
            api_route("POST", f"{one}/reset", self.reset, right="settings"),
            api_route("GET", f"{one}/credentials", self.credentials, right="settings"),
            api_route("POST", f"{one}/credentials/end", self.end_all, right="settings"),
            api_route("POST", f"{one}/credentials/{{hash}}/end", self.end, right="settings"),
            api_route("GET", "/api/v1/audit", self.audit, right="settings"),
            api_route("GET", "/api/v1/tokens", self.tokens, right="look"),
            api_route("POST", "/api/v1/tokens/{hash}/end", self.end_token, right="look"),
        ]

    def users(self, _: Request, __: object) -> UsersAnswer:
        """Return everybody, and whether they have chosen a password yet."""
        users = self.access.users.users()
        return {"users": [{"name": u.name, "role": u.role, "invited": not u.password_hash} for u in users]}

    def invite(self, request: Request, wanted: InviteRequest) -> LinkAnswer:
        """Add a user, or let one choose a new password."""
        who = caller_of(request).name
        try:
            invitation = self.access.add(wanted.name, wanted.role, by=who)
        except SettingsError as error:
            raise ApiError(422, error.name, expected=error.expected, got=str(error.got)[:100]) from error
        self.journal.note(who, f"{wanted.name} was invited as {wanted.role} by the API")
        return self._link(invitation)

    def remove(self, request: Request, _: object) -> RemovedAnswer:
        """Remove a user, with their sessions and tokens."""
        name, who = self._somebody_else(request), caller_of(request).name
        self.access.users.remove_user(name)
        self.journal.note(who, f"{name} was removed by the API, with all sessions, tokens and links")
        return {"removed": name}

    def reset(self, request: Request, _: object) -> LinkAnswer:
        """Take a user's password, sessions, tokens and links away, and let them choose a new password."""
        name, who = self._somebody_else(request), caller_of(request).name
        invitation = self.access.reset(name, by=who)
        self.journal.note(who, f"the password of {name} was reset by the API; all sessions, tokens and links ended")
        return self._link(invitation)

    def credentials(self, request: Request, _: object) -> CredentialsAnswer:
        """Return a user's sessions, invitations, tokens and links, without their secrets."""
        name = self._known(request)
        return {
            "credentials": [
                {
                    "hash": c.hash,
                    "kind": c.kind,
                    "label": c.label,
                    "scope": c.scope or ("everything" if c.kind is Kind.TOKEN else ""),
                    "created_at": c.created_at,
                    "expires_at": c.expires_at,
                }
                for c in self.access.users.credentials(name)
            ]
        }

    def end_all(self, request: Request, _: object) -> EndedAllAnswer:
        """End all of them."""
        name, who = self._known(request), caller_of(request).name
        ended = self.access.users.end_credentials(name, kinds=set(Kind))
        self.journal.note(who, f"all sessions, tokens and links of {name} were ended by the API")
        return {"ended": ended}

    def end(self, request: Request, _: object) -> EndedAnswer:
        """End one of them."""
        name, who = self._known(request), caller_of(request).name
        found = self._end(name, request.path_params["hash"], set(Kind))
        self.journal.note(who, f"a {found.kind} of {name} was ended by the API")
        return {"ended": found.hash}

    def audit(self, request: Request, _: object) -> AuditAnswer:
        """Return what the audit log keeps of a sort, the newest first."""
        given = dict(request.query_params)
        first, limit = page_of(given)
        sort = given.pop("sort", Sort.LOOK.value)
        if sort not in set(Sort) or given:
            raise ApiError(400, "sort", expected=", ".join(Sort), got=sort[:100])
        self.access.audit.flush()
        deeds = self.journal.deeds(limit=limit + 1, skip=first, sort=Sort(sort))
        shown, next_ = deeds_shown(deeds, eyes_of(request, self.sight), first=first, limit=limit)
        return {"entries": shown, "next": next_}

    def tokens(self, request: Request, _: object) -> TokensAnswer:
        """Return one's own tokens, without their secrets."""
        own = [c for c in self.access.users.credentials(caller_of(request).name) if c.kind is Kind.TOKEN]
        return {
            "tokens": [
                {"hash": c.hash, "label": c.label, "scope": c.scope or "everything", "expires_at": c.expires_at}
                for c in own
            ]
        }

    def end_token(self, request: Request, _: object) -> EndedAnswer:
        """End one of one's own tokens."""
        who = caller_of(request).name
        found = self._end(who, request.path_params["hash"], {Kind.TOKEN})
        self.journal.note(who, "a token was ended by the API")
        return {"ended": found.hash}

    def _end(self, name: str, hash_: str, kinds: set[Kind]) -> Credential:
        found = next((c for c in self.access.users.credentials(name) if c.hash == hash_ and c.kind in kinds), None)
        if found is None:
            raise ApiError(404, "hash", expected=f"one of {name}", got=hash_[:100])
        self.access.users.take_credential(hash_, remove=True)
        return found

    def _known(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if self.access.find(name) is None:
            raise ApiError(404, "name", expected="a user", got=name[:100])
        return name

    def _somebody_else(self, request: Request) -> str:
        name: str = request.path_params["name"]
        if name == caller_of(request).name or self.access.find(name) is None:
            raise ApiError(404, "name", expected="another user", got=name[:100])
        return name

    def _link(self, invitation: str) -> LinkAnswer:
        """Return a link that works once; whole, where one knows from outside what this listener is called."""
        return {"link": f"{self.reader.settings.public_url}/welcome/{invitation}"}
