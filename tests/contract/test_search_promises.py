"""What people find: events by person, company, name, source and state, the newest first."""

import msgspec
import pytest

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.query import Query
from penstock.buffer.sqlite.read.search import LOOKED_AT_MAX


def track(name: str, user: str, title: str, **properties):
    body = {"type": "track", "event": title, "properties": properties, "messageId": name}
    return msgspec.structs.replace(event(name, user), body=msgspec.json.encode(body))


def names(found) -> list[str]:
    return [story.event.message_id for story in found.stories]


@pytest.fixture
async def stocked(world):
    """Return a world where everything was taken in: one delivered, one dead, the rest waiting."""
    await world.append(
        track("t1", "ana", "Paid", company_id="acme"),
        track("t2", "bo", "Paid"),
        event("g1", "ana", company="acme"),
        event("v1", anonymous="visitor"),
        track("t3", "ana", "Opened"),
        event("s1", "cy", source="server"),
    )
    leases = {lease.event.message_id: lease for lease in await world.lease()}
    await world.backlog.settle(Ending(lease=leases["t1"], outcome=Outcome.DELIVERED))
    await world.backlog.settle(
        Ending(lease=leases["t2"], outcome=Outcome.DEAD, cause="custify.refused.422", reason="refused")
    )
    return world


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), ["s1", "t3", "v1", "g1", "t2", "t1"]),
        (Query(person="ana"), ["t3", "g1", "t1"]),
        (Query(person="visitor"), ["v1"]),
        (Query(company="acme"), ["g1", "t1"]),
        (Query(event_name="Paid"), ["t2", "t1"]),
        (Query(person="ana", event_name="Paid"), ["t1"]),
        (Query(person="ana", company="acme"), ["g1", "t1"]),
        (Query(source="server"), ["s1"]),
        (Query(type="group"), ["g1"]),
        (Query(message_id="t3"), ["t3"]),
        (Query(state="dead"), ["t2"]),
        (Query(state="delivered"), ["t1"]),
        (Query(state="waiting", person="ana"), ["t3", "g1"]),
        (Query(person="nobody"), []),
        (Query(message_id="nothing"), []),
    ],
    ids=repr,
)
async def test_what_fits_is_found_the_newest_first(stocked, query, expected):
    assert names(stocked.search.find(DESTINATION, query)) == expected


async def test_a_page_ends_with_a_place_to_go_on_from(stocked):
    first = stocked.search.find(DESTINATION, Query(person="ana"), limit=2)
    second = stocked.search.find(DESTINATION, Query(person="ana"), limit=2, before_seq=first.next_seq)

    assert (names(first), names(second)) == (["t3", "g1"], ["t1"])
    assert second.next_seq is None


async def test_people_and_companies_are_found_by_how_they_begin(stocked):
    assert [seen.id for seen in stocked.search.people("")] == ["ana", "bo", "cy", "visitor"]
    assert [seen.id for seen in stocked.search.people("a")] == ["ana"]
    assert [seen.id for seen in stocked.search.companies("ac")] == ["acme"]
    assert stocked.search.people("ana")[0].last_seq == 5


async def test_a_replayed_event_is_found_as_what_it_is_now(stocked):
    from penstock.buffer.port.selection import Selection

    await stocked.backlog.replay(Selection(), job=1, limit=10)

    assert names(stocked.search.find(DESTINATION, Query(state="dead"))) == []
    assert names(stocked.search.find(DESTINATION, Query(person="bo", state="waiting"))) == ["t2"]


async def test_one_question_looks_at_a_bounded_number_of_events(sqlite_world):
    world = sqlite_world
    await world.append(*(event(f"m{i}", "ana") for i in range(LOOKED_AT_MAX + 10)))
    await world.lease(0)

    found = world.search.find(DESTINATION, Query(person="ana", state="delivered"))

    assert found.stories == []
    assert found.next_seq == 11


async def test_what_retention_took_is_not_found_and_leaves_the_index(sqlite_world):
    world = sqlite_world
    await world.append(event("m1", "ana"))
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))
    await world.log.prune(older_than_ms=2**62, bytes_max=1, destinations=[DESTINATION])
    await world.append(event("m2", "bo"))
    await world.lease()

    assert names(world.search.find(DESTINATION, Query(person="ana"))) == []
    while await world.store.prune():
        pass
    assert [seen.id for seen in world.search.people("")] == ["bo"]
