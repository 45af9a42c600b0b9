"""Links that mute one episode of a problem: signed, so that they work without signing in, and only for what they name."""

import base64
import binascii
import hmac
from collections.abc import Callable

import msgspec

from penstock.buffer.port.alerts import Episode, ProblemKey

SIGNATURE_BYTES, TOKEN_CHARS_MAX = 16, 1_000


class MuteLinks:
    """Makes and reads what stands at the end of such a link; `key` returns the secret it is signed with."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self.key = key

    def token(self, episode: Episode) -> str:
        """Return the token of an episode. Raises SettingsError when there is no key to sign with."""
        body = msgspec.json.encode([episode.rule, episode.subject, episode.number])
        return base64.urlsafe_b64encode(self._signature(body) + body).decode().rstrip("=")

    def opened(self, token: str) -> tuple[ProblemKey, int] | None:
        """Return which problem, and which time of it, a token names; None for one that is not ours. Raises SettingsError."""
        if len(token) > TOKEN_CHARS_MAX:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(body)):
            return None
        rule, subject, number = msgspec.json.decode(body, type=tuple[str, str, int])
        return (rule, subject), number

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self.key(), body, "sha256")[:SIGNATURE_BYTES]
