"""encryption.key: what the files of a data folder are encrypted with, sealed with the secret key, which lies elsewhere.

A file that is there says that the folder is encrypted. Its key is drawn once, so that another secret key means this small file
written anew and no database touched. It is sealed by RFC 3394 (AES key wrap), which tells a wrong key from a right one, under a
key of its own that HKDF-SHA256 makes of the secret key.
"""

import base64
import binascii
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from penstock.buffer.sqlite.at_rest.secret import Secret, fingerprint_of
from penstock.errors import SettingsError

FILE = "encryption.key"
PURPOSE, KEY_BYTES = b"penstock: what files are encrypted with", 32
#: In the place of a key: files in the clear.
CLEAR = ""


class SealedKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. Keys are sealed, in base64; an empty one stands for files in the clear."""

    #: Which secret key seals them.
    secret_key: str
    to: str
    #: Files may still have this one: a change from it to `to` is under way, or was interrupted.
    former: str | None = None


class FileKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The same, opened: keys as hexadecimal texts."""

    to: str = CLEAR
    former: str | None = None

    @property
    def is_unfinished(self) -> bool:
        """Return whether some files may have the one key, and some the other."""
        return self.former is not None


def fresh_key() -> str:
    """Return a key that was never used."""
    return secrets.token_hex(KEY_BYTES)


def read(folder: Path) -> SealedKeys | None:
    """Return what a folder's files are encrypted with, still sealed; None when they are in the clear. Raises SettingsError."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=SealedKeys)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        hint = "bring it back from a backup of this folder: without it none of the files can be read"
        raise SettingsError(str(path), expected="the file that penstock wrote", got=str(error), hint=hint) from error


def opened(sealed: SealedKeys, vault: Secret, *, place: Path) -> FileKeys:
    """Return the keys of the files at a place. Raises SettingsError without the secret key that seals them."""
    secret = _secret(sealed, vault, place)
    former = None if sealed.former is None else _unwrapped(sealed.former, secret, place)
    return FileKeys(to=_unwrapped(sealed.to, secret, place), former=former)


def write(folder: Path, keys: FileKeys, vault: Secret) -> None:
    """Write keys down in one step, sealed with the secret key in use; files in the clear need none. Raises OSError, SettingsError."""
    path, unfinished = folder / FILE, folder / f".{FILE}"
    if keys == FileKeys():
        path.unlink(missing_ok=True)
    else:
        secret = vault.all(make=True)[0]
        former = None if keys.former is None else _wrapped(keys.former, secret)
        sealed = SealedKeys(secret_key=fingerprint_of(secret), to=_wrapped(keys.to, secret), former=former)
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(msgspec.json.encode(sealed))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    synced(folder)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder itself while inside: a lock that needs no file, and that no crash leaves behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def synced(path: Path) -> None:
    """Sync a file or a folder to disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _secret(sealed: SealedKeys, vault: Secret, place: Path) -> bytes:
    expected = f"the secret key with the fingerprint {sealed.secret_key}, which opens the files in {place}"
    hint = f"bring it back to {vault.path} from where it is kept, or add it there as a line; nothing was changed"
    if not vault.path.exists():
        raise SettingsError("secret_key_file", expected=expected, got=f"no file {vault.path}", hint=hint)
    keys = {fingerprint_of(key): key for key in vault.all()}
    if sealed.secret_key not in keys:
        raise SettingsError("secret_key_file", expected=expected, got=", ".join(keys), hint=hint)
    return keys[sealed.secret_key]


def _wrapping(secret: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=PURPOSE).derive(secret)


def _wrapped(key: str, secret: bytes) -> str:
    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    return base64.b64encode(aes_key_wrap(_wrapping(secret), bytes.fromhex(key))).decode() if key else CLEAR


def _unwrapped(text: str, secret: bytes, place: Path) -> str:
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

    try:
        return aes_key_unwrap(_wrapping(secret), base64.b64decode(text)).hex() if text else CLEAR
    except (InvalidUnwrap, binascii.Error, ValueError) as error:
        hint = "bring it back from a backup of this folder: without it none of the files can be read"
        raise SettingsError(
            str(place / FILE), expected="the file that penstock wrote", got="a changed one", hint=hint
        ) from error
