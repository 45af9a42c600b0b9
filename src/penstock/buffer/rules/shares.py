"""Whose turn it is: how a limited number of places is shared between priorities. Pure.

Weighted fair queueing: each priority has a virtual time that grows by 1/share with every event handed out; the one that is
behind goes first. A share that is not used goes to the others, and a share with nothing to send saves no turns up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.buffer.port.backlog import Priority


class PriorityTurns:
    """Keeps the virtual times of one backlog; in memory, for a restart may begin a new round."""

    def __init__(self) -> None:
        self.spent: dict[Priority, float] = dict.fromkeys(Priority, 0.0)

    def pick(
        self, ready: Mapping[Priority, Sequence[Any]], *, limit: int, shares: Mapping[Priority, float]
    ) -> list[tuple[Priority, Any]]:
        """Return up to `limit` items, each priority's in its own order."""
        queues = {priority: list(reversed(items)) for priority, items in ready.items() if items}
        if not queues:
            return []  # no share's time passes
        idle = [priority for priority in Priority if priority not in queues]
        picked: list[tuple[Priority, Any]] = []
        now = 0.0
        while queues and len(picked) < limit:
            priority = min(queues, key=lambda each: (self.spent[each], each))
            picked.append((priority, queues[priority].pop()))
            now = self.spent[priority]
            self.spent[priority] += 1.0 / shares[priority]
            if not queues[priority]:
                del queues[priority]
        self._catch_up(idle, now)
        return picked

    def _catch_up(self, idle: Sequence[Priority], now: float) -> None:
        """Let time pass for those who had nothing to send, and keep the numbers small."""
        for priority in idle:
            self.spent[priority] = max(self.spent[priority], now)
        floor = min(self.spent.values())
        for priority in Priority:
            self.spent[priority] -= floor
