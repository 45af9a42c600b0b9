"""Brings erasures to their end: suppress, look, let the owners of the files remove, ask destinations, look again, sign.

Rules for this file: what was done is found by looking, never believed; so a step may be done twice, and whenever the
process ends, the next one goes on. An erasure that cannot go on says why, and holds no other one up.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from penstock.buffer.port.traces import Removal
from penstock.clock import Clock
from penstock.destinations.erasure import Erased, NotErased
from penstock.erasing.asking import Persons, Requesting
from penstock.erasing.searching import Everything, Searching
from penstock.erasing.writing import receipt_of
from penstock.errors import BufferUnavailable, SettingsError, StoreDamaged, WitnessUnreachable
from penstock.privacy.errands import Errands
from penstock.privacy.receipt import Seal
from penstock.privacy.requests import AtDestination, PrivacyRequest, merged, write_file
from penstock.privacy.suppressed import ERASE

log = structlog.get_logger()

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
        calls_end_s: Callable[[], float] = lambda: 0.0,
        forget: Callable[[Persons], None] = lambda _: None,
        beyond: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        """`calls_end_s` tells how long a call may be under way that was begun before the store had nothing of them any more.

        `forget` has this process forget who it has in mind, lest it writes them down again. `beyond` one machine, lets the streams
        keep nothing of what was removed; it says what an engine still has, and until when.
        """
        self.asking, self.requests, self.errands, self.searching = asking, asking.requests, errands, searching
        self.destinations, self.seal, self.clock, self.facts = destinations, seal, clock, facts
        self.calls_end_s, self.forget, self.beyond = calls_end_s, forget, beyond
        #: What requests were like when none of them was open: they are not all read again each second.
        self.idle_at: int | None = None
        #: By request: when it is tried again, in steady seconds; and since when nothing of them is in the store, in awake ones.
        #: In memory: after a start it is tried at once, and the last reading back waits anew.
        self.again_at, self.clear_since = dict[str, float](), dict[str, float]()

    async def step(self) -> int:
        """Bring every open request one step further; return how many steps were made."""
        steps, mark = 0, self.requests.mark()
        if mark == self.idle_at:
            return 0
        try:
            requests = [request for request in await asyncio.to_thread(self.requests.all) if request.state == "open"]
            for request in requests:
                if self.again_at.get(request.number, 0.0) <= self.clock.steady():
                    steps += await self._advanced(request)
            self.idle_at = None if requests else mark
        except (SettingsError, OSError) as error:
            log.warning("erasures_wait", reason=_brief(error))
        return steps

    async def _advanced(self, request: PrivacyRequest) -> bool:
        try:
            return await self._advance(request)
        except (BufferUnavailable, StoreDamaged, SettingsError, WitnessUnreachable, OSError) as error:
            log.warning("erasure_waits", request=request.number, reason=_brief(error))
            self._wait(request, f"the store cannot be read or written now: {_brief(error)}", AGAIN_S_MIN)
            return False

    async def _advance(self, request: PrivacyRequest) -> bool:
        """Make the next step; return whether there was one to make."""
        if request.action == "suppress":
            self.asking.finish_suppressing(request)
            return True
        names = self.requests.opened(request.given) | self.requests.opened(request.names)
        if not self._is_listed(names, request):
            return False
        for owner in (EVENTS, DELIVERY):
            if self.errands.is_given(owner, request.number):
                return False
        await asyncio.to_thread(self.forget, names)
        found = await asyncio.to_thread(self.searching.everything, names, request.seqs)
        request = self._note(request, found, names)
        if self._given(request, found):
            return True
        if not found.control.is_nothing:
            await asyncio.to_thread(self.searching.traces.forget_asked, found.linked.names)
            return True
        if found.refused:
            # accept forgets them by itself, now that they are on the list, and says so within a second.
            return False
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
        # Also where there is nothing: once accept has done it, who is named here is dropped at the door, and what came
        # before that is found by the next look.
        if found.linked.seqs or len(names) != request.names_told:
            self.clear_since.pop(request.number, None)
            self.errands.give(EVENTS, request.number, Removal(names=names, seqs=found.linked.seqs))
            self.requests.change(request.number, functools.partial(_named, count=len(names)))
            return True
        # deliver may hold events in memory that delivery.db knows nothing of.
        if found.delivery.is_nothing and len(request.seqs) == request.seqs_told:
            return False
        self.clear_since.pop(request.number, None)
        self.errands.give(DELIVERY, request.number, found.delivery.removal)
        self.requests.change(request.number, functools.partial(_told, count=len(request.seqs)))
        return True

    async def _at_destinations(self, request: PrivacyRequest, found: Everything) -> bool:
        """Ask every destination; they are read back once more when no call can be under way that made them anew.

        Until it deleted them, a destination may have quoted them in answers about others: those are looked for once more.
        """
        ask, is_deleted = self.destinations(), False
        calls_end_s = self.calls_end_s() if request.seqs else 0.0
        for name, erase in ask.items():
            before = request.destinations.get(name, AtDestination())
            if not before.is_done:
                said = await erase(found.linked.names)
                is_new = said.deleted > 0 and not before.is_gone
                is_last = self._clear_s(request) >= calls_end_s and not is_new
                request = self.requests.change(
                    request.number, functools.partial(_said, name=name, said=said, is_last=is_last)
                )
                is_deleted = is_deleted or is_new
        late = {name: request.destinations[name] for name in ask if not request.destinations[name].is_done}
        if not late:
            await self._end(request, found)
            return True
        if is_deleted:
            self.clear_since.pop(request.number, None)
        self._ask_again(request, late, calls_end_s=max(0.0, calls_end_s - self._clear_s(request)))
        return False

    def _clear_s(self, request: PrivacyRequest) -> float:
        """Return for how long nothing of them is in the store and nothing new was deleted, in awake seconds."""
        awake = self.clock.awake()
        return awake - self.clear_since.setdefault(request.number, awake)

    def _ask_again(self, request: PrivacyRequest, late: Mapping[str, AtDestination], *, calls_end_s: float) -> None:
        refused = {name: each for name, each in late.items() if not each.is_gone}
        if not refused:
            self._wait(request, "", calls_end_s)
            return
        tries = max(each.tries for each in refused.values())
        asked_s = max(each.asked_s for each in refused.values())
        again_s = max(asked_s, min(AGAIN_S_MAX, AGAIN_S_MIN * 2 ** min(tries - 1, DOUBLED_MAX)))
        problem = "; ".join(f"{name}: {each.said}" for name, each in refused.items())
        log.warning("erasure_waits", request=request.number, reason="destination", destinations=sorted(refused))
        self._wait(request, problem, again_s)

    async def _end(self, request: PrivacyRequest, found: Everything) -> None:
        mentions = await asyncio.to_thread(self.searching.mentions, found)
        left = [*left_in_words(found, mentions), *self._copies(), *(await self.beyond() if self.beyond else ())]
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

    def _copies(self) -> list[str]:
        folder = self.requests.folder.parent
        copies = {path.relative_to(folder).parts[:-1] for path in folder.rglob("*.db*") if path.parent != folder}
        count = len(copies) + len(list(folder.glob("*.damaged-*")))
        where = "in the data folder (of a restore, a repair or a backup)"
        return [f"{count} copies {where} were not looked through"] if count else []

    def _wait(self, request: PrivacyRequest, problem: str, seconds: float) -> None:
        self.again_at[request.number] = self.clock.steady() + seconds
        self.requests.change(request.number, functools.partial(_waiting, problem=problem))


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


def _named(request: PrivacyRequest, *, count: int) -> None:
    request.names_told = count


def _said(request: PrivacyRequest, *, name: str, said: Erased | NotErased, is_last: bool) -> None:
    before = request.destinations.get(name, AtDestination())
    request.destinations[name] = AtDestination(
        is_gone=isinstance(said, Erased),
        is_done=isinstance(said, Erased) and is_last,
        deleted=before.deleted + said.deleted,
        said=said.said if isinstance(said, Erased) else said.why,
        tries=before.tries + 1,
        asked_s=0.0 if isinstance(said, Erased) else said.retry_after_s or 0.0,
    )


def _waiting(request: PrivacyRequest, *, problem: str) -> None:
    request.problem = problem


def _ended(request: PrivacyRequest, *, at: float, left: list[str]) -> None:
    request.ended_at, request.left, request.problem = at, left, ""


def _done(request: PrivacyRequest) -> None:
    request.state = "done"
    request.given = request.names = ""
    request.seqs, request.found, request.names_told = (), {}, 0
