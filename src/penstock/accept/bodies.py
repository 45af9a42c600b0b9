"""Reads the bodies of requests, within bounds, and unpacks them, within bounds."""

from collections.abc import Awaitable
from typing import Any, Protocol

from penstock.accept import sdk_request

# A client that is still sending cannot read why it is refused; so much more is read and forgotten before we hang up.
DISCARDED_BYTES_MAX = 64 * 1024 * 1024


class Protocol_(Protocol):  # noqa: N801 - RSGI's own word
    """The part of granian's RSGI HTTP protocol that is used; see its documentation."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""

    def __aiter__(self) -> Any:
        """Yield the body in chunks."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Answer without a body."""


class Bodies:
    """Reads the bodies of one process's requests."""

    def __init__(self, *, body_bytes_max: int) -> None:
        self.body_bytes_max = body_bytes_max

    async def read(self, scope: Any, protocol: Protocol_) -> bytes:
        """Read the body within bounds, and unpack it within bounds. Raises SdkError."""
        bytes_max = self.body_bytes_max
        length = scope.headers.get("content-length")
        if length is not None and length.isdigit() and int(length) <= bytes_max:
            # The usual case: the server holds the sender to the length it named.
            return self._plain(await protocol(), scope)
        chunks, size = [], 0
        async for chunk in protocol:
            size += len(chunk)
            if size <= bytes_max:
                chunks.append(chunk)
            elif size > bytes_max + DISCARDED_BYTES_MAX:
                break
        if size > bytes_max:
            raise sdk_request.TOO_LARGE
        return self._plain(b"".join(chunks), scope)

    def _plain(self, body: bytes, scope: Any) -> bytes:
        if scope.headers.get("content-encoding") == "gzip":
            return sdk_request.inflated(body, bytes_max=self.body_bytes_max)
        return body
