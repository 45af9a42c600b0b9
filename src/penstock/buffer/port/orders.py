"""What people ask of deliver."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from penstock.buffer.port.control import Nudges
from penstock.buffer.port.selection import Selection


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOrder:
    """A replay that a person asked for."""

    id: int
    destination: str
    selection: Selection
    #: Seconds since 1970.
    asked_at: float
    asked_by: str
    #: A person stopped it; what it put back is still delivered.
    stopped: bool
    #: Its tracks get a new id by which the destination tells repeats: those that it has count once more there.
    fresh_ids: bool = False


class Orders(Nudges, Protocol):
    """What people ask of deliver. deliver follows within a second, or when it is started."""

    def ask_replay(self, destination: str, selection: Selection, *, by: str, fresh_ids: bool = False) -> int:
        """Order a replay of what has ended so far; return its number. `fresh_ids` is as in ReplayOrder."""

    def stop_replay(self, job: int, *, stopped: bool) -> bool:
        """Stop a replay, or let it go on; return whether there is such a replay."""

    def replays(self) -> Sequence[ReplayOrder]:
        """Return all replays, the newest first."""

    def pause(self, destination: str, *, paused: bool, by: str, discard: bool = False) -> None:
        """Let a destination rest, or go on. Its backlog is kept, and no event grows old meanwhile.

        With `discard`, what waits for it ends as dead once it is removed or disabled; it can be replayed.
        """

    def paused(self) -> Mapping[str, str]:
        """Return who paused what: person by destination."""

    def discarded(self) -> Sequence[str]:
        """Return the destinations whose backlog was given up."""
