"""How often each role ended and was started again: written by the supervisor, read by the other roles."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import structlog

from penstock.clock import Clock, boot_id
from penstock.machine.pulse import RoleStatus
from penstock.machine.snapshot import Snapshots

log = structlog.get_logger()

FILE = "serve"
# So often within this time is not bad luck: the role cannot do its work.
AGAIN_TIMES, AGAIN_S = 3, 60.0
# Ends that are told apart; the others are counted.
REMEMBERED_MAX = 10


@dataclasses.dataclass(slots=True)
class Ends:
    """The unexpected ends of one role since `penstock serve` was started."""

    count: int = 0
    code: int = 0
    #: When the last of them were, in steady seconds, which begin with the start of the machine.
    at: list[float] = dataclasses.field(default_factory=list)

    def note(self, code: int, now: float) -> None:
        """Count one."""
        self.count, self.code = self.count + 1, code
        self.at = [*self.at, now][-REMEMBERED_MAX:]

    def lately(self, now: float) -> int:
        """Return how many there were within AGAIN_S."""
        return sum(now - at < AGAIN_S for at in self.at)


class EndsBook:
    """The ends of all roles, in a snapshot."""

    def __init__(self, roles: Sequence[str], write: Callable[[str, Mapping[str, object]], None]) -> None:
        self.ends, self._write = {role: Ends() for role in roles}, write
        self.write()

    def note(self, role: str, code: int, now: float) -> None:
        """Count that a role ended, though it was not asked to."""
        self.ends[role].note(code, now)
        self.write()

    def write(self) -> None:
        """Leave it to be looked at; on a full disk that waits for the next time."""
        try:
            self._write(
                FILE, {"boot": boot_id(), **{role: dataclasses.asdict(ends) for role, ends in self.ends.items()}}
            )
        except OSError as error:
            log.warning("snapshot_not_written", reason=str(error))


def read_ends(snapshots: Snapshots, *, clock: Clock) -> Mapping[str, tuple[Ends, int]]:
    """Return the ends of each role, and how many there were lately; nothing of an earlier start of the machine."""
    found = snapshots.read(FILE)
    if found.pop("boot", None) != boot_id():
        return {}
    ends = {role: Ends(**cast("dict[str, object]", facts)) for role, facts in found.items()}  # type: ignore[arg-type]
    return {role: (each, each.lately(clock.steady())) for role, each in ends.items()}


def with_ends(status: RoleStatus, found: tuple[Ends, int]) -> RoleStatus:
    """Return how a role is, knowing how often it ended."""
    ends, lately = found
    status = dataclasses.replace(status, restarts=ends.count)
    if status.state not in {"running", "down"} or lately < AGAIN_TIMES:
        return status
    return dataclasses.replace(status, state="restarting", ended_lately=lately, ended_with=ends.code)
