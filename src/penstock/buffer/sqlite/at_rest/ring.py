"""Which key opens a file: asked whenever one is opened, so that a folder is read as it is now.

A process says once where the secret key of a folder lies; without that it is looked for in the default place, within.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import apsw

from penstock.buffer.sqlite.at_rest import sealed_keys
from penstock.buffer.sqlite.at_rest.sealed_keys import CLEAR, FileKeys
from penstock.buffer.sqlite.at_rest.secret import Secret, SecretFile
from penstock.errors import SettingsError

#: AEGIS-256 of SQLite3 Multiple Ciphers: each page has its own nonce and tag; see docs/decisions/0053-encrypted-at-rest.md.
CIPHER = "aegis"
#: What the cipher keeps free at the end of each page, for both.
RESERVED_BYTES = 64
IN_THE_CLEAR, HEAD_BYTES = b"SQLite format 3\0", 24
#: What a file is called that is written anew beside the one in whose place it will be.
TURNED = ".turned"
#: Bytes 21 to 23 of every SQLite file, encrypted or not: https://sqlite.org/fileformat.html#the_database_header.
FRACTIONS = bytes([64, 32, 32])


@dataclasses.dataclass(frozen=True, slots=True)
class _Ring:
    vault: Secret
    #: Whether a folder without files is to have encrypted ones.
    encrypts_new: bool


_rings: dict[Path, _Ring] = {}
#: By folder: what encryption.key was like when it was opened.
_seen: dict[Path, tuple[tuple[int, int, int], FileKeys]] = {}


def unlock(folder: Path, vault: Secret, *, encrypts_new: bool = False) -> FileKeys:
    """Say where the secret key of a folder lies; return the keys of its files. Raises SettingsError when it does not open them."""
    folder = folder.absolute()
    _rings[folder] = _Ring(vault, encrypts_new)
    return keys_in(folder)


def unlock_like(folder: Path, other: Path) -> None:
    """Let a folder have its secret key where another one has it."""
    _rings[folder.absolute()] = _Ring(vault_of(other), encrypts_new=False)


def vault_of(folder: Path) -> Secret:
    """Return where the secret key of a folder lies."""
    ring = _rings.get(folder.absolute())
    return ring.vault if ring else SecretFile(folder / "secret.key")


def keys_in(folder: Path) -> FileKeys:
    """Return the keys of a folder's files. Raises SettingsError."""
    folder = folder.absolute()
    try:
        facts = (folder / sealed_keys.FILE).stat()
    except OSError:
        return FileKeys()
    stamp = facts.st_ino, facts.st_mtime_ns, facts.st_size
    seen = _seen.get(folder)
    if seen is None or seen[0] != stamp:
        sealed = sealed_keys.read(folder)
        keys = FileKeys() if sealed is None else sealed_keys.opened(sealed, vault_of(folder), place=folder)
        _seen[folder] = seen = stamp, keys
    return seen[1]


def begin(path: Path) -> None:
    """Draw the key of a folder that is to be encrypted and has no file yet, before its first one is made."""
    folder = path.parent.absolute()
    ring = _rings.get(folder)
    if ring is not None and ring.encrypts_new and _is_new(folder):
        # Two processes may make two files at the same time; both must get the same.
        with sealed_keys.held(folder):
            if _is_new(folder):
                sealed_keys.write(folder, FileKeys(to=sealed_keys.fresh_key()), ring.vault)


def keys_of(path: Path) -> Sequence[str]:
    """Return the keys one of which opens a file, the likeliest first; CLEAR is none. Raises SettingsError for a file of another folder."""
    keys, head = keys_in(path.parent), head_of(path)
    if keys.is_unfinished and head.startswith(IN_THE_CLEAR):
        return [CLEAR]
    if keys.is_unfinished and head:
        return [key for key in (keys.to, keys.former) if key]
    _refuse_strangers(path, keys, head)
    return [keys.to]


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file; none when it is not there, or cannot be read.

    Read through SQLite's own way to files: to open and close one otherwise loses the locks that the process has on it
    (https://sqlite.org/howtocorrupt.html, 2.2), and another process would take away the log that is still written.
    """
    try:
        file = apsw.VFSFile("unix", str(path.absolute()), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
    except apsw.Error:
        return b""
    try:
        return file.xRead(HEAD_BYTES, 0)
    except apsw.Error:
        return b""
    finally:
        file.xClose()


def is_encrypted(head: bytes) -> bool:
    """Return whether a file begins as one of ours that is encrypted: what is known of its pages is not."""
    return head[20:HEAD_BYTES] == bytes([RESERVED_BYTES]) + FRACTIONS and not head.startswith(IN_THE_CLEAR)


def _is_new(folder: Path) -> bool:
    return not (folder / sealed_keys.FILE).exists() and not any(folder.glob("*.db"))


def _refuse_strangers(path: Path, keys: FileKeys, head: bytes) -> None:
    place = path.parent / sealed_keys.FILE
    if keys.to == CLEAR and is_encrypted(head):
        hint = (
            "bring it back from a backup of this folder: without it none of the files can be read; nothing was changed"
        )
        raise SettingsError(
            "data_dir", expected=f"{place}, for {path.name} is encrypted", got="no such file", hint=hint
        )
    if keys.to != CLEAR and head.startswith(IN_THE_CLEAR):
        raise SettingsError(
            "data_dir",
            expected=f"an encrypted {path.name} beside {place}",
            got="one in the clear",
            hint="put files that belong together there: the set of one backup, with penstock restore; nothing was changed",
        )
