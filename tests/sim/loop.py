"""An event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Callable

# A story begins here; any other time would do.
EPOCH = 1_700_000_000.0


class Deadlock(Exception):
    """Every task waits and no timer is set: nothing can ever happen again."""


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Hours pass in milliseconds. There are no threads and no sockets: both would be overtaken by the jumps."""

    def __init__(self) -> None:
        self.virtual_now = 0.0
        loop = self

        class Jump(selectors.DefaultSelector):
            def select(self, timeout: float | None = None):
                if timeout is None:
                    raise Deadlock("every task waits and no timer is set")
                loop.virtual_now += max(timeout, 0.0)
                return []

        super().__init__(Jump())

    def time(self) -> float:
        return self.virtual_now

    def run_in_executor(self, executor, func: Callable, *args):
        """Call at once: a thread's answer would come at a time that the virtual clock never sees."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - handed on to whoever awaits
            future.set_exception(error)
        return future


class LoopClock:
    """penstock's clock, told by the loop."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self.loop = loop

    def now(self) -> float:
        return EPOCH + self.loop.virtual_now


def run_virtually(coroutine):
    """Run to the end in virtual time; return what the coroutine returns and the seconds that passed."""
    loop = VirtualTimeLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(coroutine), loop.virtual_now
    finally:
        asyncio.set_event_loop(None)
        loop.close()
