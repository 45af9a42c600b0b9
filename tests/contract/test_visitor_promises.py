"""What a visitor did before signing in waits until an event names the visitor with a person, and then is that person's."""

import dataclasses

import msgspec

from contract.worlds import DESTINATION, SqliteWorld, World, event, file_of_schema
from penstock import causes
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.rules.lanes import VISITOR_EVENTS_MAX, by_head
from penstock.buffer.sqlite.file import DELIVERY, EVENTS
from penstock.event import Named

DONE = Outcome.DELIVERED


async def wait_for_sign_in(world: World, lease, *, room: int = 1_000) -> bool:
    subjects = [f"anon:{lease.event.anonymous_id}"]
    now = world.clock.now()
    return await world.backlog.park(lease, since=now, until=now + 3_600.0, subjects=subjects, room=room)


async def became(world: World) -> dict[str, str]:
    """Return whom the visitors of what can be handed out became, by event."""
    return {lease.event.message_id: lease.event.became for lease in await world.lease()}


async def test_an_event_that_names_both_wakes_what_the_visitor_did_in_front_of_itself(world):
    await world.append(event("a1", anonymous="x"), event("b1", anonymous="y"))
    for lease in await world.lease():
        assert await wait_for_sign_in(world, lease)
    await world.append(event("in", "ana", anonymous="x"), event("u2", "ana"))

    assert await became(world) == {"a1": "user:ana"}


async def test_who_signs_in_while_the_event_is_under_way_is_known_when_it_is_parked(world):
    await world.append(event("a1", anonymous="x"))
    [lease] = await world.lease()
    await world.append(event("in", "ana", anonymous="x"))
    await world.lease()  # taken in: it waits behind the visitor's event

    await wait_for_sign_in(world, lease)

    assert await became(world) == {"a1": "user:ana"}


async def test_it_is_shown_as_waiting_with_its_reason_and_afterwards_as_whose_it_was(world):
    await world.append(event("a1", anonymous="x"))
    [lease] = await world.lease()
    await wait_for_sign_in(world, lease)
    [story] = world.stories()
    counts = world.counts()
    assert (story.state, story.cause) == ("parked", causes.ANONYMOUS)
    assert (counts.received, counts.waiting, counts.parked) == (1, 1, 1)

    await world.append(event("in", "ana", anonymous="x"))
    [lease] = await world.lease()
    await world.backlog.settle(Ending(lease=lease, outcome=DONE))

    assert world.stories()[0].event.became == "user:ana"


async def test_where_several_signed_in_it_is_not_certain_whose_it_is(world):
    await world.append(event("in", "ana", anonymous="x"), event("too", "bo", anonymous="x"), event("a1", anonymous="x"))
    for lease in await world.lease():
        await world.backlog.settle(Ending(lease=lease, outcome=DONE))

    assert await became(world) == {"a1": ""}


async def test_a_visitor_with_a_known_email_becomes_the_person_who_has_it(world):
    world.naming = WithEmail()
    mail = msgspec.structs.replace(event("m1", anonymous="x"), request_ip="ana@x.io")
    known = msgspec.structs.replace(event("m2", "ana"), request_ip="ana@x.io")
    await world.append(mail, event("a1", anonymous="x"), known, event("a2", anonymous="x"))

    found = dict[str, str]()
    while leases := await world.lease():
        found |= {lease.event.message_id: lease.event.became for lease in leases}
        await world.backlog.settle(*(Ending(lease=lease, outcome=DONE) for lease in leases))

    assert found == {"m1": "", "a1": "email:ana@x.io", "m2": "", "a2": "user:ana"}


async def test_no_more_wait_than_may_and_one_visitor_cannot_take_all_the_room(world):
    await world.append(*(event(f"a{n}", anonymous=f"v{n}") for n in range(4)))
    parked = [await wait_for_sign_in(world, lease, room=3) for lease in await world.lease()]
    assert parked == [True, True, True, False]

    await world.append(*(event(f"b{n}", anonymous="one") for n in range(VISITOR_EVENTS_MAX + 1)))
    world.pass_time(60.0)
    taken = 0
    while taken <= VISITOR_EVENTS_MAX:
        own = [lease for lease in await world.lease() if lease.event.anonymous_id == "one"]
        assert own
        if not await wait_for_sign_in(world, own[0], room=10_000):
            break
        taken += 1

    assert taken == VISITOR_EVENTS_MAX


@dataclasses.dataclass(frozen=True)
class WithEmail:
    """The e-mail stands beside the event."""

    key: str = "with e-mail"

    def __call__(self, event) -> Named:
        return msgspec.structs.replace(by_head(event), email=event.request_ip.replace("127.0.0.1", ""))


async def test_what_waits_is_named_anew_when_events_are_read_in_another_way(world):
    first = msgspec.structs.replace(event("m1", "42.0"), request_ip="ana@x.io")
    await world.append(first, event("m2", "42.0"), event("o1", "bo"))
    assert len(await world.lease()) == 2
    world.pass_time(world.lease_s)

    world.naming = ByNumber()
    await world.append(event("m3", "42"))

    assert sorted(await world.leased_names()) == ["m1", "o1"]
    assert world.counts().waiting == 4


@dataclasses.dataclass(frozen=True)
class ByNumber:
    key: str = "by number"

    def __call__(self, event) -> Named:
        return Named(user_id=event.user_id.removesuffix(".0"))


async def test_events_that_wait_in_a_file_of_an_older_version_keep_their_order_with_new_ones(tmp_path):
    old = (
        "INSERT INTO events VALUES (1, 'web', 'm1', 'track', '42.0', '', '', 1700000000000, '127.0.0.1', ?)",
        [b"{}"],
    )
    columns = "destination, position, seq, lanes, blocked, due, received_at_ms"
    values = ["custify", 1, 1, '["user:42.0"]', 0, 0, 1_700_000_000_000]
    waiting = (f"INSERT INTO waiting ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    place = ("INSERT INTO place VALUES ('custify', 'user:42.0', 1)", [])
    link = ("INSERT INTO link VALUES ('custify', 'x', '42')", [])
    read = ("INSERT INTO destination (name, cursor, next_position, received) VALUES ('custify', 1, 2, 1)", [])
    file_of_schema(1, tmp_path, EVENTS, old)
    file_of_schema(1, tmp_path, DELIVERY, read, waiting, place, link)
    world = SqliteWorld(tmp_path)
    world.naming = ByNumber()
    await world.open()
    await world.append(event("m2", "42"))

    assert await world.leased_names() == ["m1"]
    ties = world.store.connection.execute("SELECT destination, lane, person FROM tie").fetchall()
    assert ties == [(DESTINATION, "anon:x", "user:42")]
    await world.close()
