"""The secret key as this folder needs it: bytes in a file, which seal and open the keys of the store's files."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from penstock.errors import SettingsError


class Secret(Protocol):
    """Where the secret key lies."""

    path: Path

    def all(self, *, make: bool = False) -> Sequence[bytes]:
        """Return the keys of the file, the one in use first; made new if there is none and `make` says so. Raises SettingsError."""


class SecretFile:
    """A secret key that is there to be read, and not made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self, *, make: bool = False) -> Sequence[bytes]:  # noqa: ARG002 - who reads alone makes nothing
        """Return the keys of the file. Raises SettingsError."""
        try:
            return self.path.read_bytes().split() or [b""]
        except OSError as error:
            raise SettingsError(
                "secret_key_file",
                expected="a readable key file",
                got=str(error.strerror),
                hint=f"bring {self.path} back",
            ) from error


def fingerprint_of(key: bytes) -> str:
    """Return what tells one key from another, and nothing else of it: the beginning of its SHA-256."""
    return hashlib.sha256(key).hexdigest()[:16]
