"""A file that every node writes, a transaction at a time: settings, users, orders.

No node owns it. One that changes something takes in what others changed, and appends its own behind that; if another was first, all of it
is done again on top of theirs. So what one transaction looked at before it wrote is as it was, on any node.
"""

import asyncio
import concurrent.futures
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.file import open_writer
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.recorder import Recorder
from penstock.clock import Clock
from penstock.errors import BufferUnavailable, SteppedDown

Answer = TypeVar("Answer")
# How often a change is done again because another node was first; and how long it is tried while no answer comes.
TRIES, ANSWER_S_MAX = 20, 10.0


class SharedFile:
    """One view that this node also writes. `open` before use, after the view."""

    def __init__(self, view: FileView, *, clock: Clock) -> None:
        self.view, self.clock = view, clock
        self.lock = asyncio.Lock()

    def open(self) -> None:
        """Open the file for changes. Raises BufferUnavailable, StoreDamaged, SettingsError."""
        self.connection = open_writer(self.view.path, checked=False, follows=True)
        self.executor = concurrent.futures.ThreadPoolExecutor(1, f"changes of {self.view.stream}")

    def close(self) -> None:
        """Let the file go."""
        self.executor.shutdown()
        self.connection.close()

    async def change(self, operation: Callable[[SqliteConnection], Answer], *, is_erasing: bool = False) -> Answer:
        """Run an operation in a transaction that every node will have; return its answer. It may run several times, and counts once.

        One that takes people out `is_erasing`: every node overwrites what that leaves between its rows.

        Raises BufferUnavailable when others were always first, or when no answer came, and then it may have been kept; what
        the operation raises; ViewRefused, WitnessUnreachable.
        """
        async with self.lock:
            for _ in range(TRIES):
                await self.view.bring_forward()
                recorder = self._recorder()
                recorder.is_erasing = is_erasing
                await asyncio.get_running_loop().run_in_executor(self.executor, recorder.transactions, self.connection)
                try:
                    [answer] = await recorder(self.executor, None, [operation])
                except SteppedDown as error:
                    if recorder.was_refused:
                        continue
                    raise BufferUnavailable(f"no answer came, and the change may have been kept: {error}") from error
                found: Answer = _of(answer)
                return found
        raise BufferUnavailable(f"other nodes change {self.view.path.name} all the time")

    def _recorder(self) -> Recorder:
        until = self.clock.steady() + ANSWER_S_MAX
        holds = functools.partial(_is_before, self.clock, until)
        return Recorder(self.view.stream, self.view.witness, schema=self.view.schema, epoch=0, holds=holds)


def _is_before(clock: Clock, until: float) -> bool:
    return clock.steady() < until


def _of(answer: Any) -> Any:
    """Return an answer, or raise what the operation said instead."""
    if isinstance(answer, Exception):
        raise answer
    return answer
