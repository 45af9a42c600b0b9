"""The leases of one backlog. They live in memory: the process that leases is the only owner, and a crash returns all."""

import collections
import dataclasses
import itertools
from collections.abc import Callable, Sequence

from penstock.buffer.port.backlog import Lease
from penstock.errors import LeaseLost
from penstock.event import Event


class Leases:
    """Who holds what, until when; by position in the backlog."""

    def __init__(self) -> None:
        self.tokens = itertools.count(1)
        # The writer's thread looks at it while leases end on the event loop: a loop over it goes over a copy.
        self.held: dict[int, Lease] = {}
        #: By the token of each of them.
        self.positions: dict[int, int] = {}
        #: Leases that ran out count as attempts; they are added when the event is handed out again.
        self.ran_out: collections.Counter[int] = collections.Counter()

    def __contains__(self, position: object) -> bool:
        return position in self.held

    def __len__(self) -> int:
        return len(self.held)

    def grant(
        self,
        position: int,
        *,
        event: Event,
        seq: int,
        attempt: int,
        first_failed_at: float | None,
        expires_at: float,
        parked_at: float | None = None,
        replay: int = 0,
        is_anew: bool = False,
    ) -> Lease:
        """Return a new lease."""
        lease = self.held[position] = Lease(
            event=event,
            seq=seq,
            attempt=attempt + self.ran_out[position],
            first_failed_at=first_failed_at,
            token=next(self.tokens),
            expires_at=expires_at,
            parked_at=parked_at,
            replay=replay,
            is_anew=is_anew,
        )
        self.positions[lease.token] = position
        return lease

    def with_followers(self, first: Lease, followers: Sequence[Lease]) -> Lease:
        """Return a lease again, with those that were leased along with it."""
        position = self.position(first, float("-inf"))
        self.held[position] = dataclasses.replace(first, followers=tuple(followers))
        return self.held[position]

    def followers(self, lease: Lease) -> Sequence[Lease]:
        """Return what is leased along with a lease by now: its holder may not know of the last ones."""
        position = self.positions.get(lease.token)
        return () if position is None else self.held[position].followers

    def expire(self, now: float) -> list[int]:
        """Take back what ran out, and return where those events wait."""
        taken = list[int]()
        for position, lease in tuple(self.held.items()):
            # The event loop may have ended it just now, with a verdict that knows of all its attempts.
            if lease.expires_at <= now and self.held.pop(position, None) is not None:
                del self.positions[lease.token]
                self.ran_out[position] += 1
                taken.append(position)
        return taken

    def position(self, lease: Lease, now: float) -> int:
        """Return where the leased event waits. Raises LeaseLost if the lease ran out or was given away again."""
        position = self.positions.get(lease.token)
        if position is None or lease.expires_at <= now:
            raise LeaseLost(f"the lease of {lease.event.message_id} ran out")
        return position

    def end(self, lease: Lease, now: float) -> int:
        """Take a lease back with its verdict, and return where the event waits. Raises LeaseLost."""
        position = self.position(lease, now)
        self.held.pop(position, None)
        self.positions.pop(lease.token, None)
        del self.ran_out[position]
        return position


def within(bytes_max: int) -> Callable[[Event], bool]:
    """Return what takes events one after the other while their bodies are no larger than that together."""
    left = bytes_max

    def takes(event: Event) -> bool:
        nonlocal left
        left -= len(event.body)
        return left >= 0

    return takes
