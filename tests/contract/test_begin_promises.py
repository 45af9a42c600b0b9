"""From when on a destination gets what a source sent: decided once, when it is connected."""

import msgspec
import pytest

from contract.worlds import event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome

DAY_S = 86_400


def named(names, *, source="web"):
    return [event(name, user=name, source=source) for name in names]


async def settle_all(world, backlog) -> list[str]:
    """Let everything that is due end as delivered; return the names in order."""
    names = []
    while leases := await backlog.lease(limit=100, lease_s=30.0):
        for lease in leases:
            names.append(lease.event.message_id)
            await backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    return names


def sums(world, name, sources):
    counts = world.shelf.counts(name, sources)
    assert counts.received == counts.waiting + sum(counts.outcomes.values())
    return counts.received


@pytest.mark.parametrize(("choice", "sent"), [("all", ["a", "b"]), ("auto", ["a", "b"]), ("now", [])])
async def test_a_first_destination_gets_what_is_stored_unless_told_otherwise(world, choice, sent):
    await world.append(*named("ab"))
    backlog = world.backlog_of("first", lambda: ["web"], lambda _: choice)

    assert await settle_all(world, backlog) == sent
    await world.append(*named("cd"))

    assert await settle_all(world, backlog) == ["c", "d"]
    assert sums(world, "first", ["web"]) == len(sent) + 2


async def test_a_later_destination_of_a_source_begins_now(world):
    await world.append(*named("ab"))
    await settle_all(world, world.backlog)
    later = world.backlog_of("later", lambda: ["web"], lambda _: "auto")

    assert await settle_all(world, later) == []
    await world.append(*named("c"))

    assert await settle_all(world, later) == ["c"]
    assert sums(world, "later", ["web"]) == 1


async def test_the_last_days_are_sent_and_nothing_older(world):
    await world.append(*named(["old"]))
    world.clock.advance(10 * DAY_S)
    now_ms = int(world.clock.now() * 1000)
    await world.append(*[msgspec.structs.replace(each, received_at_ms=now_ms - DAY_S * 1000) for each in named("ab")])
    await world.append(*[msgspec.structs.replace(each, received_at_ms=now_ms) for each in named("c")])

    assert await settle_all(world, world.backlog_of("week", lambda: ["web"], lambda _: "7 days")) == ["a", "b", "c"]
    assert await settle_all(world, world.backlog_of("none", lambda: ["web"], lambda _: "1 day")) == ["a", "b", "c"]


async def test_a_source_that_is_connected_later_gets_its_stored_events_through_and_no_other_is_sent_twice(world):
    sources = ["web"]
    backlog = world.backlog_of("one", lambda: sources, lambda _: "auto")
    await world.append(*named("ab"), *named("xy", source="server"), *named("c"))
    assert await settle_all(world, backlog) == ["a", "b", "c"]

    sources.append("server")
    assert await settle_all(world, backlog) == ["x", "y"]
    await world.append(*named("d"), *named("z", source="server"))

    assert await settle_all(world, backlog) == ["d", "z"]
    assert sums(world, "one", sources) == 7


async def test_the_sums_are_right_while_the_log_is_read_again(world):
    sources = ["web"]
    backlog = world.backlog_of("one", lambda: sources, lambda _: "all")
    await world.append(*(event(f"w{n}", user=f"w{n}", source="web" if n % 2 else "server") for n in range(1_300)))
    await settle_all(world, backlog)
    sources.append("server")

    [lease, *_] = await backlog.lease(limit=1, lease_s=30.0)

    assert lease.event.source == "server"
    counts = world.shelf.counts("one", sources)
    assert (counts.received, counts.waiting) == (1_300, 650)


async def test_what_was_chosen_survives_restarts_and_other_choices(world):
    choice = ["now"]
    await world.append(*named("ab"))
    await settle_all(world, world.backlog_of("one", lambda: ["web"], lambda _: choice[0]))

    await world.crash_and_reopen()
    choice[0] = "all"

    assert await settle_all(world, world.backlog_of("one", lambda: ["web"], lambda _: choice[0])) == []


async def test_a_source_that_was_away_comes_back_without_what_it_missed(world):
    sources = ["web"]
    backlog = world.backlog_of("one", lambda: sources, lambda _: "all")
    await world.append(*named("a"))
    assert await settle_all(world, backlog) == ["a"]
    sources.clear()
    await world.append(*named("b"))
    assert await settle_all(world, backlog) == []

    sources.append("web")
    await world.append(*named("c"))

    assert await settle_all(world, backlog) == ["c"]


async def test_events_that_wait_are_not_taken_in_twice(world):
    sources = ["web"]
    backlog = world.backlog_of("one", lambda: sources, lambda _: "all")
    await world.append(*named("ab"), *named("x", source="server"))
    leases = await backlog.lease(limit=100, lease_s=30.0)
    assert len(leases) == 2

    sources.append("server")
    again = await backlog.lease(limit=100, lease_s=30.0)

    assert [lease.event.message_id for lease in again] == ["x"]
    assert sums(world, "one", sources) == 3


async def test_the_shelf_counts_what_is_stored_of_a_source_since_a_time(world):
    await world.append(*named("ab"), *named("x", source="server"))
    world.clock.advance(10 * DAY_S)
    now_ms = int(world.clock.now() * 1000)
    await world.append(*[msgspec.structs.replace(each, received_at_ms=now_ms) for each in named("cde")])

    assert [world.shelf.stored(source, since=0) for source in ("web", "server", "none")] == [5, 1, 0]
    assert world.shelf.stored("web", since=world.clock.now() - DAY_S) == 3
    assert world.shelf.stored("web", since=world.clock.now() + 1) == 0
