"""Who changes which records just now. Two events of one person can stand in different lanes only when one names no user id."""

import dataclasses
from collections.abc import Collection

from penstock.deliver.dispatch import Dispatch
from penstock.destinations.answer import Throttled

# The second of them waits a moment.
BUSY_S = 0.5


class Busy:
    """The records of one destination that are being changed."""

    def __init__(self) -> None:
        #: By subject: the lease that changes its record.
        self.holders: dict[str, int] = {}
        #: By lease: whose records it changes.
        self.taken: dict[int, set[str]] = {}
        #: By lease that reads records: whose were changed since it began to.
        self.changed: dict[int, set[str]] = {}

    def begin(self, token: int) -> None:
        """From now on a lease reads records. Between that and `take` others go on, for it may ask the destination and wait."""
        self.changed[token] = set()

    def take(self, dispatch: Dispatch, token: int, read: Collection[str]) -> bool:
        """Reserve the records a dispatch changes for a lease, which read these.

        False when another is changing one of the former, or has changed one of the latter meanwhile.
        """
        is_held = any(self.holders.get(subject, token) != token for subject in dispatch.learned)
        if is_held or not self.changed[token].isdisjoint(read):
            return False
        if dispatch.learned:
            self.holders |= dict.fromkeys(dispatch.learned, token)
            self.taken.setdefault(token, set()).update(dispatch.learned)
        return True

    def reserved(self, dispatch: Dispatch, token: int, read: Collection[str]) -> Dispatch:
        """Return a dispatch with its records reserved for a lease, or that it is not done now, without blame."""
        if self.take(dispatch, token, read):
            return dispatch
        why = Throttled(BUSY_S, "another event of the same person or company is under way")
        # Nothing was sent, so there is nothing to doubt: least of all what the other one is changing.
        return dataclasses.replace(dispatch, instead=why, learned={})

    def release(self, token: int) -> None:
        """Let others change the records of a lease; who has read them is to read them again."""
        self.changed.pop(token, None)
        if (freed := self.taken.pop(token, None)) is None:
            return
        for changed in self.changed.values():
            changed.update(freed)
        for subject in freed:
            del self.holders[subject]
