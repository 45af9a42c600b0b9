"""People whose events are accepted, kept and sent, in real files and one process; and everything that can erase them."""

import concurrent.futures
import functools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec

from contract.worlds import DESTINATION, SqliteWorld
from penstock.accept.one_by_one import read_batch, read_one
from penstock.accept.sdk_request import Arrival
from penstock.accept.suppressing import Suppressing
from penstock.buffer.port.traces import Removal
from penstock.buffer.sqlite.control.control import SqliteControl
from penstock.buffer.sqlite.control.orders import SqliteLedgerOrders, SqliteOrders
from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf
from penstock.buffer.sqlite.file import EVENTS, open_reader
from penstock.buffer.sqlite.log import packing
from penstock.buffer.sqlite.privacy.search import SqliteTraces
from penstock.clock import ManualClock, SeededDice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.pace import Pace
from penstock.destinations.answer import Accepted, Answer, Refused, Unavailable
from penstock.destinations.custify.erasing import erase
from penstock.destinations.custify.naming import NamedBy
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import Call
from penstock.erasing.asking import Requesting
from penstock.erasing.eraser import DELIVERY, Eraser
from penstock.erasing.eraser import EVENTS as ACCEPT
from penstock.erasing.searching import Searching
from penstock.ledger.rules import rules_of
from penstock.privacy.errands import Errands, follow
from penstock.privacy.receipt import Seal
from penstock.privacy.requests import Requests
from penstock.privacy.suppressed import SuppressedList
from penstock.run.erasures import BehindTheDoor
from penstock.run.opening import hashing_of
from penstock.settings import Destination, Settings
from penstock.settings.vault import Vault
from sandbox_client import Sandbox
from sim.stage import engine_over

START = 1_700_000_000.0


class SandboxApi:
    """Custify, as the sandbox has it. While `fails`, it answers nothing; an event named Bad is refused, and quoted."""

    def __init__(self) -> None:
        self.sandbox, self.fails, self.deleted = Sandbox(), False, list[str]()
        self.sent = list[Call]()

    async def send(self, call: Call) -> Answer:
        if self.fails:
            return Unavailable(503, "down")
        if call.body.get("name") == "Bad":
            return Refused(422, json.dumps({"code": "Invalid", "of": call.body}))
        self.sent.append(call)
        return _answer(await self.sandbox.post(call.path, call.body))

    async def read(self, path: str) -> Answer:
        return Unavailable(503, "down") if self.fails else _answer(await self.sandbox.get(path))

    async def delete(self, path: str) -> Answer:
        self.deleted.append(path)
        return Unavailable(503, "down") if self.fails else _answer(await self.sandbox.delete(path))

    async def probe(self) -> Answer:
        return Accepted(200, "{}")


def _answer(got) -> Answer:
    text = got.body.decode()
    return Accepted(got.status, text) if got.status < 300 else Refused(got.status, text)


class AtOnce(concurrent.futures.Executor):
    """Runs in place, as a thread would: tests write thousands of transactions, and two threads that take turns are slow."""

    def submit(self, function, /, *arguments, **named):
        future = concurrent.futures.Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - handed to who asked
            future.set_exception(error)
        return future

    def shutdown(self, *_, **__) -> None:
        pass


