"""Brings erasures to their end: suppress, look, let the owners of the files remove, ask destinations, look again, sign.

Rules for this file: what was done is found by looking, never believed; so a step may be done twice, and whenever the
process ends, the next one goes on. An erasure that cannot go on says why, and holds no other one up.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from penstock.buffer.port.traces import Removal
from penstock.clock import Clock
from penstock.destinations.erasure import Erased, NotErased
from penstock.erasing.asking import Persons, Requesting
from penstock.erasing.searching import Everything, Searching
from penstock.erasing.writing import receipt_of
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged
from penstock.privacy.errands import Errands
from penstock.privacy.receipt import Seal
from penstock.privacy.requests import AtDestination, PrivacyRequest, merged, write_file
from penstock.privacy.suppressed import ERASE

log = structlog.get_logger()

# accept looks for who is suppressed each second; what came before that is stored by then.
DOOR_S = 3.0
# How soon a destination is asked again that did not delete: so long after the first try, twice as long each time.
AGAIN_S_MIN, AGAIN_S_MAX = 30.0, 3_600.0
DOUBLED_MAX = 10
#: The owners of files, in this order: what deliver reads of the log afterwards has nothing of them.
EVENTS, DELIVERY = "accept", "deliver"

#: Ask every destination of the settings by name to delete people; those that are not asked say why.
AtDestinations = Callable[[], Mapping[str, Callable[[Persons], Awaitable[Erased | NotErased]]]]


class Eraser:
    """The one who goes through all open requests of a data folder."""

    def __init__(
        self,
        asking: Requesting,
        *,
        errands: Errands,
        searching: Searching,
        destinations: AtDestinations,
        seal: Seal,
        clock: Clock,
        facts: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.asking, self.requests, self.errands, self.searching = asking, asking.requests, errands, searching
        self.destinations, self.seal, self.clock, self.facts = destinations, seal, clock, facts
        #: What requests were like when none of them was open: they are not all read again each second.
        self.idle_at: int | None = None

    async def step(self) -> int:
        """Bring every open request one step further; return how many steps were made."""
        steps, mark = 0, self.requests.mark()
        if mark == self.idle_at:
            return 0
        try:
            requests = [request for request in await asyncio.to_thread(self.requests.all) if request.state == "open"]
            for request in requests:
                if request.not_before <= self.clock.now():
                    steps += await self._advanced(request)
            self.idle_at = None if requests else mark
        except (SettingsError, OSError) as error:
            log.warning("erasures_wait", reason=_brief(error))
        return steps

    async def _advanced(self, request: PrivacyRequest) -> bool:
        try:
            return await self._advance(request)
        except (BufferUnavailable, StoreDamaged, SettingsError, OSError) as error:
            log.warning("erasure_waits", request=request.number, reason=_brief(error))
            self._wait(request, f"the store cannot be read or written now: {_brief(error)}", AGAIN_S_MIN)
            return False

    async def _advance(self, request: PrivacyRequest) -> bool:
        """Make the next step; return whether there was one to make."""
        if request.action == "suppress":
            self.asking.finish_suppressing(request)
            return True
        names = self.requests.opened(request.given) | self.requests.opened(request.names)
        if not self._is_listed(names, request) or self.clock.now() < request.suppressed_at + DOOR_S:
            return False
        for owner in (EVENTS, DELIVERY):
            if self.errands.is_given(owner, request.number):
                return False
        found = await asyncio.to_thread(self.searching.everything, names, request.seqs)
        request = self._note(request, found, names)
        if self._given(request, found):
            return True
        if not found.control.is_nothing:
            await asyncio.to_thread(self.searching.traces.forget_asked, found.linked.names)
            return True
        return await self._at_destinations(request, found)

    def _is_listed(self, names: Persons, request: PrivacyRequest) -> bool:
        """Put on the list who is not on it yet; return whether all were."""
        people = self.asking.people
        people.look()
        missing = {name for name in names if not people.has(name) or people.digest_of(name) not in people.erased}
        if not missing and request.suppressed_at:
            return True
        people.add(missing, what=ERASE, request=request.number, at_ms=int(self.clock.now() * 1000))
        self.requests.change(request.number, functools.partial(_suppressed, at=self.clock.now()))
        return False

    def _note(self, request: PrivacyRequest, found: Everything, names: Persons) -> PrivacyRequest:
        """Write down what was found, and what is not found any more; names found to be the same are suppressed at once."""
        everybody = names | found.linked.names

        def note(request: PrivacyRequest) -> None:
            gone = {kind: n - found.counts.get(kind, 0) for kind, n in request.found.items()}
            request.removed = merged(request.removed, {kind: n for kind, n in gone.items() if n > 0})
            request.found = found.counts
            request.seqs = sorted({*request.seqs, *found.linked.seqs})
            request.names, request.digests = self.requests.sealed(everybody), self.asking.digests(everybody)
            request.problem = ""

        if new := everybody - names:
            self.asking.people.add(new, what=ERASE, request=request.number, at_ms=int(self.clock.now() * 1000))
        return self.requests.change(request.number, note)

    def _given(self, request: PrivacyRequest, found: Everything) -> bool:
        """Ask the owner of a file to remove what was found there; return whether there was something."""
        names = sorted(found.linked.names)
        if found.linked.seqs:
            self.errands.give(EVENTS, request.number, Removal(names=names, seqs=found.linked.seqs))
            return True
        # deliver may hold events in memory that delivery.db knows nothing of.
        if found.delivery.is_nothing and len(request.seqs) == request.seqs_told:
            return False
        self.errands.give(DELIVERY, request.number, found.delivery.removal)
        self.requests.change(request.number, functools.partial(_told, count=len(request.seqs)))
        return True

    async def _at_destinations(self, request: PrivacyRequest, found: Everything) -> bool:
        ask = self.destinations()
        for name, erase in ask.items():
            if not request.destinations.get(name, AtDestination()).is_done:
                said = await erase(found.linked.names)
                request = self.requests.change(request.number, functools.partial(_said, name=name, said=said))
        late = {name: request.destinations[name] for name in ask if not request.destinations[name].is_done}
        if not late:
            await self._end(request, found)
            return True
        tries = max(each.tries for each in late.values())
        asked_s = max(each.asked_s for each in late.values())
        again_s = max(asked_s, min(AGAIN_S_MAX, AGAIN_S_MIN * 2 ** min(tries - 1, DOUBLED_MAX)))
        problem = "; ".join(f"{name}: {each.said}" for name, each in late.items())
        log.warning("erasure_waits", request=request.number, reason="destination", destinations=sorted(late))
        self._wait(request, problem, again_s)
        return False

    async def _end(self, request: PrivacyRequest, found: Everything) -> None:
        mentions = await asyncio.to_thread(self.searching.mentions, found)
        left = [*left_in_words(found, mentions), *self._set_aside()]
        ended = functools.partial(_ended, at=self.clock.now(), left=left)
        done = self.requests.change(request.number, ended)
        if not request.stays_suppressed:
            people = self.asking.people
            lines = [people.entries[digest] for _, digest in done.digests if digest in people.entries]
            people.take_back(lines, request=request.number, at_ms=int(self.clock.now() * 1000))
        write_file(self.requests.receipt_of(request.number), self.seal.written(receipt_of(done, self.facts())))
        # Last: a request that is done has its receipt.
        self.requests.change(request.number, _done)
        log.info("erased", request=request.number, items=sum(done.removed.values()))

    def _set_aside(self) -> list[str]:
        folder = self.requests.folder.parent
        copies = [path for pattern in ("replaced-*", "*.damaged-*") for path in folder.glob(pattern)]
        return [f"{len(copies)} copies that a restore or a repair set aside were not looked through"] if copies else []

    def _wait(self, request: PrivacyRequest, problem: str, seconds: float) -> None:
        not_before = self.clock.now() + seconds
        self.requests.change(request.number, functools.partial(_waiting, problem=problem, not_before=not_before))


def left_in_words(found: Everything, mentions: int) -> list[str]:
    """Return what names them and stays, in sentences without names."""
    said = []
    if mentions:
        said.append(f"{mentions} events of other people have one of the names somewhere in them, and stay as they are")
    kinds = sorted({name.partition(":")[0] for name in found.linked.shared})
    if kinds:
        said.append(f"ids that other people have too ({', '.join(kinds)}): events of those others stay")
    return said


def _brief(error: Exception) -> str:
    return error.without_value() if isinstance(error, SettingsError) else type(error).__name__


def _suppressed(request: PrivacyRequest, *, at: float) -> None:
    request.suppressed_at = at


def _told(request: PrivacyRequest, *, count: int) -> None:
    request.seqs_told = count


def _said(request: PrivacyRequest, *, name: str, said: Erased | NotErased) -> None:
    before = request.destinations.get(name, AtDestination())
    request.destinations[name] = AtDestination(
        is_done=isinstance(said, Erased),
        deleted=before.deleted + said.deleted,
        said=said.said if isinstance(said, Erased) else said.why,
        tries=before.tries + 1,
        asked_s=0.0 if isinstance(said, Erased) else said.retry_after_s or 0.0,
    )


def _waiting(request: PrivacyRequest, *, problem: str, not_before: float) -> None:
    request.problem, request.not_before = problem, not_before


def _ended(request: PrivacyRequest, *, at: float, left: list[str]) -> None:
    request.ended_at, request.left, request.problem = at, left, ""


def _done(request: PrivacyRequest) -> None:
    request.state = "done"
    request.given = request.names = ""
    request.seqs, request.found = (), {}
