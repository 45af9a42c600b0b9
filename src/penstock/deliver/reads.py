"""What leased events mean, found by a pure step for each."""

from collections.abc import Iterator, Sequence

from penstock.buffer.port import Lease
from penstock.convert import convert
from penstock.convert.plan import Meaning
from penstock.convert.wanted import unwanted
from penstock.deliver.errand import Read
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.steps import Steps
from penstock.event import Event, enriched
from penstock.timestamps import parsed


async def read(leases: Sequence[Lease], steps: Steps, policy: DeliveryPolicy) -> list[Read]:
    """Return what the first of some leased events means, and those that can go along. Raises Unfinished."""
    first = leases[0]
    meaning, at_ms = await steps.run([first], meaning_of, first.event, policy)
    return [Read(lease=first, meaning=meaning, at_ms=at_ms), *read_behind(leases[1:], steps, policy)]


def read_behind(leases: Sequence[Lease], steps: Steps, policy: DeliveryPolicy) -> Iterator[Read]:
    """Yield what events behind the first of a lane mean, up to one that has to be the first itself."""
    for lease, (meaning, at_ms) in zip(leases, steps.behind(leases, meaning_of, policy), strict=False):
        yield Read(lease=lease, meaning=meaning, at_ms=at_ms)


def meaning_of(event: Event, policy: DeliveryPolicy) -> tuple[Meaning, int]:
    """Return what an event means, and when it happened, milliseconds since 1970."""
    call, mapping = enriched(event), policy.mappings.get(event.source, policy.mapping)
    meaning = unwanted(call, source=event.source, wishes=policy.wishes) or convert(call, mapping)
    happened = parsed(call["timestamp"])
    return meaning, event.received_at_ms if happened is None else int(happened.timestamp() * 1000)
