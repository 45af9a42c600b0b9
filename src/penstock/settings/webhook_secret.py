"""A webhook's secret as people write it: as Standard Webhooks says. Pure."""

import base64
import binascii

PREFIX = "whsec_"
# The specification's own bounds: 24 to 64 bytes.
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64


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
