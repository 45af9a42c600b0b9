"""A set of copies of one moment, made while everything runs, and how it comes back.

delivery.db is looked at first and the log after it, so that the set's log has every event that its delivery.db knows; what
came in between is in it too, and is sent after a restore like any new event. SQLite's online backup copies what was looked
at, however long it takes and whatever is written meanwhile.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from penstock.buffer.sqlite.at_rest import ring, sealed_keys, turning
from penstock.buffer.sqlite.at_rest.sealed_keys import synced
from penstock.buffer.sqlite.at_rest.secret import fingerprint_of
from penstock.buffer.sqlite.connections import SqliteConnection, connect
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, as_store_errors, snapshot
from penstock.buffer.sqlite.folder import FILES, IDENTITY
from penstock.buffer.sqlite.log.segments import events_before, first_seq, last_seq
from penstock.errors import BackupRefused, StoreDamaged

MANIFEST, SECRET_KEY = "backup.json", "secret.key"
#: Who is suppressed or was erased, and what was asked for and done about people.
SUPPRESSED, PRIVACY = "suppressed.list", "privacy"
OF_PRIVACY = (SUPPRESSED, f"{PRIVACY}/*.json", f"{PRIVACY}/*.key")
PAGES_A_STEP, BYTES_A_READ = 2_000, 1 << 20
# Retention may take events between the two looks; a second look has never needed a third.
LOOKS_MAX = 5
UNTIL = 2**62
SUMS = "SELECT name, received, (SELECT count(*) FROM waiting WHERE destination = name) FROM destination ORDER BY name"
Tell = Callable[[str], None]


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a set."""

    size_bytes: int
    sha256: str


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """One destination: received == waiting + the sum of outcomes."""

    received: int
    waiting: int
    outcomes: Mapping[str, int]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a set holds, and how a restore tells that it came back whole."""

    penstock: str
    #: Seconds since 1970.
    at: float
    folder: str
    files: Mapping[str, Copied]
    destinations: Mapping[str, Sums]
    #: The last number given in the log, and when the newest event in it was received, in ms since 1970; None without one.
    last_seq: int
    newest_received_at_ms: int | None
    #: The beginning of the key's SHA-256: tells whether a key at hand is the one that sealed the API keys. Empty without one.
    secret_key: str


def back_up(
    data_dir: Path, to: Path, *, at: float, version: str, secret_key: Path, with_key: bool, tell: Tell
) -> Manifest:
    """Copy the files of a data folder into a new one, encrypted as they are.

    Raises BackupRefused, BufferUnavailable, StoreDamaged, SettingsError without their key, FoldersMixed.
    """
    turning.require_whole(data_dir)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise BackupRefused(f"{to} is there already, and not empty")
    if not (data_dir / EVENTS).exists():
        raise BackupRefused(f"{data_dir} has no events.db: nothing was stored yet")
    unfinished = to.with_name(f".{to.name}.unfinished")
    with sentences(to), _made(unfinished):
        copy_keys(data_dir, unfinished)
        has_room(unfinished, sum(path.stat().st_size for name in FILES if (path := data_dir / name).exists()))
        with _views(data_dir) as views:
            for name, view in views.items():
                _copy(view, unfinished / name, tell)
            facts = _facts(views)
        if with_key and secret_key.exists():
            copy_file(secret_key, unfinished / SECRET_KEY)
        copy_privacy(data_dir, unfinished)
        files = {path.relative_to(unfinished).as_posix(): copied(path) for path in sorted(files_in(unfinished))}
        key = fingerprint(secret_key)
        manifest = msgspec.convert(
            facts | {"penstock": version, "at": at, "files": files, "secret_key": key}, Manifest, from_attributes=True
        )
        (unfinished / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        (unfinished / MANIFEST).chmod(0o600)
        synced(unfinished / MANIFEST)
        synced(unfinished)
        # Only a set that is whole has its name.
        unfinished.replace(to)
        synced(to.parent)
    return manifest


def facts_of(data_dir: Path) -> Mapping[str, object]:
    """Return what a folder holds, in the words of a manifest. Raises BufferUnavailable, StoreDamaged, FoldersMixed."""
    with _views(data_dir) as views:
        return _facts(views)


def fingerprint(secret_key: Path) -> str:
    """Return what tells the key in use from another, and nothing else of it; empty when there is none."""
    try:
        return fingerprint_of((secret_key.read_bytes().split() or [b""])[0])
    except OSError:
        return ""


@contextlib.contextmanager
def _views(data_dir: Path) -> Iterator[Mapping[str, SqliteConnection]]:
    """Look at all files at one moment: the log has every event that delivery.db waits with."""
    for _ in range(LOOKS_MAX):
        with contextlib.ExitStack() as stack:
            # In this order: what is looked at later is never behind.
            looks = {name: stack.enter_context(snapshot(data_dir / name)) for name in (DELIVERY, CONTROL, EVENTS)}
            views = {name: view for name, view in looks.items() if view is not None}
            absent = [name for name in FILES if name not in views and (data_dir / name).exists()]
            if absent:
                raise BackupRefused(f"{', '.join(absent)}: of another version; start this Penstock once, then back up")
            if _fits(views):
                yield views
                return
    raise BackupRefused("retention keeps removing events; try again in a minute")


def _fits(views: Mapping[str, SqliteConnection]) -> bool:
    """Return whether retention took nothing between the two looks that delivery.db, as it was seen, waits with."""
    if DELIVERY not in views:
        return True
    oldest_waiting = views[DELIVERY].execute("SELECT min(seq) FROM waiting").fetchone()[0]
    first = first_seq(views[EVENTS])
    # What is missing for good does not come back by looking again.
    return oldest_waiting is None or first is None or first <= oldest_waiting or _is_long_gone(views, oldest_waiting)


def _is_long_gone(views: Mapping[str, SqliteConnection], seq: int) -> bool:
    return (
        views[EVENTS].execute("SELECT 1 FROM epoch WHERE ? BETWEEN after_seq + 1 AND first_seq - 1", [seq]).fetchone()
        is not None
    )


def _facts(views: Mapping[str, SqliteConnection]) -> dict[str, object]:
    log, delivery = views[EVENTS], views.get(DELIVERY)
    newest = next(events_before(log, UNTIL), None)
    return {
        "folder": log.execute(IDENTITY).fetchone()[0],
        "destinations": dict(_sums(delivery)) if delivery else {},
        "last_seq": last_seq(log),
        "newest_received_at_ms": newest[1].received_at_ms if newest else None,
    }


def _sums(delivery: SqliteConnection) -> Iterator[tuple[str, Sums]]:
    for name, received, waiting in delivery.execute(SUMS).fetchall():
        tally = delivery.execute("SELECT outcome, count FROM tally WHERE destination = ? AND count", [name])
        yield name, Sums(received=received, waiting=waiting, outcomes=dict(tally))


def _copy(view: SqliteConnection, to: Path, tell: Tell) -> None:
    with as_store_errors(to.name), contextlib.closing(connect(to)) as copy:
        # Of an encrypted file only pages of the same size are taken over.
        copy.execute(f"PRAGMA page_size = {view.execute('PRAGMA page_size').fetchone()[0]}")
        with copy.backup("main", view, "main") as backup:
            while not backup.done:
                backup.step(PAGES_A_STEP)
                total = max(backup.page_count, 1)
                tell(f"{to.name}: {100 * (total - backup.remaining) // total} %")
        # One file, which can be read where nothing can be written.
        copy.execute("PRAGMA journal_mode = DELETE")
    to.chmod(0o600)
    synced(to)


def copied(path: Path) -> Copied:
    """Return what a manifest says of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while some := file.read(BYTES_A_READ):
            digest.update(some)
    return Copied(size_bytes=path.stat().st_size, sha256=digest.hexdigest())


