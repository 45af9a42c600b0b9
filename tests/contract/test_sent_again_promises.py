"""What a replay of events promises that were taken already, and what it is told of newer ones."""

import msgspec
import pytest

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.ledger import said_by
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.port.selection import Selection
from penstock.destinations.answer import is_yes

DONE, DEAD, ANY = Outcome.DELIVERED, Outcome.DEAD, Selection(outcome="any")


async def end(world, *events, outcome: Outcome = DONE, **facts) -> None:
    """Send events, and let each end so."""
    if events:
        await world.append(*events)
    while leases := await world.lease():
        for lease in leases:
            await world.backlog.settle(Ending(lease=lease, outcome=outcome, **facts))


async def replay(world, selection: Selection = ANY, *, job: int = 1, **facts):
    return await world.backlog.replay(selection, job=job, limit=100, **facts)


async def test_events_that_were_taken_are_sent_again_and_every_event_is_counted_once(world):
    await end(world, event("m1", "ana"), event("m2", "ana"))

    assert (await replay(world)).replayed == 2
    assert (world.counts().received, world.counts().waiting, world.counts().outcomes) == (2, 2, {})
    leases = await world.lease()
    assert [(lease.event.message_id, lease.replay, lease.is_anew) for lease in leases] == [("m1", 1, False)]
    await world.backlog.settle(Ending(lease=leases[0], outcome=Outcome.NO_OP))
    await end(world)
    assert world.counts().outcomes == {Outcome.NO_OP: 1, DONE: 1}


async def test_what_is_to_count_once_more_is_leased_so_also_after_a_crash(world):
    await end(world, event("m1", "ana"))
    await replay(world, fresh_ids=True)
    await world.crash_and_reopen()

    [lease] = await world.lease()

    assert (lease.replay, lease.is_anew) == (1, True)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), ["bad"]),
        (Selection(outcome="any"), ["bad", "done", "group", "out"]),
        (Selection(outcome="delivered"), ["done", "group"]),
        (Selection(outcome="filtered"), ["out"]),
        (Selection(outcome="any", type="group"), ["group"]),
        (Selection(outcome="any", person="ana"), ["done", "group"]),
        (Selection(outcome="any", company="acme"), ["group"]),
        (Selection(outcome="any", message_id="out"), ["out"]),
        (Selection(outcome="any", source="app"), []),
        (Selection(outcome="any", since=1_700_000_000.0), ["bad", "done", "group", "out"]),
        (Selection(outcome="any", until=1_700_000_000.0), []),
        (Selection(outcome="any", cause="custify.refused.422"), ["bad"]),
    ],
    ids=repr,
)
async def test_a_replay_takes_what_its_selection_says_however_it_ended(world, selection, expected):
    await end(world, event("done", "ana"), event("group", "ana", company="acme"))
    await end(world, event("bad", "bo"), outcome=DEAD, cause="custify.refused.422")
    await end(world, event("out", "cy"), outcome=Outcome.FILTERED, cause="type.unwanted")
    await end(world, event("gone", "cy"), outcome=Outcome.SUPPRESSED)

    shown = [story.event.message_id for story in world.dead.select(DESTINATION, selection).stories]
    step = await replay(world, selection)

    assert sorted(shown) == expected
    assert (step.replayed, step.is_read) == (len(expected), True)


async def test_a_selection_is_read_page_by_page_even_where_few_events_fit(world):
    await end(world, *(event(f"m{i}", "ana") for i in range(5)))
    await end(world, event("other", "bo"), outcome=DEAD, cause="custify.refused.422")
    names, after = [], 0
    while after is not None:
        page = world.dead.select(DESTINATION, Selection(outcome="dead"), after_seq=after, limit=2)
        names += [story.event.message_id for story in page.stories]
        after = page.next_seq

    assert names == ["other"]


def upsert(name: str, user: str):
    return msgspec.structs.replace(event(name, user), type="identify")


async def newer(world, subject: str, *, after_seq: int = 0, limit: int = 100):
    page = await ledger_of(world).newer(subject, after_seq=after_seq, limit=limit)
    return [each.event.message_id for each in page.events], page.is_all


def ledger_of(world):
    store = getattr(world, "store", None)
    return store.ledger(DESTINATION) if store else world.backlog.ledger


async def test_newer_upserts_are_those_of_the_subject_that_were_taken(world):
    await end(world, upsert("i1", "ana"), event("t2", "ana"), event("g3", "ana", company="acme"), upsert("i4", "bo"))
    await end(world, upsert("i5", "ana"), outcome=DEAD, cause="custify.refused.422")
    await end(world, upsert("i6", "ana"), outcome=Outcome.NO_OP)

    assert await newer(world, "user:ana") == (["i1", "g3", "i6"], True)
    assert await newer(world, "user:ana", after_seq=3) == (["i6"], True)
    assert await newer(world, "company:acme") == (["g3"], True)
    assert (await newer(world, "user:ana", limit=1))[1] is False


async def test_what_is_being_sent_again_is_newer_still(world):
    await end(world, upsert("i1", "ana"), upsert("i2", "ana"))
    await end(world, upsert("i3", "ana"), outcome=DEAD, cause="custify.refused.422")

    await replay(world)

    assert await newer(world, "user:ana", after_seq=1) == (["i2"], True)


async def test_of_an_event_that_died_counts_what_was_acknowledged(world):
    taken = Attempt(at=1.0, method="POST", path="/company", status=200, answer="{}", duration_ms=1)
    odd = Attempt(at=1.0, method="POST", path="/people", status=200, answer='{"errors":["no"]}', duration_ms=1)
    refused = Attempt(at=1.0, method="POST", path="/people", status=422, answer="", duration_ms=1)
    group = event("g1", "ana", company="acme")
    await end(world, group, outcome=DEAD, cause="custify.refused.422", attempts=[taken, odd, refused])

    page = await ledger_of(world).newer("company:acme", after_seq=0, limit=10)

    assert [said_by(each, is_yes)["paths"] for each in page.events] == [frozenset({"/company"})]
