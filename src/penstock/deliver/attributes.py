"""The attribute guard at work: reads the destination's attributes now and then, and looks at each new one before its first send.

An event may name thousands. They are looked at a slice at a time, and between two slices everybody else has a turn: a
thread would not help, for it would hold Python's lock all the while, and what is looked up here changes as names come.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import structlog

from penstock.clock import Clock
from penstock.destinations.answer import Accepted, Answer, Refused
from penstock.destinations.plan import Call
from penstock.ledger.guard import (
    REMARKS_OF_AN_EVENT_MAX,
    Attributes,
    New,
    Suspicion,
    looked_at,
    not_cleared,
)

log = structlog.get_logger()

# How long a destination's list of attributes is believed; and how soon it is asked again when it gave no answer.
CACHED_S, ASK_AGAIN_S = 3_600.0, 60.0
# More attributes than any workspace can show; beyond, they are looked at again.
CLEARED_MAX = 10_000
# Names looked at before another task has a turn: a few milliseconds.
SLICE = 100

Item = TypeVar("Item")
ReadList = Callable[[str], Awaitable[Answer]]
# Does a pure step: `steps.run` of the event's leases.
Step = Callable[..., Awaitable[Any]]


async def _at_once(function: Callable[..., object], *args: object) -> object:
    return function(*args)


class NewAttributes:
    """What is known of one destination's attributes."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        #: By path of upserts: what the destination has, and until when that is believed. None while it never told.
        self.known: dict[str, tuple[Attributes | None, float]] = {}
        #: By path: when it was last said that the list cannot be read.
        self.said_at: dict[str, float] = {}
        #: Held by the task that reads the destination's list; others wait for what it finds.
        self.reading = asyncio.Lock()
        #: Attributes with their types that were looked at, and that a person approved.
        self.cleared: set[tuple[str, str]] = set()
        self.approved: frozenset[str] = frozenset()

    async def suspicions(
        self, calls: Sequence[Call], message_id: str, read: ReadList, step: Step = _at_once
    ) -> list[Suspicion]:
        """Return what is strange about the attributes of calls, the first few; each is looked at once, unless it stays
        strange. `step` does the looking, wherever it is done.
        """
        found: list[Suspicion] = []
        for call in calls:
            known: Attributes | None = None
            async for named in in_slices(call.attributes()):
                new = await step(not_cleared, named, self.cleared, self.approved)
                if not new:
                    continue
                known = known or await self._attributes(call, read)
                if known is None:
                    break
                strange = await step(looked_at, new, known, message_id)
                self._let_pass(new, strange, known)
                found += strange
                if len(found) >= REMARKS_OF_AN_EVENT_MAX:
                    return found[:REMARKS_OF_AN_EVENT_MAX]
        return found

    def heed(self, suspicions: Sequence[Suspicion]) -> None:
        """Say each only once: it was written down, and is sent all the same."""
        for strange in suspicions:
            self._clear(strange.attribute, strange.type)

    def _let_pass(self, new: Sequence[New], strange: Sequence[Suspicion], known: Attributes) -> None:
        """Note the attributes that nothing is strange about; where a process of its own looked, only it knows them yet."""
        named = {each.attribute for each in strange}
        for attribute, type_, _ in new:
            if attribute not in named:
                self._clear(attribute, type_)
                known.add(attribute.partition(".")[2], type_)

    def _clear(self, name: str, type_: str) -> None:
        if len(self.cleared) >= CLEARED_MAX:
            self.cleared.clear()
        self.cleared.add((name, type_))

    async def _attributes(self, call: Call, read: ReadList) -> Attributes | None:
        """Return the destination's attributes; None while it does not tell."""
        known, until = self.known.get(call.path, (None, 0.0))
        if self.clock.steady() < until:
            return known
        async with self.reading:
            known, until = self.known.get(call.path, (None, 0.0))
            if self.clock.steady() < until:
                return known  # another task read it meanwhile
            answer = await read(call.attribute_list)
            if isinstance(answer, Accepted | Refused):
                known = await self._read(call, answer) or known
            until = self.clock.steady() + (CACHED_S if isinstance(answer, Accepted) else ASK_AGAIN_S)
            self.known[call.path] = known, until
            return known

    async def _read(self, call: Call, answer: Accepted | Refused) -> Attributes | None:
        """Return the destination's list, ready to be looked things up in; None when it cannot be read, which is said."""
        types = call.listed(answer.text) if isinstance(answer, Accepted) else None
        if types is None:
            self._say_unread(call, answer)
            return None
        known = Attributes({})
        async for named in in_slices(types.items()):
            for name, type_ in named:
                known.hold(name, type_)
        return known

    def _say_unread(self, call: Call, answer: Accepted | Refused) -> None:
        """Nothing is held against an attribute while the others are not known; so that has to be said."""
        now = self.clock.steady()
        if now - self.said_at.get(call.path, float("-inf")) >= CACHED_S:
            self.said_at[call.path] = now
            log.warning("attributes_unread", path=call.attribute_list, status=answer.status, chars=len(answer.text))


async def in_slices(items: Iterable[Item]) -> AsyncIterator[list[Item]]:
    """Yield a few items at a time, and let others run after them."""
    left = iter(items)
    while few := list(itertools.islice(left, SLICE)):
        yield few
        await asyncio.sleep(0)
