"""The dashboard's settings, users and journal on SQLite: control.db."""

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penstock.buffer.port.control import Credential, Kind, Revision, Role, User
from penstock.buffer.sqlite.connections import SqliteConnection, rows_changed
from penstock.buffer.sqlite.control.changing import behind_others
from penstock.buffer.sqlite.control.journal import SqliteJournal
from penstock.buffer.sqlite.file import snapshot
from penstock.buffer.sqlite.remembered import Remembered
from penstock.clock import Clock
from penstock.errors import SettingsError, SettingsOutdated

REVISION = "SELECT number, at, changed_by, note, document FROM revision ORDER BY number DESC LIMIT ?"
CREDENTIAL_COLUMNS = "hash, kind, user, label, created_at, expires_at, scope"
CREDENTIAL = f"SELECT {CREDENTIAL_COLUMNS} FROM credential"  # noqa: S608 - our own constant

ADMINISTRATORS = "SELECT count(*) FROM user WHERE role = 'admin' AND password_hash != ''"


class SqliteControl(SqliteJournal):
    """control.db in a data folder; see control_port.Revisions, Register and Journal."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        super().__init__(data_dir, clock=clock)
        self.remembered = Remembered(self.path, clock=clock)

    def bring_up_to_date(self) -> None:
        """Bring a file of an older Penstock to the present schema, before anybody reads its settings."""
        if self.path.exists():
            with self.writing():
                pass

    def newest(self) -> Revision | None:
        """Return the revision in force."""
        return self.remembered.read("newest", lambda: next(iter(self.revisions(limit=1)), None))

    def revisions(self, *, limit: int = 100) -> Sequence[Revision]:
        """Return revisions, the newest first."""
        with snapshot(self.path) as control:
            rows = control.execute(REVISION, [limit]).fetchall() if control else []
        return [
            Revision(number=number, at=at, by=by, note=note, document=msgspec.json.decode(document))
            for number, at, by, note, document in rows
        ]

    @behind_others
    def save(self, document: Mapping[str, Any], *, by: str, note: str, after: int | None = None) -> int:
        """Put a new revision in force; return its number. Raises SettingsOutdated."""
        row = [self.clock.now(), by, note, msgspec.json.encode(document).decode()]
        with self.transaction() as control:
            newest = control.execute("SELECT coalesce(max(number), 0) FROM revision").fetchone()[0]
            if after is not None and after != newest:
                raise SettingsOutdated(based_on=after, in_force=newest)
            insert = "INSERT INTO revision (at, changed_by, note, document) VALUES (?, ?, ?, ?)"
            control.execute(insert, row)
            return control.last_insert_rowid()

    @behind_others
    def treat(self, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> int:
        """Have a function change every document that was ever in force; return how many it changed."""
        changed = 0
        with self.transaction() as control:
            for number, text in control.execute("SELECT number, document FROM revision").fetchall():
                document = msgspec.json.decode(text)
                if (treated := change(document)) != document:
                    row = [msgspec.json.encode(treated).decode(), number]
                    control.execute("UPDATE revision SET document = ? WHERE number = ?", row)
                    changed += 1
        return changed

    def users(self) -> Sequence[User]:
        """Return everybody, by name."""
        with snapshot(self.path) as control:
            select = "SELECT name, role, password_hash FROM user ORDER BY name"
            rows = control.execute(select).fetchall() if control else []
        return [User(name=name, role=Role(role), password_hash=hash_) for name, role, hash_ in rows]

    @behind_others
    def put_user(self, user: User, *, ending: bool = False) -> None:
        """Add or change a user; `ending` ends all their credentials. Raises SettingsError."""
        with self.transaction() as control, _an_administrator_left(control):
            row = [user.name, user.role, user.password_hash]
            control.execute("INSERT OR REPLACE INTO user VALUES (?, ?, ?)", row)
            if ending:
                control.execute("DELETE FROM credential WHERE user = ?", [user.name])

    @behind_others
    def remove_user(self, name: str) -> None:
        """Remove a user, with all their credentials and views. Raises SettingsError."""
        with self.transaction() as control, _an_administrator_left(control):
            control.execute("DELETE FROM credential WHERE user = ?", [name])
            control.execute("DELETE FROM saved_view WHERE user = ?", [name])
            control.execute("DELETE FROM user WHERE name = ?", [name])

    def credentials(self, user: str) -> Sequence[Credential]:
        """Return a user's credentials that are good still, the newest first."""
        with snapshot(self.path) as control:
            select = f"{CREDENTIAL} WHERE user = ? AND expires_at > ? ORDER BY created_at DESC"
            return [_credential(row) for row in control.execute(select, [user, self.clock.now()])] if control else []

    @behind_others
    def put_credential(self, credential: Credential) -> None:
        """Keep a credential, and forget those that ran out."""
        c = credential
        with self.writing() as control:
            control.execute("DELETE FROM credential WHERE expires_at < ?", [self.clock.now()])
            row = [c.hash, c.kind, c.user, c.label, c.created_at, c.expires_at, c.scope]
            insert = f"INSERT OR REPLACE INTO credential ({CREDENTIAL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
            control.execute(insert, row)

    @behind_others
    def take_credential(self, hash_: str, *, remove: bool = False) -> Credential | None:
        """Return the credential of a hash, if there is one; `remove` ends it at the same time."""
        if not remove:
            with snapshot(self.path) as control:
                row = control.execute(f"{CREDENTIAL} WHERE hash = ?", [hash_]).fetchone() if control else None
            return _credential(row) if row else None
        with self.writing() as control:
            delete = f"DELETE FROM credential WHERE hash = ? RETURNING {CREDENTIAL_COLUMNS}"  # noqa: S608
            row = control.execute(delete, [hash_]).fetchone()
            return _credential(row) if row else None

    @behind_others
    def end_credentials(self, user: str, *, kinds: Collection[Kind]) -> int:
        """End all of a user's credentials of these kinds; return how many that were."""
        with self.writing() as control:
            marks = ", ".join("?" for _ in kinds)
            delete = f"DELETE FROM credential WHERE user = ? AND kind IN ({marks})"  # noqa: S608 - marks alone
            return rows_changed(control, delete, [user, *kinds])


@contextlib.contextmanager
def _an_administrator_left(control: SqliteConnection) -> Iterator[None]:
    """Do something about users in a transaction. Raises SettingsError when no user could administer any more."""
    before = control.execute(ADMINISTRATORS).fetchone()[0]
    yield
    if before and not control.execute(ADMINISTRATORS).fetchone()[0]:
        raise SettingsError(
            "role", expected="an administrator with a password", got="none left", hint="make another user one first"
        )


def _credential(row: Sequence[Any]) -> Credential:
    hash_, kind, user, label, created_at, expires_at, scope = row
    return Credential(
        hash=hash_,
        kind=Kind(kind),
        user=user,
        label=label,
        created_at=created_at,
        expires_at=expires_at,
        scope=scope,
    )
