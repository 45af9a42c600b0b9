"""A secret that requests are signed with, as people write it: as Standard Webhooks says."""

import base64
import binascii
import secrets

PREFIX = "whsec_"
# The specification's own bounds: 24 to 64 bytes.
SECRET_BYTES_MIN, SECRET_BYTES_MAX, FRESH_SECRET_BYTES = 24, 64, 32


def secret_of(text: str) -> bytes:
    """Read a secret, with its prefix or without. Raises ValueError with what was expected."""
    expected = f"{PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes in base64"
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(expected) from None
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise ValueError(expected)
    return secret


def fresh_secret() -> str:
    """Return a secret that cannot be guessed."""
    return PREFIX + base64.b64encode(secrets.token_bytes(FRESH_SECRET_BYTES)).decode()
