"""Receipts: what was asked, looked through and removed, signed (Ed25519, RFC 8032), with no name.

The key lies in the data folder; its public half is in each receipt, and shown on the page Privacy, so that who keeps receipts
elsewhere can tell whose they are.
"""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from penstock.errors import SettingsError
from penstock.privacy.requests import FOLDER

KEY_FILE, KEY_BYTES = "receipts.key", 32
ALGORITHM = "Ed25519"


class Seal:
    """The key that signs receipts of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FOLDER / KEY_FILE

    def public_key(self) -> str:
        """Return the public half, in base64; empty while nothing was ever signed. Raises SettingsError."""
        return _public(self._key()) if self.path.exists() else ""

    def signed(self, receipt: Mapping[str, Any]) -> dict[str, Any]:
        """Return a receipt with its signature. Raises SettingsError, OSError."""
        key = self._key()
        signature = base64.b64encode(key.sign(_text_of(receipt))).decode()
        return {"receipt": dict(receipt), "algorithm": ALGORITHM, "public_key": _public(key), "signature": signature}

    def written(self, receipt: Mapping[str, Any]) -> bytes:
        """Return a signed receipt as a file has it. Raises SettingsError, OSError."""
        return json.dumps(self.signed(receipt), indent=2, ensure_ascii=False).encode() + b"\n"

    def _key(self) -> Ed25519PrivateKey:
        if not self.path.exists():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(base64.b64encode(os.urandom(KEY_BYTES)))
                file.flush()
                os.fsync(file.fileno())
        try:
            return Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.path.read_bytes()))
        except ValueError as error:
            hint = "bring it back from a backup, or move it away: a new one is made, and old receipts keep their key"
            raise SettingsError(str(self.path), expected="32 bytes in base64", got="others", hint=hint) from error


def why_not(document: object, public_key: str = "") -> str:
    """Return why a receipt does not verify; empty when it does. With a `public_key`, it must be of that one."""
    if not isinstance(document, dict) or not {"receipt", "public_key", "signature"} <= document.keys():
        return "this is no receipt: it has no receipt, public_key and signature"
    if document.get("algorithm") != ALGORITHM:
        return f"the algorithm is not {ALGORITHM}"
    if public_key and document["public_key"] != public_key:
        return "it was signed with another key than the one of this data folder"
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(document["public_key"], validate=True))
        key.verify(base64.b64decode(document["signature"], validate=True), _text_of(document["receipt"]))
    except (InvalidSignature, ValueError, TypeError):
        return "the signature is not of what it says: it was changed, or is damaged"
    return ""


def _text_of(receipt: object) -> bytes:
    """Return what is signed: however it is laid out, a receipt that says the same has the same text."""
    return json.dumps(receipt, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
