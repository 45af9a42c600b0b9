"""How the files of a folder come from one key to another, or to none: each is written anew beside itself, then takes its own place.

Both keys are in encryption.key as long as files may have either. So it can be broken off anywhere, and goes on when it is asked
for once more. Nothing else may use the folder meanwhile.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

from penstock.buffer.sqlite import connections
from penstock.buffer.sqlite.at_rest import ring, sealed_keys
from penstock.buffer.sqlite.at_rest.sealed_keys import CLEAR, FileKeys
from penstock.buffer.sqlite.at_rest.secret import Secret, fingerprint_of
from penstock.buffer.sqlite.file import as_store_errors
from penstock.buffer.sqlite.folder import BESIDE, FILES
from penstock.errors import BufferUnavailable, SettingsError


def is_interrupted(folder: Path) -> bool:
    """Return whether files of a folder may have different keys. Raises SettingsError."""
    return ring.keys_in(folder).is_unfinished


def require_whole(folder: Path) -> None:
    """Refuse a folder whose files may have different keys. Raises SettingsError."""
    if is_interrupted(folder):
        hint = "run penstock encrypt once more: it goes on where it was interrupted"
        raise SettingsError("data_dir", expected="files with one key", got="a change that was interrupted", hint=hint)


def encrypt(folder: Path, vault: Secret, tell: Callable[[str], None]) -> None:
    """Encrypt the files of a folder that has them in the clear. Raises SettingsError, BufferUnavailable, StoreDamaged, OSError."""
    finish(folder, vault, tell)
    if ring.keys_in(folder).to == CLEAR:
        _change(folder, vault, FileKeys(to=sealed_keys.fresh_key(), former=CLEAR), tell)


def decrypt(folder: Path, vault: Secret, tell: Callable[[str], None]) -> None:
    """Bring the files of a folder into the clear. Raises as `encrypt` does."""
    finish(folder, vault, tell)
    if (key := ring.keys_in(folder).to) != CLEAR:
        _change(folder, vault, FileKeys(to=CLEAR, former=key), tell)


def change_key(folder: Path, vault: Secret, tell: Callable[[str], None]) -> None:
    """Encrypt the files of a folder with another key; one that was interrupted is only finished. Raises as `encrypt` does."""
    if is_interrupted(folder):
        finish(folder, vault, tell)
    elif (key := ring.keys_in(folder).to) != CLEAR:
        _change(folder, vault, FileKeys(to=sealed_keys.fresh_key(), former=key), tell)


def finish(folder: Path, vault: Secret, tell: Callable[[str], None]) -> None:
    """Go on with what was interrupted, if anything was. Raises as `encrypt` does."""
    keys = ring.keys_in(folder)
    if not keys.is_unfinished:
        return
    for path in folder.glob(f"*{ring.TURNED}*"):
        path.unlink()
    _has_room(folder)
    for path in _files(folder):
        if not _has_key(path, keys.to):
            _turn(path, keys.to, tell)
            tell(f"{path.name}: done")
    sealed_keys.write(folder, FileKeys(to=keys.to), vault)
    tell(f"{folder}: {'encrypted' if keys.to else 'in the clear'}")


def reseal(folder: Path, vault: Secret) -> bool:
    """Seal the key of a folder with the secret key in use, where a former one still does; return whether that was so.

    Raises SettingsError, OSError.
    """
    sealed = sealed_keys.read(folder)
    if sealed is None or sealed.secret_key == fingerprint_of(vault.all()[0]):
        return False
    with sealed_keys.held(folder):
        sealed_keys.write(folder, ring.keys_in(folder), vault)
    return True


def left_in_the_clear(folder: Path) -> list[str]:
    """Return the SQLite files of a folder, and of folders in it, that can be read by who has the disk."""
    places = (path for path in sorted(folder.rglob("*.db*")) if path.is_file())
    return [str(path.relative_to(folder)) for path in places if ring.head_of(path).startswith(ring.IN_THE_CLEAR)]


def _change(folder: Path, vault: Secret, keys: FileKeys, tell: Callable[[str], None]) -> None:
    _has_room(folder)
    sealed_keys.write(folder, keys, vault)
    tell(f"{folder}: begun")
    finish(folder, vault, tell)


def _files(folder: Path) -> list[Path]:
    return [path for name in (*FILES, BESIDE) if (path := folder / name).exists()]


def _has_room(folder: Path) -> None:
    """Raise BufferUnavailable when the largest file has no room beside itself."""
    needed = max((_size(path) for path in _files(folder)), default=0)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BufferUnavailable(
            f"{needed} bytes are needed in {folder}, {free} are free: each file is written anew beside itself"
        )


def _size(path: Path) -> int:
    return sum(each.stat().st_size for each in (path, path.with_name(f"{path.name}-wal")) if each.exists())


def _has_key(path: Path, key: str) -> bool:
    if ring.head_of(path).startswith(ring.IN_THE_CLEAR):
        return key == CLEAR
    return key != CLEAR and connections.fits(path, key)


def _turn(path: Path, key: str, tell: Callable[[str], None]) -> None:
    """Write a file anew with a key, and put it in its own place."""
    turned = path.with_name(path.name + ring.TURNED)
    tell(f"{path.name}: {path.stat().st_size} bytes are written anew")
    with as_store_errors(path.name), contextlib.closing(connections.connect(path)) as connection:
        # One file, so that no write-ahead log is left that another key opens.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        with _unsaid():
            connection.execute(f"VACUUM INTO '{connections.address_with_key(turned, key)}'")
    turned.chmod(0o600)
    sealed_keys.synced(turned)
    tell(f"{path.name}: written")
    turned.replace(path)
    sealed_keys.synced(path.parent)


@contextlib.contextmanager
def _unsaid() -> Iterator[None]:
    """Take the sentence from what SQLite raises: it may have the address of a file, and that its key."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError):
        raise apsw.CorruptError(
            "its pages cannot all be read; penstock doctor --repair saves what can be read"
        ) from None
    except apsw.Error as error:
        raise apsw.SQLError(f"it cannot be written anew: {type(error).__name__}") from None
