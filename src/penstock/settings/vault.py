"""Secrets at rest: keys and secrets of destinations that were entered in the dashboard, sealed with a key that lies in a file of its own.

The file has a key a line. The first one seals; those below it were the first once, and still open what they sealed.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import SettingsError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet

SEALED = "sealed:"


class Vault:
    """Seals texts with one key and opens them with this or a former one (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def seal(self, text: str) -> str:
        """Return the text so that only this vault can read it."""
        return SEALED + self._fernet(make=True).encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return what was sealed; a text that is not sealed is returned as it is. Raises SettingsError."""
        if not sealed.startswith(SEALED):
            return sealed
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet(make=False).decrypt(sealed.removeprefix(SEALED).encode()).decode()
        except InvalidToken as error:
            raise self._problem("the key that sealed the secrets", "another key") from error

    def renewed(self, sealed: str) -> str:
        """Return what was sealed with a former key, sealed with the one in use; as it is, what is, and what no key of the file opens.

        Raises SettingsError.
        """
        from cryptography.fernet import Fernet, InvalidToken

        token = sealed.removeprefix(SEALED).encode()
        try:
            return (
                sealed
                if _opens(Fernet(self.all()[0]), token)
                else SEALED + self._fernet(make=False).rotate(token).decode()
            )
        except InvalidToken:
            return sealed

    def derived(self, purpose: bytes) -> bytes:
        """Return 64 bytes that only who has the key can make, others for each purpose. Raises SettingsError.

        Of the last key of the file: digests cannot be made anew for names that nobody has any more.
        """
        return hmac.new(self.all(make=True)[-1], purpose, hashlib.sha512).digest()

    def all(self, *, make: bool = False) -> Sequence[bytes]:
        """Return the keys of the file, the one in use first. Raises SettingsError."""
        self._fernet(make=make)
        return self._lines()

    def _lines(self) -> Sequence[bytes]:
        return self.path.read_bytes().split() or (b"",)

    def _fernet(self, *, make: bool) -> "MultiFernet":
        # A twentieth of what a process takes to begin, and without a dashboard's settings nothing is sealed.
        from cryptography.fernet import Fernet, MultiFernet

        if make and not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Made with its final rights: it cannot be opened in between.
            with os.fdopen(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(Fernet.generate_key())
        try:
            return MultiFernet([Fernet(line) for line in self._lines()])
        except OSError as error:
            raise self._problem("a readable key file", str(error.strerror)) from error
        except ValueError as error:
            raise self._problem("a Fernet key a line: 32 bytes in base64", "something else") from error

    def _problem(self, expected: str, got: str) -> SettingsError:
        hint = f"bring {self.path} back from the backup, or enter the destinations' keys and secrets again"
        return SettingsError("secret_key_file", expected=expected, got=got, hint=hint)


def _opens(key: "Fernet", token: bytes) -> bool:
    from cryptography.fernet import InvalidToken

    try:
        key.decrypt(token)
    except InvalidToken:
        return False
    return True
