"""Values as a keyed hash: the same value is the same text, so that it can be counted, and cannot be guessed without the key. Pure."""

import hashlib
import hmac
import json
import re

from penstock.placeholders import HASH_BEGINNING, HASH_BYTES, plain_email

#: What the key is derived for; see settings/vault.py.
PURPOSE = b"values that are stored hashed"
# Written in capitals, or with a space behind it, it is the same address: a search by its hash does not know how it was written.
_ADDRESS = re.compile(r"\s*[^\s@]+@[^\s@]+\s*")


class Hashing:
    """Hashes scalars of JSON with HMAC-SHA256."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def of_json(self, raw: bytes) -> bytes:
        """Return what stands for a scalar, as JSON. A number and the text of its digits are the same value."""
        text = json.loads(raw.decode("utf-8", errors="replace"), strict=False) if raw.startswith(b'"') else raw.decode()
        return f'"{self.of(text)}"'.encode()

    def of(self, text: str) -> str:
        """Return what stands for a text. An e-mail address is the same however it is written."""
        text = plain_email(text) if _ADDRESS.fullmatch(text) else text
        digest = hmac.digest(self.key, text.encode("utf-8", errors="surrogatepass"), hashlib.sha256)
        return HASH_BEGINNING + digest[:HASH_BYTES].hex()
