"""Who somebody is, and what they may do: passwords, sessions, invitations, tokens, links, and a limit for guesses."""

import collections
import dataclasses
import functools
import hashlib
import hmac
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from penstock.buffer.control_port import Credential, Kind, Role, User, Users
from penstock.clock import Clock
from penstock.errors import SettingsError

SESSION_S, INVITATION_S, TOKEN_S = 12 * 3600.0, 24 * 3600.0, 365 * 86_400.0
PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 10, 256
# Wrong passwords for one name before the next tries are refused unread, and for how long.
GUESSES_MAX, GUESSES_S = 5, 300.0
# Names that are remembered for their wrong passwords; strangers choose them.
GUESSED_NAMES_MAX = 10_000
ADMIN = "admin"
NAME_CHARS_MAX = 64
#: `personal`: sees also the fields that are masked for viewers. `ids`: sees ids, not their pseudonyms. `people`: looks at
#: people and accounts; `look` alone shows figures and no names.
RIGHTS = {
    Role.ADMIN: frozenset({"settings", "act", "personal", "ids", "payloads", "people", "look"}),
    Role.OPERATOR: frozenset({"act", "personal", "ids", "payloads", "people", "look"}),
    Role.VIEWER: frozenset({"payloads", "people", "look"}),
    Role.CS: frozenset({"people", "look"}),
}
#: What a token may do of what its owner may.
SCOPES = {
    "figures": frozenset({"look"}),
    "read": frozenset({"personal", "ids", "payloads", "people", "look"}),
    "act": frozenset({"act", "personal", "ids", "payloads", "people", "look"}),
    "everything": RIGHTS[Role.ADMIN],
}
# What somebody must be allowed, when a link is shared and as long as it is good.
SHARING = "act"


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may do this time."""

    name: str
    role: Role
    rights: frozenset[str]


class Access:
    """Sign-in for the dashboard and the admin API."""

    def __init__(self, users: Users, *, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self.users, self.clock = users, clock
        self.hasher = hasher or PasswordHasher()
        self.guesses: dict[str, collections.deque[float]] = collections.defaultdict(
            lambda: collections.deque(maxlen=GUESSES_MAX)
        )

    @functools.cached_property
    def nobody(self) -> str:
        """What a wrong name is checked against, so that it takes as long as a wrong password."""
        return self.hasher.hash(secrets.token_urlsafe())

    def find(self, name: str) -> User | None:
        """Return a user by name."""
        return next((user for user in self.users.users() if user.name == name), None)

    def first_invitation(self) -> str:
        """Return a one-time secret for the administrator, while nobody has chosen a password; else nothing."""
        if any(user.password_hash for user in self.users.users()):
            return ""
        self.users.put_user(User(name=ADMIN, role=Role.ADMIN))
        return self.invite(ADMIN)

    def set_administrator(self, password: str) -> None:
        """Let the administrator's password be this one; nothing happens if it is already."""
        admin = self.find(ADMIN)
        if admin is None or not admin.password_hash or not self._is_password(admin.password_hash, password):
            self.set_password(User(name=ADMIN, role=Role.ADMIN), password)

    def add(self, name: str, role: str, *, by: str) -> str:
        """Add somebody, or let somebody choose a new password; return a one-time secret. Raises SettingsError."""
        if not name or len(name) > NAME_CHARS_MAX or not name.isprintable() or "/" in name:
            raise SettingsError("name", expected="a name without slashes", got=name)
        if role not in set(Role):
            raise SettingsError("role", expected=", ".join(Role), got=role)
        if name == by:
            raise SettingsError("name", expected="somebody else", got=name, hint="nobody changes their own role")
        known = self.find(name)
        self.users.put_user(User(name=name, role=Role(role), password_hash=known.password_hash if known else ""))
        return self.invite(name)

    def invite(self, name: str) -> str:
        """Return a one-time secret with which somebody chooses a password."""
        return self._issue(Kind.INVITATION, name, label="", seconds=INVITATION_S)

    def accept(self, invitation: str, password: str) -> User:
        """Set a password with an invitation. Raises SettingsError."""
        self.check_password(password)
        found = self.users.take_credential(_hash(invitation), remove=True)
        user = self.find(found.user) if found and self._is_good(found, Kind.INVITATION) else None
        if user is None:
            raise SettingsError(
                "link", expected="a link that was not used yet", got="another", hint="ask for a new one"
            )
        self.set_password(user, password)
        return user

    def set_password(self, user: User, password: str) -> None:
        """Set somebody's password; all their sessions end."""
        for credential in self.users.credentials(user.name):
            if credential.kind in {Kind.SESSION, Kind.INVITATION}:
                self.users.take_credential(credential.hash, remove=True)
        self.users.put_user(User(name=user.name, role=user.role, password_hash=self.hasher.hash(password)))

    def check_password(self, password: str) -> None:
        """Raise SettingsError for a password that is too short, or so long that hashing it would be an attack."""
        if not PASSWORD_CHARS_MIN <= len(password) <= PASSWORD_CHARS_MAX:
            raise SettingsError(
                "password",
                expected=f"{PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters",
                got=f"{len(password)} characters",
            )

    def sign_in(self, name: str, password: str) -> User | None:
        """Return the user whose password this is; None for a wrong one, or after too many wrong ones."""
        if self.is_guessing(name):
            return None
        user = self.find(name)
        # Made by the first who comes, whoever it is: the time it takes must not tell which names are known.
        nobody = self.nobody
        known = user.password_hash if user and user.password_hash else nobody
        if not self._is_password(known, password):
            self._remember_guess(name[:64])
            return None
        self.guesses.pop(name[:64], None)
        return user

    def is_guessing(self, name: str) -> bool:
        """Return whether so many wrong passwords came for a name that no more are looked at for now."""
        guesses = list(self.guesses.get(name[:64], ()))
        return len(guesses) == GUESSES_MAX and min(guesses) > self.clock.now() - GUESSES_S

    def start_session(self, user: User) -> str:
        """Return a fresh session; an older one of the same browser is worth nothing to whoever planted it."""
        return self._issue(Kind.SESSION, user.name, label="", seconds=SESSION_S)

    def issue_token(self, user: User, label: str, *, scope: str = "everything") -> str:
        """Return an API token that may do what the user may and its scope allows; it is shown once."""
        return self._issue(Kind.TOKEN, user.name, label=label, seconds=TOKEN_S, scope=scope)

    def share(self, user: User, what: str, *, seconds: float) -> str:
        """Return the secret of a link that shows something to whoever has it, until it ends or its giver may not."""
        return self._issue(Kind.SHARE, user.name, label=what, seconds=seconds)

    def shared(self, secret: str) -> Credential | None:
        """Return what a shared link shows, if it is still good."""
        found = self.users.take_credential(_hash(secret))
        giver = self.find(found.user) if found and self._is_good(found, Kind.SHARE) else None
        return found if giver and may(giver, SHARING) else None

    def caller(self, secret: str, kind: Kind) -> Caller | None:
        """Return who carries a session or a token, with what that allows."""
        found = self.users.take_credential(_hash(secret)) if secret else None
        user = self.find(found.user) if found and self._is_good(found, kind) else None
        if found is None or user is None:
            return None
        return Caller(user.name, user.role, RIGHTS[user.role] & SCOPES.get(found.scope or "everything", frozenset()))

    def who(self, secret: str, kind: Kind) -> User | None:
        """Return who carries a session or a token."""
        caller = self.caller(secret, kind)
        return self.find(caller.name) if caller else None

    def end(self, secret: str) -> None:
        """End a session or a token."""
        self.users.take_credential(_hash(secret), remove=True)

    def _is_password(self, known: str, password: str) -> bool:
        try:
            return self.hasher.verify(known, password[:PASSWORD_CHARS_MAX])
        except VerificationError:
            return False

    def _remember_guess(self, name: str) -> None:
        now = self.clock.now()
        if len(self.guesses) >= GUESSED_NAMES_MAX:
            recent = {known: times for known, times in self.guesses.items() if max(times) > now - GUESSES_S}
            self.guesses.clear()
            self.guesses.update(recent)
        self.guesses[name].append(now)

    def _issue(self, kind: Kind, user: str, *, label: str, seconds: float, scope: str = "") -> str:
        secret, now = secrets.token_urlsafe(32), self.clock.now()
        credential = Credential(
            hash=_hash(secret),
            kind=kind,
            user=user,
            label=label,
            created_at=now,
            expires_at=now + seconds,
            scope=scope,
        )
        self.users.put_credential(credential)
        return secret

    def _is_good(self, credential: Credential, kind: Kind) -> bool:
        return credential.kind is kind and credential.expires_at > self.clock.now()


def may(user: User, right: str) -> bool:
    """Return whether somebody has a right; see RIGHTS."""
    return right in RIGHTS[user.role]


def csrf_token(session: str) -> str:
    """Return what a form must carry: derived from the session, which no other site can read."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()


def is_csrf_token(session: str, given: str) -> bool:
    """Return whether a form came from one of our pages."""
    return hmac.compare_digest(csrf_token(session).encode(), given.encode())


def _hash(secret: str) -> str:
    # The secrets are long and random: a plain hash is enough, and looking one up stays cheap.
    return hashlib.sha256(secret.encode()).hexdigest()
