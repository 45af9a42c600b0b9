"""What the dashboard keeps: revisions of its settings, and who may sign in."""

import dataclasses
import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol


class Role(enum.StrEnum):
    """What a user may do."""

    #: Everything, also settings and users.
    ADMIN = "admin"
    #: Look at everything; replay, pause, resume.
    OPERATOR = "operator"
    #: Look at everything; what names a person can be masked.
    VIEWER = "viewer"
    #: Look at people and accounts, never at payloads.
    CS = "cs"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The dashboard's settings as of one change."""

    number: int
    #: Seconds since 1970.
    at: float
    by: str
    note: str
    #: `sources`, `destinations` and `connections`, as in penstock.toml; secrets are sealed.
    document: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who may sign in."""

    name: str
    role: Role
    #: Empty until a password was chosen.
    password_hash: str = ""


class Kind(enum.StrEnum):
    """What a credential is good for."""

    SESSION = "session"
    INVITATION = "invitation"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    #: A link that shows one person or account to everyone who has it.
    SHARE = "share"


class Sort(enum.StrEnum):
    """What a sentence of the journal is about; each sort is kept for its own time."""

    #: A user changed something that is not a revision of the settings.
    DEED = "deed"
    #: A user came in, or looked at personal data.
    LOOK = "look"
    #: A sign-in or call was refused: a wrong password, a wrong token, too many of them.
    REFUSAL = "refusal"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something a person did that is not a revision of the settings."""

    #: Seconds since 1970, of the last time.
    at: float
    by: str
    what: str
    #: How often within its period: a minute, for looks an hour.
    times: int = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A secret that a user carries, known here by its hash alone."""

    hash: str
    kind: Kind
    user: str
    #: What it is for: a person's words, or what a shared link shows.
    label: str
    #: What a token may do; empty: all that its owner may.
    scope: str = ""
    #: Seconds since 1970.
    created_at: float
    expires_at: float


class Revisions(Protocol):
    """The dashboard's settings over time."""

    def newest(self) -> Revision | None:
        """Return the revision in force; None before the first."""

    def revisions(self, *, limit: int = 100) -> Sequence[Revision]:
        """Return revisions, the newest first."""

    def save(self, document: Mapping[str, Any], *, by: str, note: str, after: int | None = None) -> int:
        """Put a new revision in force; return its number.

        Raises SettingsOutdated when another one than `after` is in force by now; None takes whatever is.
        """


class Journal(Protocol):
    """Who did what."""

    def note(self, by: str, what: str, *, sort: Sort = Sort.DEED, times: int = 1) -> None:
        """Keep a sentence about what a user did, as of now; one that repeats within its period is counted.

        More different sentences than a period may hold become one that says so: the rows of an hour are bounded.
        """

    def deeds(self, *, limit: int = 100, skip: int = 0, sort: Sort = Sort.DEED) -> Sequence[Deed]:
        """Return what was done, the newest first, without the `skip` newest."""

    def forget_deeds(self, sort: Sort, *, before: float) -> int:
        """Forget the sentences of a sort that are older than this, in seconds since 1970; return how many."""


class Users(Protocol):
    """Who may sign in. While there is an administrator with a password, there always is one."""

    def users(self) -> Sequence[User]:
        """Return everybody, by name."""

    def put_user(self, user: User, *, ending: bool = False) -> None:
        """Add or change a user; with `ending`, all their credentials end in the same transaction.

        Raises SettingsError when no administrator with a password would be left.
        """

    def remove_user(self, name: str) -> None:
        """Remove a user, with all their credentials and views. Raises SettingsError as `put_user` does."""


class Credentials(Protocol):
    """What people carry: sessions, invitations, tokens, shared links."""

    def credentials(self, user: str) -> Sequence[Credential]:
        """Return a user's credentials that are good still, the newest first."""

    def put_credential(self, credential: Credential) -> None:
        """Keep a credential."""

    def take_credential(self, hash_: str, *, remove: bool = False) -> Credential | None:
        """Return the credential of a hash, if there is one; `remove` ends it at the same time."""

    def end_credentials(self, user: str, *, kinds: Collection[Kind]) -> int:
        """End all of a user's credentials of these kinds; return how many that were."""


class Register(Users, Credentials, Journal, Protocol):
    """Who may sign in, with what, and what they did."""


class Nudges(Protocol):
    """What a person wants now, and not for as long as it stands."""

    def resumed(self) -> Mapping[str, float]:
        """Return by destination when a person said last that it may go on, in seconds since 1970.

        Also of one that was not paused: what it waits for is then looked at at once.
        """
