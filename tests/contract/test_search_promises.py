"""What people find: events by person, company, name, source and state, the newest first."""

import collections

import msgspec
import pytest

from contract.worlds import DESTINATION, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.query import Query
from penstock.buffer.rules.bars import BARS_MAX
from penstock.buffer.sqlite.read.candidates import LOOKED_AT_MAX
from penstock.buffer.sqlite.read.histogram import SAMPLED_MAX, WALKED_MAX

#: When the events of these tests came, unless said otherwise, in seconds since 1970.
BEGIN = 1_700_000_000


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


def came(each, at_s: float):
    """Return an event as received at another time."""
    return msgspec.structs.replace(each, received_at_ms=int(at_s * 1000))


async def test_a_stretch_of_time_has_what_came_in_it(world):
    begin, middle, end = (BEGIN + hours * 3_600 for hours in range(3))
    await world.append(came(track("t1", "ana", "Paid"), begin))
    await world.append(came(track("t2", "ana", "Paid"), middle), came(event("g1", "bo", company="acme"), middle))
    await world.append(came(track("t3", "ana", "Paid"), end))
    await world.lease(0)

    for query in ({}, {"person": "ana"}, {"event_name": "Paid"}, {"type": "track"}):
        found = world.search.find(DESTINATION, Query(since=middle, until=end, **query))
        assert names(found)[-1:] == ["t2"], query
        assert not {"t1", "t3"} & set(names(found)), query
        assert found.next_seq is None, "nothing older is looked for"
    assert names(world.search.find(DESTINATION, Query(since=middle + 1))) == ["t3"]
    assert names(world.search.find(DESTINATION, Query(until=middle))) == ["t1"]


def totals(found) -> dict[str, float]:
    """Return how many events of a histogram stand how."""
    return dict(sum((collections.Counter(bar) for bar in found.bars), collections.Counter()))


async def test_a_histogram_of_many_events_costs_no_more_and_names_every_bad_one(sqlite_world):
    world, hours = sqlite_world, 20
    for hour in range(hours):
        events = (event(f"m{hour}-{n}", f"u{n}", source="server" if n % 2 else "web") for n in range(500))
        await world.append(*(came(each, BEGIN + hour * 3_600) for each in events))
    for lease in await world.lease(3):
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DEAD, cause="custify.refused.422", reason="no"))
    now = BEGIN + hours * 3_600

    whole = world.search.histogram(DESTINATION, ["web", "server"], Query(), now=now)
    assert len(whole.bars) <= BARS_MAX
    assert whole.is_estimated
    assert whole.looked_at <= SAMPLED_MAX + 3, "of 10 000"
    assert totals(whole)["dead"] == 3
    assert totals(whole)["waiting"] == pytest.approx(10_000 - 3)
    web = world.search.histogram(DESTINATION, ["web", "server"], Query(source="web"), now=now)
    assert 4_000 < totals(web)["waiting"] < 6_000
    assert totals(world.search.histogram(DESTINATION, ["web"], Query(source="server"), now=now)) == {}
    hour = world.search.histogram(DESTINATION, ["web", "server"], Query(since=now - 7_200, until=now - 3_600), now=now)
    assert totals(hour)["waiting"] == pytest.approx(500)
    tracks = world.search.histogram(DESTINATION, ["web", "server"], Query(type="track"), now=now)
    assert tracks.looked_at <= SAMPLED_MAX
    assert totals(tracks)["waiting"] + totals(tracks).get("dead", 0) == pytest.approx(10_000)


async def test_a_histogram_by_an_index_is_counted_and_says_where_it_ended(sqlite_world):
    world = sqlite_world
    await world.append(*(came(track(f"m{n}", f"u{n}", "Paid"), BEGIN + n) for n in range(WALKED_MAX + 10)))
    await world.append(came(track("b1", "bo", "Opened"), BEGIN + 5_000))
    while leases := await world.lease(100):
        for lease in leases:
            await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))

    one = world.search.histogram(DESTINATION, ["web"], Query(event_name="Opened"), now=BEGIN + 5_001)
    assert (totals(one), one.from_at, one.is_estimated) == ({"delivered": 1}, None, False)
    many = world.search.histogram(DESTINATION, ["web"], Query(event_name="Paid"), now=BEGIN + 5_001)
    assert (sum(totals(many).values()), many.from_at) == (WALKED_MAX, BEGIN + 9)


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
