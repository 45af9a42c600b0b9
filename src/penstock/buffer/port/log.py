"""Where events are appended: accept's end of the store."""

from collections.abc import Sequence
from typing import Protocol

from penstock.event import Batch

#: Later than any place in the log.
SEQ_MAX = 2**63 - 1


class Log(Protocol):
    """accept's end: append only."""

    async def append(self, batches: Sequence[Batch]) -> int:
        """Store all events of some batches, one at least, or none, and return how many were new.

        When this returns, they are synced to disk. A (source, message_id) seen before is not stored again.
        Raises BufferUnavailable when the disk or the buffer's limit does not allow it; ShareUsedUp when a source among
        them has as much in store as it may have, which is no other source's trouble. Nothing is kept then.
        """
