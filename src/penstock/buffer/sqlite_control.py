"""The dashboard's settings, users and journal on SQLite: control.db."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from penstock.buffer.control_port import Credential, Deed, Kind, Revision, Role, User
from penstock.buffer.sqlite import CONTROL, open_writer, snapshot
from penstock.buffer.sqlite_remembered import Remembered
from penstock.clock import Clock

REVISION = "SELECT number, at, changed_by, note, document FROM revision ORDER BY number DESC LIMIT ?"
CREDENTIAL_COLUMNS = "hash, kind, user, label, created_at, expires_at, scope"
CREDENTIAL = f"SELECT {CREDENTIAL_COLUMNS} FROM credential"  # noqa: S608 - our own constant

# Deeds that are kept; the oldest are forgotten first.
DEEDS_MAX = 10_000


class SqliteControl:
    """control.db in a data folder; see control_port.Revisions, Users and Journal."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.path, self.clock = data_dir / CONTROL, clock
        self.remembered = Remembered(self.path, clock=clock)

    def bring_up_to_date(self) -> None:
        """Bring a file of an older Penstock to the present schema, before anybody reads its settings."""
        if self.path.exists():
            with self._writing():
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

    def save(self, document: Mapping[str, Any], *, by: str, note: str) -> int:
        """Put a new revision in force; return its number."""
        row = [self.clock.now(), by, note, msgspec.json.encode(document).decode()]
        with self._writing() as control:
            insert = "INSERT INTO revision (at, changed_by, note, document) VALUES (?, ?, ?, ?)"
            return control.execute(insert, row).lastrowid or 0

    def users(self) -> Sequence[User]:
        """Return everybody, by name."""
        with snapshot(self.path) as control:
            select = "SELECT name, role, password_hash FROM user ORDER BY name"
            rows = control.execute(select).fetchall() if control else []
        return [User(name=name, role=Role(role), password_hash=hash_) for name, role, hash_ in rows]

    def put_user(self, user: User) -> None:
        """Add or change somebody."""
        with self._writing() as control:
            row = [user.name, user.role, user.password_hash]
            control.execute("INSERT OR REPLACE INTO user VALUES (?, ?, ?)", row)

    def remove_user(self, name: str) -> None:
        """Remove somebody, with all their credentials."""
        with self._writing() as control:
            control.execute("BEGIN IMMEDIATE")
            control.execute("DELETE FROM credential WHERE user = ?", [name])
            control.execute("DELETE FROM user WHERE name = ?", [name])
            control.execute("COMMIT")

    def credentials(self, user: str) -> Sequence[Credential]:
        """Return somebody's credentials, the newest first."""
        with snapshot(self.path) as control:
            select = f"{CREDENTIAL} WHERE user = ? ORDER BY created_at DESC"
            return [_credential(row) for row in control.execute(select, [user])] if control else []

    def put_credential(self, credential: Credential) -> None:
        """Keep a credential, and forget those that ran out."""
        c = credential
        with self._writing() as control:
            control.execute("DELETE FROM credential WHERE expires_at < ?", [self.clock.now()])
            row = [c.hash, c.kind, c.user, c.label, c.created_at, c.expires_at, c.scope]
            insert = f"INSERT OR REPLACE INTO credential ({CREDENTIAL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
            control.execute(insert, row)

    def take_credential(self, hash_: str, *, remove: bool = False) -> Credential | None:
        """Return the credential of a hash, if there is one; `remove` ends it at the same time."""
        if not remove:
            with snapshot(self.path) as control:
                row = control.execute(f"{CREDENTIAL} WHERE hash = ?", [hash_]).fetchone() if control else None
            return _credential(row) if row else None
        with self._writing() as control:
            delete = f"DELETE FROM credential WHERE hash = ? RETURNING {CREDENTIAL_COLUMNS}"  # noqa: S608
            row = control.execute(delete, [hash_]).fetchone()
            return _credential(row) if row else None

    def note(self, by: str, what: str) -> None:
        """Keep a sentence about what somebody did."""
        with self._writing() as control:
            control.execute("INSERT INTO deed VALUES (?, ?, ?)", [self.clock.now(), by, what])
            control.execute("DELETE FROM deed WHERE rowid <= (SELECT max(rowid) FROM deed) - ?", [DEEDS_MAX])

    def deeds(self, *, limit: int = 100) -> Sequence[Deed]:
        """Return what was done, the newest first."""
        with snapshot(self.path) as control:
            select = "SELECT at, who, what FROM deed ORDER BY at DESC, rowid DESC LIMIT ?"
            rows = control.execute(select, [limit]).fetchall() if control else []
        return [Deed(at=at, by=by, what=what) for at, by, what in rows]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(open_writer(self.path, checked=False)) as connection:
            yield connection


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
