"""What newer events said is kept for a while: events that end meanwhile are not missed."""

import dataclasses
import json

from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.ledger import NewerUpserts, TakenUpsert
from penstock.clock import ManualClock
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.newer import NewerSayings
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.reads import read
from penstock.deliver.steps import Steps, Trusting
from penstock.destinations.custify.options import Mapping
from penstock.event import Event, MessageId


class Taken:
    """Upserts of Ana's that the destination took, by their place."""

    def __init__(self) -> None:
        self.events: dict[int, Event] = {}

    async def newer(self, subject: str, *, after_seq: int, limit: int) -> NewerUpserts:
        places = [seq for seq in sorted(self.events) if seq > after_seq][:limit]
        found = [TakenUpsert(seq=seq, event=self.events[seq]) for seq in places]
        # As the log: what did not end is passed as well.
        return NewerUpserts(events=found, seen_to=max([after_seq, 9, *places]), is_all=len(places) < limit)


def identify(number: int) -> Event:
    body = {"type": "identify", "userId": "ana", "messageId": f"m{number}", "traits": {"plan": f"{number}"}}
    return Event(
        source="web", message_id=MessageId(f"m{number}"), type="identify", user_id="ana", anonymous_id="", company_id="",
        received_at_ms=1_700_000_000_000, request_ip="", body=json.dumps(body).encode(),
    )  # fmt: skip


async def test_what_was_parked_while_newer_events_were_looked_for_counts_once_it_was_taken():
    taken, clock = Taken(), ManualClock()
    sayings, steps = NewerSayings(taken, clock=clock), Steps("custify", Trusting())
    policy = DeliveryPolicy(options=Mapping(), retry=RetryPolicy())
    first = Lease(event=identify(1), seq=1, attempt=1, first_failed_at=None, token=1, expires_at=1e12, replay=3)
    live = dataclasses.replace(first, event=identify(3), seq=3, replay=0)

    again = await read([first], steps, policy)
    [before] = await sayings.overtaking(again, {}, steps, policy)
    sayings.sent_live(await read([live], steps, policy), {})
    taken.events[3] = live.event
    [after] = await sayings.overtaking(again, {}, steps, policy)

    assert not before["user:ana"].fields
    assert "custom_attributes.plan" in after["user:ana"].fields


async def test_live_events_that_come_behind_what_was_looked_through_are_not_kept():
    sayings, steps = NewerSayings(Taken(), clock=ManualClock()), Steps("custify", Trusting())
    policy = DeliveryPolicy(options=Mapping(), retry=RetryPolicy())
    first = Lease(event=identify(1), seq=1, attempt=1, first_failed_at=None, token=1, expires_at=1e12, replay=3)
    await sayings.overtaking(await read([first], steps, policy), {}, steps, policy)

    for seq in range(10, 30):
        sayings.sent_live(await read([dataclasses.replace(first, seq=seq, replay=0)], steps, policy), {})

    assert sayings.known["user:ana"].sent_since == {1}
