"""What the ledger saves on a day of traffic (tests/day.py), and what it costs: the day with it and without it, side by side.

1. Records of typical people written through the real tables: what a million would need on disk.
2. Both days go through the real engine, real files and HTTP into a real `penstock sandbox`, each into one of its own:
   calls planned, sent and saved, and whether Custify holds the same in the end, field by field.
3. A small day where Custify takes 20 calls a second: the same engine and tables, the sandbox in this process, and
   virtual time, so that minutes pass in seconds.

Without the ledger means `skip_unchanged` and `coalesce` off; policies, parking and the inference of companies stay on.
"""

import asyncio
import collections
import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import math
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil
import structlog
from rounds import QUICK, say, sized
from rows import Row

from day import SEED, SMALL, WHOLE, Body, Company, Person, day, uuid
from penstock.accept.one_by_one import read_batch
from penstock.accept.sdk_request import Arrival
from penstock.buffer.port.ledger import CallFigures
from penstock.buffer.port.outcomes import Attempt
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.delivery.ledger import SqliteLedgerShelf
from penstock.buffer.sqlite.file import DELIVERY
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.buffer.sqlite.read.shelf import SqliteShelf
from penstock.clock import Clock, SystemClock, SystemDice
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.engine import Engine
from penstock.deliver.pace import Pace
from penstock.deliver.policy import DeliveryPolicy
from penstock.destinations.answer import Answer, read_answer
from penstock.destinations.custify.api import PROBE_PATH, CustifyApi
from penstock.destinations.custify.convert import convert
from penstock.destinations.plan import Call, Plan
from penstock.destinations.port import Api
from penstock.destinations.reading import options_of
from penstock.event import Batch, Event, enriched
from penstock.ledger.record import Alias, Delta
from penstock.ledger.rules import rules_of
from penstock.ledger.weigh import Weighable, subjects_of, weigh
from penstock.settings import Destination, Settings
from sandbox_client import Sandbox
from sim.loop import LoopClock, run_virtually
from what_custify_holds import Held, differences, held

