"""The admin API of who may do what: users, their invitations, and one's own tokens.

A token is made on a page, by somebody who signed in: one that could make others would be worth more than its scope.
"""

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from penstock.buffer.control_port import Journal, Kind
from penstock.errors import SettingsError
from penstock.operate.access import Access
from penstock.operate.api import ApiError, api_route, caller_of, read


class InviteRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What POST /api/v1/users takes."""

    name: str
    role: str


class AccessApi:
    """The handlers."""

    def __init__(self, *, access: Access, journal: Journal) -> None:
        self.access, self.journal = access, journal

    def routes(self) -> list[Route]:
        """Return all routes."""
        return [
            api_route("GET", "/api/v1/users", self.users, right="settings"),
            api_route("POST", "/api/v1/users", self.invite, right="settings"),
            api_route("POST", "/api/v1/users/{name}/remove", self.remove, right="settings"),
            api_route("GET", "/api/v1/tokens", self.tokens, right="look"),
            api_route("POST", "/api/v1/tokens/{hash}/end", self.end_token, right="look"),
        ]

    def users(self, _: Request, __: bytes) -> object:
        """Return everybody, and whether they have chosen a password yet."""
        users = self.access.users.users()
        return {"users": [{"name": u.name, "role": u.role, "invited": not u.password_hash} for u in users]}

    def invite(self, request: Request, body: bytes) -> object:
        """Add somebody, or let somebody choose a new password."""
        wanted, who = read(body, InviteRequest), caller_of(request).name
        try:
            invitation = self.access.add(wanted.name, wanted.role, by=who)
        except SettingsError as error:
            raise ApiError(422, error.name, expected=error.expected, got=str(error.got)[:100]) from error
        self.journal.note(who, f"{wanted.name} was invited as {wanted.role} by the API")
        return {"link": f"/welcome/{invitation}"}

    def remove(self, request: Request, _: bytes) -> object:
        """Remove somebody, with their sessions and tokens."""
        name, who = request.path_params["name"], caller_of(request).name
        if name == who or self.access.find(name) is None:
            raise ApiError(404, "name", expected="somebody else who is known", got=name[:100])
        self.access.users.remove_user(name)
        self.journal.note(who, f"{name} was removed by the API, with all sessions, tokens and links")
        return {"removed": name}

    def tokens(self, request: Request, _: bytes) -> object:
        """Return one's own tokens, without their secrets."""
        own = [c for c in self.access.users.credentials(caller_of(request).name) if c.kind is Kind.TOKEN]
        return {
            "tokens": [
                {"hash": c.hash, "label": c.label, "scope": c.scope or "everything", "expires_at": c.expires_at}
                for c in own
            ]
        }

    def end_token(self, request: Request, _: bytes) -> object:
        """End one of one's own tokens."""
        hash_, who = request.path_params["hash"], caller_of(request).name
        if not any(c.hash == hash_ and c.kind is Kind.TOKEN for c in self.access.users.credentials(who)):
            raise ApiError(404, "token", expected="one of one's own", got=hash_[:100])
        self.access.users.take_credential(hash_, remove=True)
        self.journal.note(who, "a token was ended by the API")
        return {"ended": hash_}
