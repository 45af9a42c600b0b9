"""Whether a role's loop turns, and which event it is at: a few bytes in a file that is mapped into memory.

To write there is a store into memory: no call of the system, and nothing that waits. What was written survives a
`kill -9`, so the next process knows what the last one was at; and every look shows a loop that cannot answer.
"""

import dataclasses
import mmap
import struct
from pathlib import Path

import structlog

from penstock.clock import Clock, boot_id, cpu_s_of

log = structlog.get_logger()

ROLES = ("accept", "deliver", "operate")
# Beats come once a second. A loop without one for this long does not turn, or its process does not run.
LATE_S = 5.0
# Standing still is working without turning: a stopped process, or one on a suspended machine, uses no CPU.
BUSY_CPU_S = 1.0
#: The process, how many times its loop turned, when it did last (in steady seconds, which begin with the machine's start),
#: and the CPU seconds the process had used by then; behind that, which start of the machine that was.
BEAT = struct.Struct("<qQdd")
BOOT, BOOT_AT = struct.Struct("<32s"), 32
#: The place in the log of the event under way, 0 for none, and its destination.
UNDER = struct.Struct("<q200s")
UNDER_AT, FILE_BYTES = 64, 512
NOTHING = UNDER.pack(0, b"")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RoleStatus:
    """How a role of `penstock serve` is."""

    #: "running"; "standing" works on one thing and does nothing else; "stopped" gets no CPU; "down" is not there;
    #: "restarting" ends again and again.
    state: str
    #: Seconds since its loop turned last.
    beat_age_s: float
    #: Where it stands, if that is an event: destination and place in the log.
    destination: str = ""
    seq: int = 0
    #: How often it was started again since `penstock serve` began; how often it ended lately, and with which code.
    restarts: int = 0
    ended_lately: int = 0
    ended_with: int = 0

    def in_words(self) -> str:
        """Return this as a sentence says it, after the role's name."""
        if self.state == "running":
            return "runs"
        if self.state == "down":
            return "is not running"
        if self.state == "restarting":
            return f"ended {self.ended_lately} times within a minute, last with code {self.ended_with}, and is started again"
        where = f", at event {self.seq} of {self.destination}" if self.destination else ""
        what = "stands still" if self.state == "standing" else "gets no CPU: it is stopped, or the machine is"
        return f"{what}; its loop turned last {self.beat_age_s:.0f} s ago{where}"


class Pulse:
    """The pulse of this process."""

    def __init__(self, folder: Path, role: str, *, pid: int, clock: Clock) -> None:
        self.clock, self.pid, self.beats = clock, pid, 0
        self.memory = _mapped(folder / f"{role}.pulse")
        #: What the process before this one was at when it ended without a word: destination and place in the log.
        self.before = _under(self.memory[:FILE_BYTES])
        self.leave()
        BOOT.pack_into(self.memory, BOOT_AT, _boot())

    def beat(self) -> None:
        """Note that the loop turns."""
        self.beats += 1
        BEAT.pack_into(self.memory, 0, self.pid, self.beats, self.clock.steady(), cpu_s_of(self.pid) or 0.0)

    def enter(self, destination: bytes, seq: int) -> None:
        """Note which event is under way."""
        UNDER.pack_into(self.memory, UNDER_AT, seq, destination)

    def leave(self) -> None:
        """Note that none is."""
        self.memory[UNDER_AT : UNDER_AT + UNDER.size] = NOTHING

    def end(self) -> None:
        """Note that the process ends, as it should."""
        BEAT.pack_into(self.memory, 0, 0, self.beats, self.clock.steady(), 0.0)


def read_pulse(folder: Path, role: str, *, clock: Clock) -> RoleStatus | None:
    """Return how a role is; None when it never ran on this data folder."""
    try:
        text = (folder / f"{role}.pulse").read_bytes()
    except OSError:
        return None
    if len(text) < FILE_BYTES:
        return None
    pid, _, at, cpu_then = BEAT.unpack_from(text)
    if BOOT.unpack_from(text, BOOT_AT)[0].rstrip(b"\0") != _boot():
        # Its number may be another process's by now.
        return RoleStatus(state="down", beat_age_s=clock.steady())
    age_s, cpu_now = max(0.0, clock.steady() - at), cpu_s_of(pid) if pid else None
    if cpu_now is None:
        return RoleStatus(state="down", beat_age_s=age_s)
    if age_s <= LATE_S:
        return RoleStatus(state="running", beat_age_s=age_s)
    destination, seq = _under(text)
    state = "standing" if cpu_now - cpu_then >= BUSY_CPU_S else "stopped"
    return RoleStatus(state=state, beat_age_s=age_s, destination=destination, seq=seq)


def _boot() -> bytes:
    return boot_id().replace("-", "").encode()[: BOOT.size]


def _under(text: bytes) -> tuple[str, int]:
    seq, name = UNDER.unpack_from(text, UNDER_AT)
    return name.rstrip(b"\0").decode(errors="replace") if seq else "", seq


def _mapped(path: Path) -> mmap.mmap:
    """Return the file's bytes; without room on the disk, memory of our own."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("r+b") as file:
            # Written, not only made longer: a page without a place on the disk could not be stored into.
            kept = file.read(FILE_BYTES).ljust(FILE_BYTES, b"\0")
            file.seek(0)
            file.write(kept)
            file.flush()
            return mmap.mmap(file.fileno(), FILE_BYTES)
    except OSError as error:
        log.warning("snapshot_not_written", reason=str(error))
        return mmap.mmap(-1, FILE_BYTES)
