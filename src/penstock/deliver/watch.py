"""The attribute guard at work: reads Custify's attributes now and then, and looks at each new one before its first send.

An event may name thousands. They are looked at a slice at a time, and between two slices everybody else has a turn: a
thread would not help, for it would hold Python's lock all the while, and what is looked up here changes as names come.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import structlog

from penstock.clock import Clock
from penstock.convert.plan import Call
from penstock.deliver.answer import Accepted, Answer, Refused
from penstock.ledger.guard import (
    READS,
    REMARKS_OF_AN_EVENT_MAX,
    Attributes,
    Suspicion,
    attributes_of,
    listed,
    suspicion,
    type_of,
)

log = structlog.get_logger()

# How long Custify's list of attributes is believed; and how soon it is asked again when it gave no answer.
CACHED_S, ASK_AGAIN_S = 3_600.0, 60.0
# More attributes than any workspace can show; beyond, they are looked at again.
CLEARED_MAX = 10_000
# Names looked at before somebody else has a turn: a few milliseconds.
SLICE = 100

Item = TypeVar("Item")
Read = Callable[[str], Awaitable[Answer]]


class Watch:
    """What is known of one destination's attributes."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        #: By path of upserts: what Custify has, and until when that is believed. None while it never told.
        self.known: dict[str, tuple[Attributes | None, float]] = {}
        #: By path: when it was last said that the list cannot be read.
        self.said_at: dict[str, float] = {}
        #: Held by whoever reads Custify's list; others wait for what it finds.
        self.reading = asyncio.Lock()
        #: Attributes with their types that were looked at, and that a person approved.
        self.cleared: set[tuple[str, str]] = set()
        self.approved: frozenset[str] = frozenset()

    async def suspicions(self, calls: Sequence[Call], message_id: str, read: Read) -> list[Suspicion]:
        """Return what is strange about the attributes of calls, the first few; each is looked at once, unless it stays
        strange.
        """
        found: list[Suspicion] = []
        for call in calls:
            known: Attributes | None = None
            async for name, value in in_slices(attributes_of(call)):
                type_ = type_of(value)
                if name in self.approved or (name, type_) in self.cleared:
                    continue
                known = known or await self._attributes(call.path, read)
                if known is None:
                    break
                strange = suspicion(name, value, known, message_id=message_id)
                if strange is None:
                    self._clear(name, type_)
                    known.add(name.partition(".")[2], type_)
                    continue
                found.append(strange)
                if len(found) == REMARKS_OF_AN_EVENT_MAX:
                    return found
        return found

    def heed(self, suspicions: Sequence[Suspicion]) -> None:
        """Say each only once: it was written down, and is sent all the same."""
        for strange in suspicions:
            self._clear(strange.attribute, strange.type)

    def _clear(self, name: str, type_: str) -> None:
        if len(self.cleared) >= CLEARED_MAX:
            self.cleared.clear()
        self.cleared.add((name, type_))

    async def _attributes(self, path: str, read: Read) -> Attributes | None:
        """Return Custify's attributes; None while it does not tell."""
        known, until = self.known.get(path, (None, 0.0))
        if self.clock.now() < until:
            return known
        async with self.reading:
            known, until = self.known.get(path, (None, 0.0))
            if self.clock.now() < until:
                return known  # somebody else read it meanwhile
            answer = await read(READS[path])
            if isinstance(answer, Accepted | Refused):
                known = await self._read(path, answer) or known
            until = self.clock.now() + (CACHED_S if isinstance(answer, Accepted) else ASK_AGAIN_S)
            self.known[path] = known, until
            return known

    async def _read(self, path: str, answer: Accepted | Refused) -> Attributes | None:
        """Return Custify's list, ready to be looked things up in; None when it cannot be read, which is said."""
        types = listed(answer.text) if isinstance(answer, Accepted) else None
        if types is None:
            self._say_unread(path, answer)
            return None
        known = Attributes({})
        async for name, type_ in in_slices(types.items()):
            known.hold(name, type_)
        return known

    def _say_unread(self, path: str, answer: Accepted | Refused) -> None:
        """Nothing is held against an attribute while nobody knows the others; so somebody has to know that."""
        now = self.clock.now()
        if now - self.said_at.get(path, float("-inf")) >= CACHED_S:
            self.said_at[path] = now
            log.warning("attributes_unread", path=READS[path], status=answer.status, chars=len(answer.text))


async def in_slices(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield items, and let others run after each slice."""
    for count, item in enumerate(items, 1):
        yield item
        if count % SLICE == 0:
            await asyncio.sleep(0)
