"""A story in which people are erased: the door, the owners of the files and the eraser, over real files, beside everything else.

Who is erased, when, and by which of their ids is drawn apart from the rest of the story. Whatever else a story has goes on:
traffic of theirs too, crashes, replays, clocks that are set. The process may also end between two steps of an erasure.
"""

import asyncio
import collections
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from penstock.accept.suppressing import Suppressing
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.traces import Removal
from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf
from penstock.buffer.sqlite.privacy.search import SqliteTraces
from penstock.clock import Dice, SeededDice
from penstock.destinations.custify.erasing import erase
from penstock.destinations.plan import Call
from penstock.erasing import eraser as erasing
from penstock.erasing.asking import Requesting
from penstock.erasing.searching import Searching
from penstock.event import Batch, Event
from penstock.identity import EMAIL, KINDS, USER, VISITOR, names_in
from penstock.privacy.errands import Errands, follow
from penstock.privacy.receipt import Seal
from penstock.privacy.requests import Requests
from penstock.privacy.suppressed import SuppressedList
from penstock.run.erasures import BehindTheDoor
from penstock.settings import Settings
from penstock.settings.vault import Vault
from sim import liveness
from sim.deletions import Deletions
from sim.hostile_custify import mark_of
from sim.loop import EPOCH
from sim.script import USER as FIRST_USER
from sim.script import Sent
from sim.seldom import SeldomErased
from sim.story import CALL_S_MAX, History, Stage

# Far from every seed of a story, of its clocks and of its interruptions.
SEEDS = 3 * 10**9
LOOK_S, KILLED_SHARE, KILLED_MAX, LATE_S_MAX = 1.0, 0.03, 3, 60.0
# Files are looked at for the end of a story this often.
LOOK_FOR_END_S = 10.0
# An hour between two tries would be thousands of looks; and how long an erasure takes once Custify is well: two tries.
AGAIN_S_MAX, DONE_S_MAX = 60.0, 150.0


class Killed(BaseException):
    """The process ends here, between two steps."""


@dataclasses.dataclass(slots=True)
class Erasure:
    """One of a story, and what came of it."""

    at: float
    person: int
    #: What the person is named by, and everybody who was known to be the same when it was agreed to.
    given: str
    names: frozenset[str] = frozenset()
    number: str = ""
    #: Whether the destination was asked to delete them: from then on, no call may be about them.
    is_asked: bool = False
    is_done: bool = False
    #: Calls about them that began all the same; what was found of them in the end; why it did not end.
    sent_again: list[str] = dataclasses.field(default_factory=list)
    left: tuple[str, ...] = ()
    problem: str = ""


def write_erasures(dice: Dice, *, people: int, until: float) -> list[Erasure]:
    """Draw who is erased: one or two people, each by one of their ids, some of them only once others are replayed."""
    persons = sorted({int(dice.uniform(0, people)) for _ in range(2)})
    drawn = [(dice.uniform(0.0, until + LATE_S_MAX), person, int(dice.uniform(0, 3))) for person in persons]
    kinds = (f"{USER}{{}}", f"{VISITOR}a{{}}", f"{EMAIL}p{{}}@x.io")
    return [
        Erasure(at=at, person=person, given=kinds[kind].format(person if kind else FIRST_USER + person))
        for at, person, kind in sorted(drawn)
    ]


def known_as(given: str, events: Sequence[Event]) -> frozenset[str]:
    """Return all ids that events tie to one: in a story nobody shares an id."""
    names = {given}
    together = [frozenset(name for name in names_in(event) if name.startswith(KINDS[:3])) for event in events]
    while found := {name for each in together if each & names for name in each} - names:
        names |= found
    return frozenset(names)


class Mortal:
    """Lets the process end before or after a step that is written down."""

    def __init__(self, dice: Dice) -> None:
        self.dice, self.left, self.is_on = dice, KILLED_MAX, True

    def around(self, step: Callable) -> Callable:
        """Return a step that may not be done, or be the last."""

        @functools.wraps(step)
        def may_end(*given: Any, **named: Any) -> Any:
            self._may_end()
            answer = step(*given, **named)
            self._may_end()
            return answer

        return may_end

    def _may_end(self) -> None:
        if self.is_on and self.left and self.dice.uniform(0.0, 1.0) < KILLED_SHARE:
            self.left -= 1
            raise Killed


