"""Who changes which records just now. Two events of one person can stand in different lanes only when one names no user id."""

import dataclasses

from penstock.deliver.errand import Errand
from penstock.destinations.answer import Throttled

# The second of them waits a moment.
BUSY_S = 0.5


class Busy:
    """The records of one destination that are being changed."""

    def __init__(self) -> None:
        #: By subject: the lease that changes its record.
        self.holders: dict[str, int] = {}

    def take(self, errand: Errand, token: int) -> bool:
        """Reserve the records an errand changes for a lease; False when another is changing one of them."""
        if any(self.holders.get(subject, token) != token for subject in errand.learned):
            return False
        self.holders |= dict.fromkeys(errand.learned, token)
        return True

    def reserved(self, errand: Errand, token: int) -> Errand:
        """Return an errand with its records reserved for a lease, or that it is not done now: nobody is to blame."""
        if errand.instead is not None or self.take(errand, token):
            return errand
        why = Throttled(BUSY_S, "another event of the same person or company is under way")
        return dataclasses.replace(errand, instead=why)

    def release(self, token: int) -> None:
        """Let others change the records of a lease."""
        self.holders = {subject: holder for subject, holder in self.holders.items() if holder != token}
