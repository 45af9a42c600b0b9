"""The only door to time and chance.

Nothing outside this module asks for the time or for a random number, so tests and the simulation own both.
"""

import os
import random
import time
import uuid
from pathlib import Path
from typing import Protocol

# How much chance a UUID takes, and how many are thrown at once.
ID_BYTES, IDS_AT_ONCE = 16, 256
VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class Clock(Protocol):
    """Three times for three questions; docs/decisions/0027-three-times.md says which is asked where."""

    def now(self) -> float:
        """Return seconds since 1970, UTC, as the machine believes. For what people, destinations and files read.

        Anybody may set it at any moment, so nothing waits for it, and nothing grows old by it.
        """

    def steady(self) -> float:
        """Return seconds on a time that cannot be set and that goes on while the machine sleeps. For waits."""

    def awake(self) -> float:
        """Return seconds on a time that passes only while something could be done. For ages, and for what is under way."""


class Dice(Protocol):
    """Chance: jitter and fresh ids."""

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high]."""

    def fresh_id(self) -> str:
        """Return a random UUID (version 4) as text."""


# Elsewhere than on Linux there is none that goes on in a suspended machine: waits then last for as long again.
BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """The machine's clocks. Steady and awake seconds are those since it was started, for all of its processes."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return time.time()

    def steady(self) -> float:
        """Return seconds of a clock that cannot be set."""
        return time.clock_gettime(BOOTTIME)

    def awake(self) -> float:
        """Return seconds without those in which the machine slept."""
        return time.monotonic()


def boot_id() -> str:
    """Return what tells this start of the machine from every other one; empty where nothing does."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def cpu_s() -> float:
    """Return the CPU seconds that the calling thread has used: no stop, suspend or busy machine adds to them."""
    return time.thread_time()


def cpu_s_of(pid: int) -> float | None:
    """Return the CPU seconds that a process has used; None when there is no such process.

    The number of a process's own CPU clock is what clock_getcpuclockid(3) of Linux makes of its pid.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None


def sleep(seconds: float) -> None:
    """Wait; for commands that watch. Nothing on an event's way sleeps like this."""
    time.sleep(seconds)


class SystemDice:
    """The machine's randomness; not for secrets."""

    def __init__(self) -> None:
        self._bytes, self._used = b"", 0

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        return random.uniform(low, high)  # noqa: S311 - spreads retries, guards nothing

    def fresh_id(self) -> str:
        """Return a random UUID (version 4) as text."""
        # The system is asked for many at once: thousands of events without an id of their own may come in one request.
        if self._used == len(self._bytes):
            self._bytes, self._used = os.urandom(ID_BYTES * IDS_AT_ONCE), 0
        self._used += ID_BYTES
        text = self._bytes[self._used - ID_BYTES : self._used].hex()
        # RFC 9562: the version, and the two bits of the variant.
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{VARIANTS[text[16]]}{text[17:20]}-{text[20:]}"


class ManualClock:
    """A clock that stands still until told to move; for tests."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._steady = self._awake = now
        self._set_by = 0.0

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return self._steady + self._set_by

    def steady(self) -> float:
        """Return seconds of a clock that cannot be set."""
        return self._steady

    def awake(self) -> float:
        """Return seconds without those that were slept."""
        return self._awake

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._steady += seconds
        self._awake += seconds

    def set_by(self, seconds: float) -> None:
        """Set the wall's clock forward, or back: no time passes."""
        self._set_by += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass while the machine sleeps."""
        self._steady += seconds


class SeededDice:
    """The same throws for the same seed; for tests and the simulation."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        return self._random.uniform(low, high)

    def fresh_id(self) -> str:
        """Return a UUID (version 4) as text."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