class ErasingStage(Stage):
    """A stage on which people are erased."""

    def draw(self, seed: int) -> None:
        """Draw what else happens."""
        super().draw(seed)
        dice = SeededDice(seed + SEEDS)
        events = [event for request in self.script.sent for event in request.events]
        people = {
            int(event.request_ip.lstrip("a")) % (FIRST_USER if event.request_ip[0] != "a" else 10**9)
            for event in events
        }
        self.erasures = write_erasures(dice, people=max(people) + 1, until=self.script.safety_s)
        self.deletions, self.mortal = Deletions(self.custify, dice), Mortal(dice)
        self.mark_names = {int(e.message_id[1:]): names_in(e) for e in events}
        self.accepted: list[Event] = []
        self.sends, self.custify.send = self.custify.send, self._watched  # type: ignore[method-assign]
        self.wakes, self.door = asyncio.Event(), None

    async def play(self) -> None:
        """Play, with somebody who asks for erasures, and all who do them."""
        usual, erasing.AGAIN_S_MAX = (erasing.AGAIN_S_MAX, liveness.LOOK_S), AGAIN_S_MAX
        liveness.LOOK_S = LOOK_FOR_END_S
        self.asker = asyncio.create_task(self._ask())
        self.chores = asyncio.create_task(self._chores())
        try:
            await super().play()
        finally:
            erasing.AGAIN_S_MAX, liveness.LOOK_S = usual
            self.asker.cancel()
            self.chores.cancel()

    def history(self, seed: int, faults: Any) -> History:
        """Return what happened, with what came of each erasure."""
        for erasure in self.erasures:
            if erasure.number:
                erasure.left = tuple(self._left(erasure))
        return dataclasses.replace(super().history(seed, faults), erasures=self.erasures)

    def _left(self, erasure: Erasure) -> Iterator[str]:
        found = self._searching().everything(erasure.names)
        yield from (f"{count} {kind} here" for kind, count in found.counts.items())
        held = self.custify.held
        yield from (f"{name} at Custify" for name in sorted(erasure.names) if at_custify(name) in held.names)

    # Who does it.

    def _put_together(self) -> None:
        """Open all that has to do with people anew, as processes that begin do."""
        folder = self.world.folder
        vault = Vault(folder / "secret.key")
        self.door = Suppressing(self.world.log, self.list_of_door(vault))
        requests = Requests(folder, vault=vault, clock=self.clock)
        self.errands = Errands(folder, vault=vault)
        requests.change = self.mortal.around(requests.change)  # type: ignore[method-assign]
        self.errands.give = self.mortal.around(self.errands.give)  # type: ignore[method-assign]
        self.errands.done = self.mortal.around(self.errands.done)  # type: ignore[method-assign]
        self.asking = Requesting(requests, self._list(vault))
        self.eraser = erasing.Eraser(
            self.asking,
            errands=self.errands,
            searching=self._searching(),
            destinations=lambda: {"custify": self._delete},
            seal=Seal(folder),
            clock=self.clock,
            facts=dict,
            calls_end_s=lambda: CALL_S_MAX,
        )

    def list_of_door(self, vault: Vault) -> SuppressedList:
        """Return the list as accept knows it when it begins."""
        return self._list(vault)

    def _list(self, vault: Vault) -> SuppressedList:
        people = SuppressedList(self.world.folder, vault.derived)
        people.look()
        return people

    def _searching(self) -> Searching:
        traces = SqliteTraces(self.world.folder, clock=self.clock)
        return Searching(traces, SqliteLedgerShelf(self.world.folder), lambda: ["custify"])

    def _present(self) -> None:
        """Begin with the files as they are open now: others open them anew."""
        if self.door is None or self.door.log is not self.world.log:
            self._put_together()

    async def _chores(self) -> None:
        """Look each second, as accept, deliver and operate do."""
        while True:
            await self.wakes.wait()
            await asyncio.sleep(LOOK_S)
            try:
                async with self.files:
                    self._present()
                    await self._look()
            except Killed:
                self.onlooker.see(SeldomErased.KILLED)
                self.killing = asyncio.create_task(self._end_process())
                return

    async def _look(self) -> None:
        self._see()
        await self.door.follow()
        await follow(self.errands, erasing.EVENTS, Removal, BehindTheDoor(self.world.log, self.door.follow).remove)
        await follow(self.errands, erasing.DELIVERY, Removal, self.world.store.remove)
        await self.eraser.step()
        for request in self.asking.requests.all():
            for erasure in self.erasures:
                if erasure.number == request.number:
                    erasure.is_done, erasure.problem = not request.is_open, request.problem
        if all(erasure.is_done for erasure in self.erasures if erasure.number):
            self.wakes.clear()

    async def _end_process(self) -> None:
        async with self.process:
            await self._crash()

    async def _crash(self) -> None:
        self.onlooker.see(SeldomErased.CRASH, when=self.wakes.is_set())
        self.chores.cancel()
        await asyncio.gather(self.chores, return_exceptions=True)
        await super()._crash()
        self.chores = asyncio.create_task(self._chores())

    async def _delete(self, names: frozenset[str]) -> Any:
        for erasure in self.erasures:
            if erasure.number and names >= {erasure.given}:
                erasure.is_asked = True
        return await erase(self.deletions, names, anonymous_fallback=self.script.anonymous_fallback)

    # Who asks, and who sends.

    async def _ask(self) -> None:
        for erasure in self.erasures:
            await self.at(erasure.at)
            async with self.files:
                self._present()
                erasure.names = known_as(erasure.given, self.accepted)
                self.onlooker.see(SeldomErased.LINKED, when=len(erasure.names) > 1)
                self._see_traces(erasure)
                # Somebody at the dashboard, whose page does not come and who then looks at what became of it, asks once.
                was, self.mortal.is_on = self.mortal.is_on, False
                request = self.asking.erase(frozenset({erasure.given}), Settings(), by="root")
                self.mortal.is_on, erasure.number = was, request.number
            self.wakes.set()

    async def _send(self, request: Sent) -> None:
        self.onlooker.sends(request)
        async with self.files:
            self._present()
            await self.door.append([Batch.of(event) for event in request.events])
        names = frozenset(itertools.chain.from_iterable(map(names_in, request.events)))
        self.onlooker.see(SeldomErased.LATE_EVENT, when=any(e.is_done and e.names & names for e in self.erasures))
        self.accepted += request.events

    async def _until_nothing_waits(self) -> None:
        await super()._until_nothing_waits()
        self.mortal.is_on = False
        if len(self.drains) > 1:
            await self.asker
        began = asyncio.get_running_loop().time()
        while self.wakes.is_set() and asyncio.get_running_loop().time() < began + DONE_S_MAX:
            await asyncio.sleep(LOOK_S)

    # Who looks on.

    async def _watched(self, call: Call) -> Any:
        named = {at_custify(name) for name in self.mark_names.get(mark_of(call), ())}
        named |= {"".join(str(call.body.get(key) or "").split()).lower() for key in ("user_id", "email")}
        for erasure in self.erasures:
            theirs = {at_custify(name) for name in erasure.names}
            if erasure.is_asked and named & theirs:
                erasure.sent_again.append(f"{call.path} m{mark_of(call)} at {self.clock.awake() - EPOCH:.1f} s")
        return await self.sends(call)

    def _see(self) -> None:
        for number in self.deletions.seen:
            self.onlooker.see(number)
        self.deletions.seen.clear()

    def _see_traces(self, erasure: Erasure) -> None:
        states = collections.Counter(
            story.state for story in self.world.stories() if names_in(story.event) & erasure.names
        )
        at_work = [work for work in self.onlooker.at_work.values() if names_in(work.lease.event) & erasure.names]
        on = self.onlooker
        on.see(SeldomErased.WAITING, when=bool(states["waiting"] + states["retrying"]))
        on.see(SeldomErased.PARKED, when=bool(states["parked"]))
        on.see(SeldomErased.DEAD, when=bool(states[Outcome.DEAD]))
        on.see(SeldomErased.UNDER_WAY, when=any(work.is_calling for work in at_work))
        on.see(SeldomErased.REPLAY, when=bool(self.died) and bool(self.backlog.replayed))


def at_custify(name: str) -> str:
    """Return by what Custify finds somebody: an id, or an address."""
    return name.partition(":")[2].lower()
