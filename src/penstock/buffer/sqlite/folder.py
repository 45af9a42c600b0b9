"""Which data folder a file belongs to: its files carry one identity, drawn once, so that no other file is taken for one.

Looked at whenever a file is opened. What a look found is kept while the file is the same, so that it costs three stats.
"""

import contextlib
import secrets
from pathlib import Path

from penstock.buffer.sqlite.at_rest.sealed_keys import held
from penstock.buffer.sqlite.connections import FILE_ERRORS, SqliteConnection, connect_to_read
from penstock.errors import FoldersMixed, SettingsError

FILES = ("events.db", "delivery.db", "control.db")
# What may be lost without an event being lost: it is in no backup, and goes aside when a set comes back.
BESIDE = "alerts.db"
# Lies in a data folder while a restore puts its files back.
UNFINISHED = "restore.unfinished"
IDENTITY = "SELECT identity FROM folder"
Stamp = tuple[int, int, int]
#: By path: what the file was like when its identity was read.
_seen: dict[Path, tuple[Stamp, str]] = {}


def join(connection: SqliteConnection, path: Path) -> str:
    """Return the identity of a file, after giving it its folder's if it had none.

    Raises FoldersMixed, SettingsError in the middle of a restore, apsw.Error.
    """
    if is_unfinished(path.parent):
        hint = "run penstock restore once more"
        raise SettingsError("data_dir", expected="files of one backup", got="a restore that was interrupted", hint=hint)
    identity: str = connection.execute(IDENTITY).fetchone()[0]
    if not identity:
        # Two processes may make two files at the same time; both must get the same.
        with held(path.parent):
            neighbours = (identity_of(path.with_name(name)) for name in FILES if name != path.name)
            fresh = next(filter(None, neighbours), "") or secrets.token_hex(8)
            connection.execute("UPDATE folder SET identity = ? WHERE identity = ''", [fresh])
            identity = connection.execute(IDENTITY).fetchone()[0]
    agree(path, identity)
    return identity


def is_unfinished(folder: Path) -> bool:
    """Return whether a restore into this folder was interrupted, so that its files may be of two sets."""
    return (folder / UNFINISHED).exists()


def agree(path: Path, identity: str) -> None:
    """Raise FoldersMixed when a file beside this one belongs to another data folder."""
    for name in FILES:
        other = identity_of(path.with_name(name)) if identity and name != path.name else ""
        if other and other != identity:
            raise FoldersMixed(path.parent, {path.name: identity, name: other})


def identity_of(path: Path) -> str:
    """Return the identity in a file; empty when there is none, or none that can be read now."""
    stamp = _stamp(path)
    if stamp is None:
        return ""
    seen = _seen.get(path)
    if seen is not None and seen[0] == stamp:
        return seen[1]
    identity = _read(path)
    if identity:
        _seen[path] = stamp, identity
    return identity


def _stamp(path: Path) -> Stamp | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _read(path: Path) -> str:
    try:
        with contextlib.closing(connect_to_read(path)) as connection:
            row = connection.execute(IDENTITY).fetchone()
    except FILE_ERRORS:
        # Of an older schema, locked or damaged: its writer brings it forward when it opens it, or says so.
        return ""
    return str(row[0]) if row else ""
