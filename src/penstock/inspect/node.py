"""How this node stands among several machines, as deliver left word of it."""

import dataclasses
from collections.abc import Mapping

import msgspec

from penstock.machine.snapshot import Snapshots

# Messages that are taken in within a second or two; more is worth a word.
BEHIND_MAX = 1_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NodeAmongOthers:
    """One of several machines."""

    name: str
    engine: str
    #: The node that owns the destinations; empty while none does.
    owner: str = ""
    is_owner: bool = False
    #: By stream: by how many messages this node's file is behind it, at most: numbers may leave some out.
    behind: Mapping[str, int] = dataclasses.field(default_factory=dict)
    #: Why the engine cannot be asked now; empty when it can.
    trouble: str = ""

    def in_words(self) -> str:
        """Return this as one sentence says it."""
        owner = "it owns the destinations" if self.is_owner else f"owner {self.owner}" if self.owner else "no owner"
        behind = ", ".join(f"{stream} {count} behind" for stream, count in self.behind.items())
        return f"{self.name} over {self.engine}, {owner}{'; ' if behind else ''}{behind}"

    def notices(self) -> list[str]:
        """Return what people must know of it, as sentences."""
        found = (
            [f"the engine is out of reach, what is shown here is from before: {self.trouble}"] if self.trouble else []
        )
        for stream, count in self.behind.items():
            if count > BEHIND_MAX:
                found.append(
                    f"this node is behind by up to {count} messages of {stream}: what is shown here is from before"
                )
        return found


def node_status(snapshots: Snapshots, *, engine: str) -> NodeAmongOthers | None:
    """Return how this node stands; None on one machine, and before deliver has said."""
    if engine == "sqlite":
        return None
    try:
        return msgspec.convert(snapshots.read("node"), NodeAmongOthers)
    except msgspec.ValidationError:
        return None
