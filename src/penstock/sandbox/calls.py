"""Every call received, in order; the newest are kept, all are counted. Keys are never among it."""

import collections
import itertools
from typing import Literal

import msgspec

CALLS_MAX = 100_000
#: Of all bodies kept; a body larger than BODY_BYTES_MAX is not kept, only measured.
BODIES_BYTES_MAX = 256 * 1024 * 1024
BODY_BYTES_MAX = 64 * 1024

Key = Literal["accepted", "rejected", "missing"]


class Entry(msgspec.Struct, kw_only=True):
    """One call, and how it was answered."""

    #: 1 for the first call ever received.
    n: int
    at: float
    method: str
    path: str
    query: dict[str, str]
    body: bytes
    body_bytes: int
    key: Key
    #: None until it is answered, and for good if the answer was cut off.
    status: int | None = None
    notes: tuple[str, ...] = ()


class CallLog:
    """The calls, oldest first."""

    def __init__(self, *, calls_max: int = CALLS_MAX) -> None:
        self._calls_max = calls_max
        self.clear()

    def clear(self) -> None:
        """Forget all calls and begin to count anew."""
        self._entries: collections.deque[Entry] = collections.deque()
        self.total, self._bytes = 0, 0

    def add(self, *, at: float, method: str, path: str, query: dict[str, str], body: bytes, key: Key) -> Entry:
        """Note a call; the caller fills in how it was answered."""
        self.total += 1
        kept = body if len(body) <= BODY_BYTES_MAX else b""
        entry = Entry(
            n=self.total, at=at, method=method, path=path, query=query, body=kept, body_bytes=len(body), key=key
        )
        self._entries.append(entry)
        self._bytes += len(kept)
        while len(self._entries) > self._calls_max or self._bytes > BODIES_BYTES_MAX:
            self._bytes -= len(self._entries.popleft().body)
        return entry

    def after(self, n: int, *, limit: int) -> list[Entry]:
        """Return up to `limit` calls that came after call `n`, oldest first."""
        first = self._entries[0].n if self._entries else 1
        start = max(0, n + 1 - first)
        return list(itertools.islice(self._entries, start, start + limit))

    def newest(self, limit: int) -> list[Entry]:
        """Return up to `limit` calls, newest first."""
        return list(itertools.islice(reversed(self._entries), limit))
