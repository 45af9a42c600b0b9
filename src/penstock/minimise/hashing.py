"""Values as a keyed hash: the same value is the same text, so that it can be counted, and cannot be guessed without the key. Pure."""

import hashlib
import hmac
import json

#: What a hash begins with, and how many bytes of it are kept: two values of a billion never meet.
BEGINNING, HASH_BYTES = "hmac:", 16
#: What the key is derived for; see settings/vault.py.
PURPOSE = b"values that are stored hashed"


class Hashing:
    """Hashes scalars of JSON with HMAC-SHA256."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def of_json(self, raw: bytes) -> bytes:
        """Return what stands for a scalar, as JSON. A number and the text of its digits are the same value."""
        text = json.loads(raw.decode("utf-8", errors="replace"), strict=False) if raw.startswith(b'"') else raw.decode()
        return f'"{self.of(text)}"'.encode()

    def of(self, text: str) -> str:
        """Return what stands for a text."""
        digest = hmac.digest(self.key, text.encode("utf-8", errors="surrogatepass"), hashlib.sha256)
        return BEGINNING + digest[:HASH_BYTES].hex()
