"""What leased events mean, found by a pure step for each."""

import dataclasses
from collections.abc import Iterator, Sequence

from penstock.buffer.port.backlog import Lease
from penstock.deliver.dispatch import Read
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.steps import Steps
from penstock.destinations.plan import AGAIN, Meaning, Plan, Unmappable
from penstock.destinations.reading import meaning_and_time
from penstock.event import Event


async def read(leases: Sequence[Lease], steps: Steps, policy: DeliveryPolicy) -> list[Read]:
    """Return what the first of some leased events means, and those that can go along. Raises Unfinished."""
    first = leases[0]
    meaning, at_ms = await steps.run([first], meaning_of, first.event, policy)
    return [_read(first, meaning, at_ms), *read_behind(leases[1:], steps, policy)]


def read_behind(leases: Sequence[Lease], steps: Steps, policy: DeliveryPolicy) -> Iterator[Read]:
    """Yield what events behind the first of a lane mean, up to one that has to be the first itself."""
    for lease, (meaning, at_ms) in zip(leases, steps.behind(leases, meaning_of, policy), strict=False):
        yield _read(lease, meaning, at_ms)


def meaning_of(event: Event, policy: DeliveryPolicy) -> tuple[Meaning, int]:
    """Return what an event means, and when it happened, milliseconds since 1970."""
    options = policy.by_source.get(event.source, policy.options)
    meaning, at_ms = meaning_and_time(event, options, policy.wishes)
    if isinstance(meaning, Unmappable) and not policy.retry.visitor_s:
        meaning = dataclasses.replace(meaning, visitor="")
    return meaning, at_ms


def _read(lease: Lease, meaning: Meaning, at_ms: int) -> Read:
    if lease.is_anew and isinstance(meaning, Plan):
        meaning = Plan(tuple(call.anew(f"{AGAIN}{lease.replay}") for call in meaning.calls))
    return Read(lease=lease, meaning=meaning, at_ms=at_ms)