SAVED_GOAL, SOONER_GOAL, MILLION_MB_GOAL = 0.7, 3.0, 1_000
UPSERTS, CALLS_PER_S, ANSWER_S = ("/company", "/people"), 20.0, 0.1
SIZE = SMALL if QUICK else dataclasses.replace(WHOLE, people=WHOLE.people // 10, companies=WHOLE.companies // 10)
LIMITED = SMALL
PEOPLE, BATCH = sized(10_000, 3_000), 500
WITH = Destination(name="custify", api_key="bench-key")
WITHOUT = dataclasses.replace(WITH, skip_unchanged="off", coalesce="off")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """A day that was sent."""

    events: int
    seconds: float
    outcomes: Mapping[str, int]
    figures: Mapping[str, CallFigures]
    #: Requests that were answered, by method and path.
    requests: Mapping[str, int]
    held: Held

    @property
    def upserts(self) -> int:
        return sum(self.requests[f"POST {path}"] for path in UPSERTS)


class NearCustify:
    """The sandbox in this process, behind a network that takes its time."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.sandbox = clock, Sandbox()

    async def send(self, call: Call) -> Answer:
        return await self._ask(call.method, call.path, call.body)

    async def read(self, path: str) -> Answer:
        return await self._ask("GET", path, None)

    async def probe(self) -> Answer:
        return await self.read(PROBE_PATH)

    async def _ask(self, method: str, path: str, body: object) -> Answer:
        await asyncio.sleep(ANSWER_S)
        self.sandbox.now = self.clock.now()
        got = await self.sandbox.call(method, path, body)
        return read_answer(got.status, headers=got.headers, text=got.body.decode(), now=self.clock.now())


async def drain(folder: Path, bodies: Sequence[Body], to: Destination, *, custify: Api, clock: Clock) -> Drained:
    """Store a day, then deliver all of it; what Custify holds is left to the caller."""
    await store(folder, bodies, clock)
    delivery, shelf = DeliveryStore(folder, clock=clock), SqliteShelf(folder)
    await delivery.open()
    engine = engine_of(delivery, to, custify=custify, clock=clock)
    requests: collections.Counter[str] = collections.Counter()
    engine.observe = functools.partial(count, requests)
    began, running = clock.now(), asyncio.create_task(engine.run())
    while (counts := shelf.counts("custify", ["web"])).waiting:
        await asyncio.sleep(0.25)
    seconds = clock.now() - began
    engine.stop()
    await running
    await delivery.close()
    return Drained(
        events=len(bodies),
        seconds=seconds,
        outcomes=counts.outcomes,
        figures=SqliteLedgerShelf(folder).calls("custify"),
        requests=requests,
        held={},
    )


async def store(folder: Path, bodies: Sequence[Body], clock: Clock) -> None:
    log = SqliteLog(folder, clock=clock, disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    for first in range(0, len(bodies), BATCH):
        await log.append([read(bodies[first : first + BATCH])])
    await log.close()


def read(bodies: Sequence[Body]) -> Batch:
    origin = Arrival(source="web", received_at_ms=1_772_500_000_000, ip="127.0.0.1")
    return read_batch(json.dumps({"batch": bodies}).encode(), origin=origin, dice=SystemDice())


def engine_of(delivery: DeliveryStore, to: Destination, *, custify: Api, clock: Clock) -> Engine:
    backlog = delivery.backlog("custify", lambda: ["web"])
    return Engine(
        "custify",
        backlog=backlog,
        ledger=backlog.ledger,
        api=custify,
        pace=Pace(per_s_max=to.calls_per_s_max or math.inf, as_of=clock.now()),
        policy=DeliveryPolicy(options=options_of(to, Settings()), retry=RetryPolicy(), rules=rules_of(to)),
        clock=clock,
        dice=SystemDice(),
    )


def count(requests: "collections.Counter[str]", attempt: Attempt) -> None:
    requests[f"{attempt.method} {attempt.path.partition('?')[0]}"] += 1


@contextlib.contextmanager
def sandbox_process() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = os.environ | {"PENSTOCK_SANDBOX_LISTEN": address}
    process = subprocess.Popen(
        [sys.executable, "-m", "penstock", "sandbox"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while not answers(f"http://{address}/_sandbox/faults"):
            assert time.monotonic() < deadline, "the sandbox did not start"
            time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(30)


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False


def over_http(bodies: Sequence[Body], to: Destination) -> Drained:
    async def run(folder: Path, url: str) -> Drained:
        clock = SystemClock()
        api = CustifyApi(base_url=url, api_key=to.api_key, call_s_max=10, in_flight_max=32, clock=clock)
        drained = await drain(folder, bodies, to, custify=api, clock=clock)
        await api.close()
        return drained

    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder, sandbox_process() as url:
        drained = asyncio.run(run(Path(folder), url))
        with urllib.request.urlopen(f"{url}/_sandbox/state", timeout=60) as answer:
            return dataclasses.replace(drained, held=held(json.load(answer)))


def under_a_limit(bodies: Sequence[Body], to: Destination) -> Drained:
    async def run(folder: Path) -> Drained:
        clock = LoopClock(asyncio.get_running_loop())
        custify = NearCustify(clock)
        drained = await drain(folder, bodies, to, custify=custify, clock=clock)
        return dataclasses.replace(drained, held=held(await custify.sandbox.state()))

    # Not on a disk, if there is such a place: nothing is measured that a disk could delay.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="penstock-bench-", dir=memory) as folder:
        return run_virtually(run(Path(folder)))[0]


def told(name: str, drained: Drained) -> None:
    """Say what became of a day, for whoever watches."""
    print(f"   {name}: {drained.events} events in {drained.seconds:.1f} s", file=sys.stderr)
    print(
        "   " + ", ".join(f"{count} {outcome}" for outcome, count in drained.outcomes.items() if count), file=sys.stderr
    )
    for path, figures in drained.figures.items():
        print(
            f"   {path:<8} planned {figures.planned:6}  sent {figures.sent:6}  saved {figures.saved:6}", file=sys.stderr
        )


def different(name: str, with_it: Drained, without: Drained) -> Row:
    """Return how many fields differ of what Custify holds in the end."""
    found = differences(with_it.held, without.held)
    for sentence in found[:5]:
        print(f"   {sentence}", file=sys.stderr)
    sizes = ", ".join(f"{len(with_it.held[kind])} {kind}" for kind in ("people", "companies", "events"))
    return Row(
        name=f"{name}: fields that differ in the end", unit="", figure=float(len(found)), target="<= 0", note=sizes
    )


def saved(with_it: Drained, without: Drained) -> Row:
    """Return which share of the upserts was not needed."""
    return Row(
        name="the ledger: share of upserts saved on a day",
        unit="",
        figure=1 - with_it.upserts / without.upserts,
        target=f">= {SAVED_GOAL}",
        note=f"{with_it.events} events; {with_it.requests['GET /people']} look-ups",
    )


def sooner(with_it: Drained, without: Drained) -> Row:
    """Return how many times sooner all has arrived where calls are limited."""
    return Row(
        name=f"the ledger: times sooner at {CALLS_PER_S:.0f} calls a second, in virtual time",
        unit="",
        figure=without.seconds / with_it.seconds,
        target=f">= {SOONER_GOAL}",
        note=f"{with_it.events} events, {with_it.seconds:.0f} s beside {without.seconds:.0f} s",
    )


def records_on_disk() -> Row:
    """Write what is known of many people, in the order in which random ids come, and measure the file."""
    process, people = psutil.Process(), typical_people()
    before = process.memory_info().rss

    async def write(folder: Path) -> None:
        delivery = DeliveryStore(folder, clock=SystemClock())
        await delivery.open()
        ledger = delivery.ledger("custify")
        while batch := list(itertools.islice(people, BATCH)):
            learned = {subject: known.learn for one in batch for subject, known in learned_of(one).items()}
            ledger.keep(await delivery.group.run(functools.partial(ledger.learn, learned=learned)))
        await delivery.close()

    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        asyncio.run(write(Path(folder)))
        bytes_ = (Path(folder) / DELIVERY).stat().st_size
    return Row(
        name="the ledger: a million typical people on disk",
        unit="MB",
        figure=bytes_ / PEOPLE,
        target=f"<= {MILLION_MB_GOAL}",
        note=f"{PEOPLE} were written; memory grew by {(process.memory_info().rss - before) / 1e6:.0f} MB, cache and all",
    )


def typical_people() -> Iterator[Sequence[Body]]:
    """Yield an identify and a group call of each of many people."""
    dice = random.Random(SEED)
    companies = [Company(number, dice) for number in range(max(1, PEOPLE // 10))]
    for number in range(PEOPLE):
        person = Person(number, companies, dice, id_=uuid(dice))
        yield person.first_page()


def learned_of(bodies: Sequence[Body]) -> Mapping[str, Delta | Alias]:
    """Return what the ledger learns of calls about somebody who was not known before."""
    parts = [part_of(event) for event in read(bodies).events()]
    records = dict.fromkeys(subject for part in parts for subject in subjects_of(part.plan))
    return weigh(parts, records, rules_of(WITH), now=SystemClock().now()).learned


def part_of(event: Event) -> Weighable:
    plan = convert(enriched(event), options_of(WITH, Settings()))
    assert isinstance(plan, Plan)
    return Weighable(message_id=event.message_id, at_ms=event.received_at_ms, plan=plan, group=event.company_id)


def main() -> None:
    rows, whole, limited = [records_on_disk()], day(SIZE), day(LIMITED)
    told("with the ledger", with_it := over_http(whole, WITH))
    told("without", without := over_http(whole, WITHOUT))
    rows += [saved(with_it, without), different("the ledger, a day", with_it, without)]
    if not QUICK:
        with_it, without = (under_a_limit(limited, to_limited(each)) for each in (WITH, WITHOUT))
        rows += [sooner(with_it, without), different("the ledger, where calls are limited", with_it, without)]
    say(*rows)


def to_limited(destination: Destination) -> Destination:
    return dataclasses.replace(destination, calls_per_s_max=CALLS_PER_S)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    main()
