"""An event loop whose clock jumps to the next timer instead of waiting for it.

Hours pass in milliseconds. There are no threads and no sockets: both would be overtaken by the jumps.
It is a loop of its own, not asyncio's with another clock: a story is little else than turns of the loop, and asyncio
asks the operating system in each of them.
"""

import asyncio
import collections
import contextvars
import functools
import heapq
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

# A story begins here; any other time would do.
EPOCH = 1_700_000_000.0

log = logging.getLogger(__name__)

#: Whether what runs belongs to the far side, which goes on while our own process stands still.
FAR: contextvars.ContextVar[bool] = contextvars.ContextVar("far", default=False)


class Deadlock(Exception):
    """Every task waits and no timer is set: nothing can ever happen again."""


class Handle:
    """Something to be called; `cancel` is what tasks, timeouts and sleeps need of it."""

    __slots__ = ("arguments", "callback", "context", "is_cancelled", "when_s")

    def __init__(self, callback: Callable, arguments: tuple, context: contextvars.Context | None, when_s: float = 0.0):
        self.callback, self.arguments, self.when_s = callback, arguments, when_s
        self.context = context or contextvars.copy_context()
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.when_s


class VirtualTimeLoop(asyncio.AbstractEventLoop):
    """What coroutines, tasks and timers need of a loop. Callbacks are served in the order of asyncio's own loop."""

    def __init__(self, *, disk_s: float = 0.0) -> None:
        self.virtual_now = 0.0
        #: How long the disk takes for a transaction that writes.
        self.disk_s = disk_s
        self.ready: collections.deque[Handle] = collections.deque()
        #: By time, then by the order in which they were set.
        self.timers: list[tuple[float, int, Handle]] = []
        self.numbers = itertools.count()
        #: Until when only the far side does anything; 0: everybody may.
        self.stands_until = 0.0

    def run_until_complete(self, coroutine: Coroutine) -> Any:
        task = self.create_task(coroutine)
        asyncio._set_running_loop(self)
        try:
            while not task.done():
                self._turn()
        finally:
            asyncio._set_running_loop(None)
        return task.result()

    def _turn(self) -> None:
        """Serve everything that is due, or jump to the next timer."""
        ready = self.ready
        if self.stands_until:
            self._stand_still()
        if not ready:
            self._jump()
        while ready:
            handle = ready.popleft()
            if not handle.is_cancelled:
                handle.context.run(handle.callback, *handle.arguments)

    def _jump(self) -> None:
        timers = self.timers
        while timers and timers[0][2].is_cancelled:
            heapq.heappop(timers)
        if not timers:
            raise Deadlock("every task waits and no timer is set")
        self.virtual_now = max(self.virtual_now, timers[0][0])
        while timers and timers[0][0] <= self.virtual_now:
            self.ready.append(heapq.heappop(timers)[2])

    def stand_still(self, seconds: float) -> None:
        """Let our process stand still, as a stopped one does: its timers run out meanwhile, and answers wait."""
        self.stands_until = self.virtual_now + seconds

    def _stand_still(self) -> None:
        until, self.stands_until, ours = self.stands_until, 0.0, list[Handle]()
        while True:
            while self.ready:
                handle = self.ready.popleft()
                if not handle.context.get(FAR, False):
                    ours.append(handle)
                elif not handle.is_cancelled:
                    handle.context.run(handle.callback, *handle.arguments)
            far = [t for t in self.timers if t[0] <= until and t[2].context.get(FAR, False) and not t[2].is_cancelled]
            if not far:
                break
            timer = min(far)
            self.timers.remove(timer)
            self.virtual_now = max(self.virtual_now, timer[0])
            self.ready.append(timer[2])
        heapq.heapify(self.timers)
        self.virtual_now = max(self.virtual_now, until)
        self.ready.extend(ours)

    def call_soon(self, callback: Callable, *args: Any, context: contextvars.Context | None = None) -> Any:
        handle = Handle(callback, args, context)
        self.ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable, *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        return self.call_at(self.virtual_now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable, *args: Any, context: contextvars.Context | None = None) -> Any:
        handle = Handle(callback, args, context, when)
        heapq.heappush(self.timers, (when, next(self.numbers), handle))
        return handle

    def time(self) -> float:
        return self.virtual_now

    def create_future(self) -> asyncio.Future:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Coroutine, **names: Any) -> asyncio.Task:
        return asyncio.Task(coro, loop=self, **names)

    def run_in_executor(self, executor: Any, func: Callable, *args: Any) -> asyncio.Future:
        """Call at once: a thread's answer would come at a time that the virtual clock never sees.

        Whoever wrote hears of it when the disk has it.
        """
        future, written = self.create_future(), _written(func)
        try:
            answer = functools.partial(future.set_result, func(*args))
        except Exception as error:  # noqa: BLE001 - handed on to whoever awaits
            answer = functools.partial(future.set_exception, error)
        if self.disk_s and _written(func) != written:
            self.call_later(self.disk_s, lambda: future.done() or answer())
        else:
            answer()
        return future

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say what nobody awaited died of."""
        log.error(context["message"], exc_info=context.get("exception"))


def _written(func: Callable) -> int:
    """Return how many rows the connection has changed that a function of a store writes to."""
    connection = getattr(getattr(func, "__self__", None), "connection", None)
    return connection.total_changes() if connection else 0


def far_side(coroutine: Coroutine) -> asyncio.Task:
    """Let the far side do something, whatever becomes of our own process meanwhile."""
    context = contextvars.copy_context()
    context.run(FAR.set, True)
    return asyncio.get_running_loop().create_task(coroutine, context=context)


class LoopClock:
    """penstock's clock, told by the loop; somebody may set the wall's."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self.loop, self.set_by_s, self.slept_s = loop, 0.0, 0.0
        #: When each time of the wall's clock was told, in awake seconds: by themselves they do not compare.
        self.told: dict[float, float] = {}

    def now(self) -> float:
        now = self.steady() + self.set_by_s
        self.told[now] = self.awake()
        return now

    def steady(self) -> float:
        return EPOCH + self.loop.virtual_now + self.slept_s

    def awake(self) -> float:
        return EPOCH + self.loop.virtual_now

    def set_by(self, seconds: float) -> None:
        self.set_by_s += seconds

    def stand_still(self, seconds: float) -> None:
        """Stop our process, and let it go on so many seconds later."""
        self.loop.stand_still(seconds)

    def sleep(self, seconds: float) -> None:
        """Let time pass while the machine sleeps: the loop's own timers stand still."""
        self.slept_s += seconds


def run_virtually(coroutine: Coroutine, *, disk_s: float = 0.0) -> tuple[Any, float]:
    """Run to the end in virtual time; return what the coroutine returns and the seconds that passed."""
    loop = VirtualTimeLoop(disk_s=disk_s)
    try:
        return loop.run_until_complete(coroutine), loop.virtual_now
    finally:
        if leftovers := asyncio.all_tasks(loop):
            loop.run_until_complete(_end(leftovers))


async def _end(tasks: Iterable[asyncio.Task]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
