"""What one event with very many new names costs deliver: the guard against a long list of Custify's, and every other step.

1. The guard alone: CPU seconds for 30 000 new names beside 10 000 known ones, when nothing is alike, when names are
   numbered, when most are near misses of known ones, and when all were made to have halves in common and not be alike.
   How long the loop was kept from others at most, without a turn for them.
2. Each step on the way of such an identify, for N and for 4 N names: a step that grows with the square takes 16 times as
   long, one that grows with the names 4 times.
"""

import asyncio
import dataclasses
import gc
import itertools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
from rounds import say, sized
from rows import Row

from penstock.clock import SystemClock
from penstock.deliver.attributes import NewAttributes
from penstock.deliver.dispatch import Read, dispatch_of
from penstock.destinations.answer import Accepted
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping as Options
from penstock.destinations.plan import Plan
from penstock.event import Event, MessageId, enriched
from penstock.ledger.likeness import COMPARED_MAX
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Weighable, subjects_of, weigh

NEW, KNOWN = sized(30_000, 5_000), sized(10_000, 2_000)
CPU_S_GOAL, TURN_MS_GOAL, GROWTH_GOAL = 0.5, 50.0, 8.0
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WIDE = Options(names_max=10**9)
NOW = 1_700_000_000.0


def words(seed: int, count: int) -> list[str]:
    dice = random.Random(seed)
    return ["_".join("".join(dice.choices(LETTERS, k=6)) for _ in range(3)) for _ in range(count)]


def sharing(seed: int, count: int) -> list[str]:
    """Return names with the same first half, of lengths that are looked at together, and nothing else in common."""
    dice = random.Random(seed)
    return ["a" * 30 + "".join(dice.choices(LETTERS, k=24 + number % 6)) for number in range(count)]


def sets_of_names() -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """Yield names that Custify has, and new ones."""
    known = words(1, KNOWN)
    yield "nothing alike", known, words(2, NEW)
    yield "numbered", [f"trait_{n}" for n in range(KNOWN)], [f"trait_{n}" for n in range(KNOWN, KNOWN + NEW)]
    yield "near misses", known, [f"{name[:-1]}{n % 10}x" for n, name in zip(range(NEW), itertools.cycle(known))]
    yield "made to be compared", sharing(3, KNOWN), sharing(4, NEW)


async def guard(known: Sequence[str], new: Sequence[str]) -> tuple[float, float, int, int]:
    """Return CPU seconds, the longest turn of the loop in milliseconds, comparisons, and how many were strange."""
    watch, turns = NewAttributes(clock=SystemClock()), [time.process_time()]
    calls = [Call("/people", {"user_id": "ana", "custom_attributes": dict.fromkeys(new, "x")})]
    text = msgspec.json.encode([{"name": name, "type": "string"} for name in known]).decode()

    async def read(_: str) -> Accepted:
        return Accepted(200, text)

    async def others() -> None:
        while True:
            turns.append(time.process_time())
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    # Custify's list is read and indexed once an hour, not for each event.
    await watch.suspicions([Call("/people", {"custom_attributes": {"first": 1}})], "m0", read)
    began = time.process_time()
    turns.append(began)
    found = await watch.suspicions(calls, "m1", read)
    cpu_s = time.process_time() - began
    beside.cancel()
    attributes = watch.known["/people"][0]
    assert attributes is not None
    longest = max(later - earlier for earlier, later in itertools.pairwise(turns))
    return cpu_s, longest * 1000, attributes.names.compared, len(found)


def steps(count: int) -> Mapping[str, Callable[[], object]]:
    """Return what deliver does with an identify, by the name of the step."""
    body = {"type": "identify", "userId": "ana", "traits": dict.fromkeys(words(4, count), "x")}
    event = Event(
        source="web",
        message_id=MessageId("m1"),
        type="identify",
        user_id="ana",
        anonymous_id="",
        company_id="",
        received_at_ms=int(NOW * 1000),
        request_ip="127.0.0.1",
        body=msgspec.json.encode(body),
    )
    call = enriched(event)
    plan = convert(call, WIDE)
    assert isinstance(plan, Plan)
    part, rules = Weighable(message_id="m1", at_ms=event.received_at_ms, plan=plan), Rules()
    records = dict.fromkeys(subjects_of(plan))
    weighed = weigh([part], records, rules, now=NOW)
    lease = type("Leased", (), {"event": event})()
    read = Read(lease=lease, meaning=plan, at_ms=event.received_at_ms)
    [delta] = weighed.learned.values()
    record = delta.learn(None)
    return {
        "decode": lambda: enriched(event),
        "convert": lambda: convert(call, WIDE),
        "convert, flattened": lambda: convert(call, dataclasses.replace(WIDE, nested="flatten")),
        "convert, rudderstack": lambda: convert(call, Options(name="rudderstack", names_max=10**9)),
        "weigh": lambda: weigh([part], records, rules, now=NOW),
        "dispatch": lambda: dispatch_of([read], weighed, seen={}, is_shadow=False).figures(),
        "record": lambda: delta.learn(record),
        "doubt": lambda: delta.doubt(record),
        "encode the call": lambda: msgspec.json.encode(weighed.calls[0].body),
    }


def cpu_s(work: Callable[[], object]) -> float:
    """Return the best of three: the others were disturbed."""

    def once() -> float:
        gc.collect()
        began = time.process_time()
        kept = work()
        took = time.process_time() - began
        del kept
        return took

    return min(once() for _ in range(3))


def guarded() -> Iterator[Row]:
    """Yield what the guard costs for each set of names."""
    for what, known, new in sets_of_names():
        cpu, turn_ms, compared, strange = asyncio.run(guard(known, new))
        note = f"{NEW} names beside {KNOWN}; {compared / NEW:.1f} comparisons a name (at most {COMPARED_MAX}), {strange} strange"
        yield Row(name=f"guard: {what}", unit="s CPU", figure=cpu, target=f"<= {CPU_S_GOAL}", note=note)
        yield Row(name=f"guard: {what}, others' longest wait", unit="ms", figure=turn_ms, target=f"<= {TURN_MS_GOAL}")


def grown() -> Iterator[Row]:
    """Yield how much longer each step takes for four times as many names."""
    small, large = steps(NEW), steps(4 * NEW)
    for name, work in small.items():
        one, four = cpu_s(work), cpu_s(large[name])
        yield Row(
            name=f"an identify of very many names: {name}",
            unit="ms",
            figure=four * 1000,
            beside="a quarter of them",
            limit=one * 1000,
            target=f"<= {GROWTH_GOAL}",
        )


if __name__ == "__main__":
    say(*guarded(), *grown())
