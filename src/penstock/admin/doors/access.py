"""Who a user is, and what they may do: sign-in, sessions, invitations, tokens, links.

Passwords, guesses and what is written down of them are in passwords.py, guesses.py, throttle.py and audit.py.
"""

import dataclasses
import hashlib
import hmac
import secrets

from argon2 import PasswordHasher

from penstock.admin.doors.audit import Audit
from penstock.admin.doors.devices import device_cookie
from penstock.admin.doors.guesses import NAME_CHARS_MAX, Guesses, Knock
from penstock.admin.doors.passwords import Passwords, check_password
from penstock.admin.doors.throttle import Throttle, Wait
from penstock.buffer.port.control import Credential, Kind, Register, Role, User
from penstock.clock import Clock
from penstock.errors import SettingsError

SESSION_S, INVITATION_S, TOKEN_S = 12 * 3600.0, 24 * 3600.0, 365 * 86_400.0
# A session ends after this long without anything that a person did, and how often its end is moved at most.
IDLE_S, TOUCH_S = 2 * 3600.0, 300.0
ADMIN = "admin"
FORM, BASIC, TOKEN, INVITATION, LINK = "password", "API password", "token", "invitation", "shared link"
#: `personal`: sees also what is masked for viewers and cs. `names`: sees what is masked for viewers and not for cs. `ids`: sees
#: ids, not their pseudonyms. `people`: looks at people, accounts and problems; `look` alone shows figures and no names.
RIGHTS = {
    Role.ADMIN: frozenset(
        {"settings", "act", "replay", "share", "personal", "names", "ids", "payloads", "people", "look"}
    ),
    Role.OPERATOR: frozenset({"act", "replay", "share", "personal", "names", "ids", "payloads", "people", "look"}),
    Role.VIEWER: frozenset({"payloads", "people", "look"}),
    Role.CS: frozenset({"replay", "share", "names", "ids", "people", "look"}),
}
#: What a token may do of what its owner may.
SCOPES = {
    "figures": frozenset({"look"}),
    "read": frozenset({"personal", "names", "ids", "payloads", "people", "look"}),
    "act": frozenset({"act", "replay", "share", "personal", "names", "ids", "payloads", "people", "look"}),
    "everything": RIGHTS[Role.ADMIN],
}
# What a user must be allowed, when a link is shared and as long as it is good.
SHARING = "share"


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what they may do this time."""

    name: str
    role: Role
    rights: frozenset[str]


class Access:
    """Sign-in for the dashboard and the admin API."""

    def __init__(self, users: Register, *, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self.users, self.clock = users, clock
        self.passwords = Passwords(hasher)
        self.audit = Audit(users, clock=clock)
        self.guesses = Guesses(Throttle(clock), self.audit)
        #: Makes digests of equal length, so that comparing takes as long for any password.
        self.blind = secrets.token_bytes(32)
        self.file_password = b""

    def find(self, name: str) -> User | None:
        """Return a user by name."""
        return next((user for user in self.users.users() if user.name == name), None)

    def first_invitation(self) -> str:
        """Return a one-time secret for the administrator, until one has chosen a password; else nothing."""
        if any(user.password_hash for user in self.users.users()):
            return ""
        self.users.put_user(User(name=ADMIN, role=Role.ADMIN))
        return self.invite(ADMIN)

    def set_administrator(self, password: str) -> None:
        """Let the administrator's password be this one; nothing happens if it is already."""
        admin = self.find(ADMIN)
        if admin is None or admin.role is not Role.ADMIN or not self.passwords.fits(admin.password_hash, password):
            self.set_password(User(name=ADMIN, role=Role.ADMIN), password)

    def add(self, name: str, role: str, *, by: str) -> str:
        """Add a user, or let one choose a new password; return a one-time secret. Raises SettingsError."""
        if not name or len(name) > NAME_CHARS_MAX or not name.isprintable() or "/" in name:
            raise SettingsError("name", expected="a name without slashes", got=name)
        if role not in set(Role):
            raise SettingsError("role", expected=", ".join(Role), got=role)
        if name == by:
            raise SettingsError("name", expected="another user", got=name, hint="no user changes their own role")
        known = self.find(name)
        self.users.put_user(User(name=name, role=Role(role), password_hash=known.password_hash if known else ""))
        return self.invite(name)

    def reset(self, name: str, *, by: str) -> str:
        """Take a user's password, sessions, tokens and links away; return a one-time secret. Raises SettingsError."""
        user = self.find(name)
        if user is None or name == by:
            raise SettingsError("name", expected="another user", got=name)
        self.users.put_user(dataclasses.replace(user, password_hash=""), ending=True)
        self.guesses.forget(name)
        return self.invite(name)

    def invite(self, name: str) -> str:
        """Return a one-time secret with which a user chooses a password."""
        return self._issue(Kind.INVITATION, name, label="", seconds=INVITATION_S)

    def accept(self, invitation: str, password: str, knock: Knock = Knock()) -> User | Wait:  # noqa: B008 - frozen
        """Set a password with an invitation; wrong ones have to wait. Raises SettingsError."""
        check_password(password)
        found = self.users.take_credential(_hash(invitation), remove=True)
        user = self.find(found.user) if found and self._is_good(found, Kind.INVITATION) else None
        if user is None:
            if wait := self.guesses.wrong_secret(INVITATION, knock):
                return wait
            raise SettingsError(
                "link", expected="a link that was not used yet", got="another", hint="ask for a new one"
            )
        return self.set_password(user, password)

    def set_password(self, user: User, password: str) -> User:
        """Set a user's password; their sessions, invitations, tokens and links end."""
        changed = dataclasses.replace(user, password_hash=self.passwords.hash(password))
        self.users.put_user(changed, ending=True)
        self.guesses.forget(user.name)
        return changed

    def change_password(
        self, user: User, present: str, password: str, knock: Knock, *, keeping: bool
    ) -> User | Wait | None:
        """Let a user change their own password, who knows the present one; None if they do not. Raises SettingsError.

        All sessions end; with `keeping`, tokens and shared links stay.
        """
        check_password(password)
        if user.name == ADMIN and self.file_password:
            raise SettingsError("password", expected="one that stands here", got="one of admin_password_file")
        known = self.sign_in(user.name, present, knock)
        if not isinstance(known, User):
            return known
        if not keeping:
            return self.set_password(known, password)
        changed = dataclasses.replace(known, password_hash=self.passwords.hash(password))
        self.users.put_user(changed)
        self.users.end_credentials(user.name, kinds={Kind.SESSION, Kind.INVITATION})
        self.guesses.forget(user.name)
        return changed

    def sign_in(self, name: str, password: str, knock: Knock = Knock()) -> User | Wait | None:  # noqa: B008 - frozen
        """Return the user whose password this is; None for a wrong one, and how long to wait after too many."""
        user = self.find(name)
        marks = self.guesses.marks(name, knock, user)
        if wait := self.guesses.begin(marks, FORM, knock, user):
            return wait
        if not self.passwords.fits(user.password_hash if user else "", password) or user is None:
            self.guesses.wrong(FORM, knock, user)
            return None
        self.guesses.right(marks, name, knock)
        return user

    def knows(self, name: str, knock: Knock) -> bool:
        """Return whether a browser or an address knew a user's password lately: it need not queue with strangers."""
        return self.guesses.is_known(self.guesses.marks(name, knock, self.find(name)))

    def let_in_by_basic(self, password: str) -> None:
        """Take this password of the administrator for HTTP Basic; an empty one takes none."""
        self.file_password = self._digest(password) if password else b""

    def basic(self, name: str, password: str, knock: Knock) -> Caller | Wait | None:
        """Return the administrator for the password of the file: for monitoring and scripts, so nothing is hashed."""
        is_password = hmac.compare_digest(self._digest(password), self.file_password) if self.file_password else False
        right = is_password and name == ADMIN
        wait = self.guesses.judge(name, BASIC, knock, user=self.find(name), right=right)
        return wait or (Caller(ADMIN, Role.ADMIN, RIGHTS[Role.ADMIN]) if right else None)

    def token(self, secret: str, knock: Knock) -> Caller | Wait | None:
        """Return whose token this is."""
        return self.caller(secret, Kind.TOKEN) or self.guesses.wrong_secret(TOKEN, knock)

    def broken(self, knock: Knock) -> Wait | None:
        """Count what cannot be read as a name and a password."""
        return self.guesses.wrong_secret(BASIC, knock)

    def device(self, user: User) -> str:
        """Return a cookie for the browser that a user signed in with."""
        return device_cookie(user.password_hash, user.name)

    def start_session(self, user: User) -> str:
        """Return a fresh session; an older one of the same browser is worth nothing to an attacker who planted it."""
        return self._issue(Kind.SESSION, user.name, label="", seconds=min(SESSION_S, IDLE_S))

    def touch(self, secret: str) -> None:
        """Note that a person did something: the session ends so much later, and never later than SESSION_S."""
        found = self.users.take_credential(_hash(secret))
        if found is None or not self._is_good(found, Kind.SESSION):
            return
        ends_at = min(found.created_at + SESSION_S, self.clock.now() + IDLE_S)
        if ends_at - found.expires_at > TOUCH_S:
            self.users.put_credential(dataclasses.replace(found, expires_at=ends_at))

    def issue_token(self, user: User, label: str, *, scope: str = "everything") -> str:
        """Return an API token that may do what the user may and its scope allows; it is shown once."""
        return self._issue(Kind.TOKEN, user.name, label=label, seconds=TOKEN_S, scope=scope)

    def share(self, user: User, what: str, *, seconds: float) -> str:
        """Return the secret of a link: it shows something to everyone who has it, until it ends or its giver may not."""
        return self._issue(Kind.SHARE, user.name, label=what, seconds=seconds)

    def shared(self, secret: str, knock: Knock = Knock()) -> Credential | Wait | None:  # noqa: B008 - frozen
        """Return what a shared link shows, if it is still good."""
        found = self.users.take_credential(_hash(secret))
        giver = self.find(found.user) if found and self._is_good(found, Kind.SHARE) else None
        if found and giver and may(giver, SHARING):
            return found
        return self.guesses.wrong_secret(LINK, knock)

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

    def session_hash(self, secret: str) -> str:
        """Return what a session is known by here."""
        return _hash(secret)

    def end(self, secret: str) -> None:
        """End a session or a token."""
        self.users.take_credential(_hash(secret), remove=True)

    def _digest(self, password: str) -> bytes:
        return hmac.digest(self.blind, password.encode(), "sha256")

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
    """Return whether a user has a right; see RIGHTS."""
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