def copy_file(from_: Path, to: Path) -> None:
    """Copy a file for its user alone, synced to disk. Raises OSError."""
    shutil.copyfile(from_, to)
    to.chmod(0o600)
    synced(to)


def copy_keys(data_dir: Path, to: Path) -> None:
    """Let the files of a folder that is still empty have the keys of another one. Raises OSError, SettingsError."""
    if (data_dir / sealed_keys.FILE).exists():
        copy_file(data_dir / sealed_keys.FILE, to / sealed_keys.FILE)
        ring.unlock_like(to, data_dir)


def copy_privacy(from_: Path, to: Path) -> None:
    """Copy what is known about suppressed and erased people; what is there already stays. Raises OSError."""
    for path in sorted(path for pattern in OF_PRIVACY for path in from_.glob(pattern)):
        there = to / path.relative_to(from_)
        there.parent.mkdir(mode=0o700, exist_ok=True)
        if not there.exists() and not path.name.startswith("."):
            copy_file(path, there)


def files_in(folder: Path) -> Iterator[Path]:
    """Yield every file of a set."""
    return (path for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder anew; whatever ends the body, a folder that kept this name is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def sentences(place: Path) -> Iterator[None]:
    """Say in a sentence what the system says of a place."""
    try:
        yield
    except OSError as error:
        raise BackupRefused(f"{error.filename or place}: {error.strerror}") from error
    except StoreDamaged as error:
        raise BackupRefused(
            f"{error.file} is damaged: {error.detail}; penstock doctor --repair saves what can be read"
        ) from error


def has_room(folder: Path, size_bytes: int) -> None:
    """Raise BackupRefused when a folder's disk has no room."""
    free = shutil.disk_usage(folder).free
    if free < size_bytes:
        raise BackupRefused(f"{size_bytes} bytes are needed in {folder.parent}, {free} are free")
