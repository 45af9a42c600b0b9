"""The names under which destinations have a backlog, a history and a ledger; see deliver/naming.py."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a destination that was served under some name."""

    #: Where it sent to, and for which account; empty where an older Penstock did not note it.
    origin: str
    account: str
    #: The sources that fed it.
    sources: Collection[str]


class Names(Protocol):
    """All that was ever served, by name."""

    def known(self) -> Mapping[str, Known]:
        """Return what was served. Raises BufferUnavailable, StoreDamaged."""

    async def rename(self, old: str, new: str) -> None:
        """Let all that is kept under a name, and all that people asked for it, be kept under another one, which has nothing.

        All or nothing in the backlog. No process may serve either meanwhile. Raises BufferUnavailable.
        """
