"""One transaction and one disk sync for everything that arrived while the last one was being written."""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

Writer = TypeVar("Writer")
Answer = TypeVar("Answer")


class Transactions(Protocol):
    """Something that can run operations in one transaction."""

    def commit(self, operations: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """Run all in one transaction, synced to disk; return each answer, or the PenstockError it raised instead.

        A PenstockError of one operation must come before it wrote anything. Raises BufferUnavailable, and then nothing
        of any operation was kept.
        """


class GroupCommit(Generic[Writer]):
    """Collects operations on the event loop and writes them in a thread of its own, group by group."""

    def __init__(
        self, transactions: Transactions, *, recorder: "Callable[..., Awaitable[list[Any]]] | None" = None
    ) -> None:
        self.transactions = transactions
        #: Beyond one machine: what has a group recorded elsewhere before it is committed, in the place of the executor.
        self.recorder = recorder
        self.executor = concurrent.futures.ThreadPoolExecutor(1, "writer")
        self.pending: list[tuple[Callable[[Any], Any], asyncio.Future[Any]]] = []
        self.writing: asyncio.Task[None] | None = None

    def run(self, operation: Callable[[Any], Answer]) -> "asyncio.Future[Answer]":
        """Return the operation's answer when it is on disk. Raises BufferUnavailable, or what the operation raised."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.pending.append((operation, future))
        if self.writing is None:
            self.writing = asyncio.create_task(self._write())
        return future

    async def close(self) -> None:
        """Write what is pending, then end the thread."""
        if self.writing is not None:
            await self.writing
        self.executor.shutdown()

    async def _write(self) -> None:
        run = self.recorder or asyncio.get_running_loop().run_in_executor
        try:
            while self.pending:
                group, self.pending = self.pending, []
                operations = [operation for operation, _ in group]
                try:
                    answers = await run(self.executor, self.transactions.commit, operations)
                except Exception as error:  # noqa: BLE001 - handed to everyone who waits for this group
                    answers = [error] * len(group)
                for (_, future), answer in zip(group, answers, strict=True):
                    _tell(future, answer)
        finally:
            self.writing = None
            for _, future in self.pending:
                future.cancel()


def _tell(future: "asyncio.Future[Any]", answer: Any) -> None:
    if future.done():
        return  # the caller is gone
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
