"""Browsers that knew a user's password once: a cookie that says so, good until that password is changed. Pure."""

import hashlib
import hmac
import secrets

DEVICE_S = 180 * 86_400
NONCE_CHARS_MAX = 64


def device_cookie(password_hash: str, name: str) -> str:
    """Return a fresh cookie for a browser that a user signed in with."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_signature(password_hash, name, nonce)}"


def device_of(cookie: str, password_hash: str, name: str) -> str:
    """Return which browser this is, if it knew the present password of this name; else nothing."""
    nonce, dot, given = cookie.partition(".")
    if not dot or not password_hash or not 0 < len(nonce) <= NONCE_CHARS_MAX:
        return ""
    expected = _signature(password_hash, name, nonce)
    return nonce if hmac.compare_digest(expected.encode(), given.encode()) else ""


def _signature(password_hash: str, name: str, nonce: str) -> str:
    # The hash has 128 bits of salt that no outsider knows: the cookie does not help to find the password.
    return hmac.new(password_hash.encode(), f"device\0{name}\0{nonce}".encode(), hashlib.sha256).hexdigest()
