"""Bodies go before the events do: what became of an event is known for longer than what it said."""

import random

import msgspec
import pytest

from contract.test_replay_promises import bury
from contract.worlds import DESTINATION, SqliteWorld, event
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.buffer.port.selection import Selection
from penstock.buffer.sqlite.file import DELIVERY, EVENTS
from penstock.buffer.sqlite.log import payloads, segments
from penstock.errors import SettingsError
from penstock.inspect.replays import count_by_cause, refuse_without_bodies
from penstock.inspect.stored_event import removed_of
from penstock.minimise.notes import is_body_gone
from privacy_world import Person, PrivacyWorld

LATER, NEVER = 2**61, 0
SAID = b"Geheimnis"


@pytest.fixture
async def world(tmp_path):
    world = await SqliteWorld(tmp_path).open()
    yield world
    await world.close()


def telling(name: str, user: str):
    return msgspec.structs.replace(event(name, user), body=b'{"traits":{"x":"%b"}}' % SAID, request_ip="203.0.113.9")


async def strip(world: SqliteWorld) -> int:
    """Take out all bodies that may go, and let deliver forget what was sent and answered for them."""
    count = 0
    while some := await world.log.prune(
        older_than_ms=NEVER, bytes_max=2**40, destinations=[DESTINATION], bodies_older_than_ms=LATER
    ):
        count += some
    while await world.store.prune():
        pass
    await world.log.prune(older_than_ms=NEVER, bytes_max=2**40, destinations=[DESTINATION], bodies_older_than_ms=LATER)
    return count


async def deliver(world: SqliteWorld, limit: int) -> None:
    for lease in await world.lease(limit):
        attempt = Attempt(
            at=1.0, method="GET", path="/people?email=ann%40x.y", status=200, answer=SAID.decode(), duration_ms=1
        )
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED, attempts=(attempt,)))


async def test_bodies_go_and_outcomes_numbers_and_sums_stay(world):
    await world.append(*(telling(f"m{i}", f"u{i}") for i in range(6)))
    await deliver(world, 100)
    before = world.counts()

    assert await strip(world) == 6

    assert world.counts() == before
    assert [(s.event.message_id, s.event.user_id, s.state, s.event.body) for s in world.stories()] == [
        (f"m{i}", f"u{i}", "delivered", b"{}") for i in range(6)
    ]
    assert {s.event.request_ip for s in world.stories()} == {""}
    assert {(a.path, a.answer, a.body) for s in world.stories() for a in s.attempts} <= {("/people", "", None)}
    assert removed_of(world.stories()[0].event) == ["the body is no longer kept: payload_days"]
    for path in (EVENTS, DELIVERY, f"{EVENTS}-wal", f"{DELIVERY}-wal"):
        assert SAID not in ((world.folder / path).read_bytes() if (world.folder / path).exists() else b"")
    assert await world.append(telling("m1", "u1")) == 0, "an event that comes again is known"


async def test_what_waits_and_all_behind_it_keeps_its_body(world):
    for i in range(6):
        await world.append(telling(f"m{i}", f"u{i}"))
    await deliver(world, 2)
    leases = await world.lease(100)
    for lease in leases[1:]:
        await world.backlog.settle(Ending(lease=lease, outcome=Outcome.DELIVERED))

    await strip(world)

    gone = [s.event.message_id for s in world.stories() if is_body_gone(s.event.minimised)]
    assert gone == ["m0", "m1"]


async def test_a_replay_leaves_out_what_has_no_body_and_is_refused_where_nothing_is_left(world):
    await bury(world, telling("old", "ann"))
    await strip(world)
    await bury(world, telling("new", "bob"))
    (problem,) = world.dead.problems(DESTINATION)
    assert (problem.count, problem.gone) == (2, 1)
    assert sum(count_by_cause(world.dead, DESTINATION, Selection()).values()) == 1
    assert (await world.backlog.replay(Selection(), job=1, limit=100)).replayed == 1
    assert [lease.event.message_id for lease in await world.lease()] == ["new"]

    with pytest.raises(SettingsError, match="payload_days"):
        refuse_without_bodies(world.dead, DESTINATION, Selection(message_id="old"), count=0)


async def test_where_the_bodies_begin_is_found_by_halving_also_by_another_process(world):
    for i in range(9):
        await world.append(telling(f"m{i}", f"u{i}"))
    await deliver(world, 100)
    for count in range(1, 9):
        connection = world.log.connection
        payloads.strip(connection, below_seq=count + 1, older_than_ms=LATER, from_seq=0)
        assert payloads.first_with_body(connection) == count + 1
        assert payloads.first_with_body(world.store.connection, known=count) == count + 1
    assert segments.last_seq(world.log.connection) == 9


async def test_who_is_erased_after_their_bodies_went_is_gone_all_the_same(tmp_path):
    world, (ann, bob) = await PrivacyWorld(tmp_path).open(), (Person(random.Random(seed)) for seed in (1, 2))
    for person in (ann, bob):
        await world.take(
            "web", {"type": "track", "messageId": f"a-{person.id}", "anonymousId": person.anon, "event": "Seen"}
        )
        call = {"userId": person.id, "anonymousId": person.anon, "traits": person.traits}
        await world.take("web", {"type": "identify", "messageId": f"b-{person.id}", **call})
        by_address = {"anonymousId": person.device, "traits": {"email": person.email}}
        await world.take("web", {"type": "identify", "messageId": f"d-{person.id}", **by_address})
        await world.take(
            "server", {"type": "track", "messageId": f"c-{person.id}", "userId": person.id, "event": "Bad"}
        )
    await world.settle()
    await strip(world.store)
    addresses = {b'{"traits":{"email":"%b"}}' % person.email.encode() for person in (ann, bob)}
    assert {s.event.body for s in world.store.stories()} == {b"{}", *addresses}
    assert "dead" in {s.state for s in world.store.stories() if not s.reason}

    world.asking.erase(frozenset({f"email:{ann.email}"}), world.settings, by="root")
    await world.until_done()

    assert world.found_of(*ann.words, ann.device) == []
    assert {s.event.user_id for s in world.store.stories()} == {bob.id, ""}
    assert payloads.first_with_body(world.store.log.connection) <= 9
    await world.close()