class PrivacyWorld:
    """A data folder with all that writes it. `open` before use."""

    def __init__(self, folder: Path, *, api: SandboxApi | None = None) -> None:
        self.folder, self.clock, self.api = folder, ManualClock(START), api or SandboxApi()
        self.store, self.vault = SqliteWorld(folder, self.clock), Vault(folder / "secret.key")
        self.store.sources = ["web", "mobile", "server"]
        self.mapping = Mapping()
        self.store.naming = NamedBy(self.mapping)
        self.settings = Settings()

    async def open(self) -> "PrivacyWorld":
        await self.store.open()
        self._put_together()
        return self

    async def crash_and_reopen(self) -> None:
        await self.store.crash_and_reopen()
        self._put_together()

    async def close(self) -> None:
        await self.store.close()

    def _put_together(self) -> None:
        for group in (self.store.log.group, self.store.store.group):
            group.executor.shutdown()
            group.executor = AtOnce()
        destination = Destination(name=DESTINATION, api_key="k")
        retry = RetryPolicy(visitor_s=86_400.0, delay_s_max=1.0, park_s=30 * 86_400.0)
        self.engine = engine_over(
            self.store,
            self.api,
            self.clock,
            pace=Pace(per_s_max=1e9, as_of=self.clock.steady()),
            options=self.mapping,
            retry=retry,
            rules=rules_of(destination),
        )
        self.people = SuppressedList(self.folder, self.vault.derived)
        self.door = Suppressing(self.store.log, self.people, placeholders=self.settings.placeholder_ids)
        self.people.look()
        requests = Requests(self.folder, vault=self.vault, clock=self.clock)
        self.asking = Requesting(requests, SuppressedList(self.folder, self.vault.derived))
        self.errands, self.seal = Errands(self.folder, vault=self.vault), Seal(self.folder)
        self.traces = SqliteTraces(self.folder, clock=self.clock)
        self.searching = Searching(
            self.traces,
            SqliteLedgerShelf(self.folder),
            lambda: [DESTINATION],
            placeholders=lambda: self.settings.placeholder_ids,
            hashing=functools.partial(hashing_of, self.vault),
        )
        self.eraser = Eraser(
            self.asking,
            errands=self.errands,
            searching=self.searching,
            destinations=lambda: {DESTINATION: lambda names: erase(self.api, names, anonymous_fallback=False)},
            seal=self.seal,
            clock=self.clock,
            facts=lambda: {"penstock": "1"},
        )
        self.control = SqliteControl(self.folder, clock=self.clock)
        self.orders = SqliteOrders(self.folder, clock=self.clock)
        self.ledger_orders = SqliteLedgerOrders(self.folder, clock=self.clock)

    async def take(self, source: str, *calls: dict, **shared: object) -> None:
        """Take calls in as the gateway does: one alone, or several in a batch."""
        origin = Arrival(source=source, received_at_ms=int(self.clock.now() * 1000), ip="10.0.0.1")
        dice = SeededDice(len(calls))
        if len(calls) == 1 and not shared:
            batch = read_one(msgspec.json.encode(calls[0]), type_=str(calls[0]["type"]), origin=origin, dice=dice)
        else:
            batch = read_batch(msgspec.json.encode({"batch": calls, **shared}), origin=origin, dice=dice)
        await self.door.append([batch])

    async def second(self, *, deliver: bool = True) -> None:
        """Let a second pass: everybody looks, follows and sends once."""
        self.clock.advance(1.0)
        await self.door.follow()
        await follow(self.errands, ACCEPT, Removal, BehindTheDoor(self.store.log, self.door.follow).remove)
        if deliver:
            await self.deliver()
        await follow(self.errands, DELIVERY, Removal, self.store.store.remove)
        await self.eraser.step()

    async def deliver(self) -> None:
        """Send what can be sent now."""
        for lease in await self.store.backlog.lease(limit=100, lease_s=30.0, together=50):
            await self.engine.deliver(lease)

    async def until_done(self, *, seconds_max: int = 200) -> None:
        """Let time pass until no request is open."""
        for _ in range(seconds_max):
            if not any(request.is_open for request in self.asking.requests.all()):
                return
            await self.second()
        raise AssertionError([(r.number, r.problem, r.found) for r in self.asking.requests.all() if r.is_open])

    async def settle(self, *, seconds: int = 20) -> None:
        """Let everything be sent that can be."""
        for _ in range(seconds):
            await self.second()

    def told(self) -> dict[str, tuple[str, bytes]]:
        """Return how each event stands, and what is stored of it, by message id."""
        return {story.event.message_id: (story.state, story.event.body) for story in self.store.stories()}

    def texts(self) -> Iterator[tuple[str, bytes]]:
        """Yield every file as it lies on the disk, and what is packed in segments, whatever SQLite thinks of it."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                yield path.name, path.read_bytes()
        log = open_reader(self.folder / EVENTS)
        assert log is not None
        for (frame,) in log.execute("SELECT frame FROM segment"):
            yield "segment", packing.plain(frame)
        log.close()

    def found_of(self, *words: str) -> list[str]:
        """Return where one of some words stands anywhere on the disk."""
        asked = [word.lower().encode() for word in words]
        texts = ((name, text.lower()) for name, text in self.texts())
        return [f"{name}: {word.decode()}" for name, text in texts for word in asked if word in text]


class Person:
    """Somebody with all that may name them."""

    def __init__(self, dice: random.Random) -> None:
        self.id, self.anon, self.device = (f"{dice.getrandbits(64):016x}" for _ in range(3))
        self.email, self.phone = f"{self.id[:9]}@{self.anon[:6]}.example", f"+49{dice.randrange(10**10, 10**11)}"
        self.name = f"Name{self.device[:8]}"

    @property
    def words(self) -> tuple[str, ...]:
        """Return what must not be found anywhere once they are erased."""
        return self.id, self.anon, self.email, self.phone, self.name

    @property
    def traits(self) -> dict[str, object]:
        return {"email": self.email.title(), "name": self.name, "phone": self.phone, "plan": "pro"}
