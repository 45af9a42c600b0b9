"""Many people in the ledger: what delivering an event costs beside a million of them, and beside a thousand."""

import asyncio
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from backlog import drained
from load import IDENTIFY, Traffic, send
from rounds import in_turn, median, paired, say, sized
from rows import Row
from serving import Penstock, one_way, place
from sink import Sinks

from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.file import DELIVERY
from penstock.clock import SystemClock
from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping as Options
from penstock.destinations.plan import Plan
from penstock.ledger.rules import Rules
from penstock.ledger.weigh import Weighable, subjects_of, weigh

FEW, MANY, EVENTS, TOGETHER = 1_000, sized(300_000, 30_000), sized(3_000, 1_500), 5_000
NOW = 1_790_000_000.0
GROWTH_BYTES_MAX = 1_000


def typical() -> Mapping[str, bytes]:
    """Return what the ledger keeps of a person who was identified, by subject; user-0 stands for whom it is."""
    plan = convert(msgspec.json.decode(IDENTIFY % (1, 0, 0.0)), Options())
    assert isinstance(plan, Plan)
    records = dict.fromkeys(subjects_of(plan))
    weighed = weigh([Weighable(message_id="m", at_ms=int(NOW * 1000), plan=plan)], records, Rules(), now=NOW)
    return {subject: delta.learn(None) for subject, delta in weighed.learned.items() if hasattr(delta, "doubt")}


def learned(people: int) -> Iterator[dict[str, object]]:
    """Yield what is learned of so many people, in pieces."""
    kept = typical()
    for first in range(0, people, TOGETHER):
        numbers = range(first, min(first + TOGETHER, people))
        yield {
            subject.replace("user-0", f"user-{number}"): lambda _, record=record: record
            for number in numbers
            for subject, record in kept.items()
            if "user-0" in subject
        }


async def known(data_dir: Path, people: int) -> None:
    """Let the ledger know so many people."""
    store = DeliveryStore(data_dir, clock=SystemClock())
    await store.open()
    ledger = store.ledger("custify")
    for some in learned(people):
        await store.group.run(functools.partial(ledger.learn, learned=some))
    await store.close()


def filled(folder: Path, settings: str, people: int) -> Path:
    """Return a folder with events of some of so many people who are all known."""
    with Penstock(folder, settings) as penstock:
        penstock.start("accept")
        send(penstock.port, Traffic(people=people, batch=100), events=EVENTS)
    asyncio.run(known(folder / "data", people))
    return folder


def main() -> None:
    with Sinks() as sinks, place() as root:
        settings = one_way(sinks.url, unknown_people="auto")
        full = {people: filled(root / f"{people}", settings, people) for people in (FEW, MANY)}
        sizes = {people: (folder / "data" / DELIVERY).stat().st_size for people, folder in full.items()}
        found = in_turn(
            {
                f"{people}": lambda at=folder: drained(at, settings, sinks, calls=EVENTS)
                for people, folder in full.items()
            }
        )
    few, many = found.values()
    say(
        Row(
            name="many people in the ledger: processor time for an event",
            unit="µs",
            beside=f"{FEW} people",
            target="<= 1.15",
            note=f"{MANY} people; {median(many, 'pss_mb'):.0f} MB beside {median(few, 'pss_mb'):.0f}",
            written_bytes=median(many, "written_bytes"),
            **paired(many, few, "cpu_us"),
        ),
        Row(
            name="many people in the ledger: bytes on disk for a person",
            unit="B",
            figure=(sizes[MANY] - sizes[FEW]) / (MANY - FEW),
            target=f"<= {GROWTH_BYTES_MAX}",
        ),
    )


if __name__ == "__main__":
    main()
