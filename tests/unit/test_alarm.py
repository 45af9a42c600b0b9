"""The alarm over a whole dashboard: from a status to messages that wait in a file, and to whoever takes them."""

import asyncio
import dataclasses

import pytest

from dashboard_world import World
from penstock.alerts.alarm import Alarm
from penstock.alerts.sender import RETRY_S_MAX, TRIES_MAX, retry_s
from penstock.buffer.port.alerts import AlertChange
from penstock.buffer.sqlite.alerts.book import SqliteAlertBook
from penstock.clock import SeededDice
from penstock.errors import StoreDamaged
from penstock.inspect.metrics import render_metrics
from penstock.settings import AlertChannel

OPS = AlertChannel(name="ops", type="email", to=("ops@example.com", "cs@example.com"))


class Office:
    """People who are told: remembers each try, and refuses while it is shut."""

    def __init__(self) -> None:
        self.tries, self.is_shut = [], False

    async def take(self, message, channel, settings):
        self.tries.append((message.recipient, message.kind, message.id))
        return (False, "shut") if self.is_shut else (True, "taken")

    def taken(self) -> list[tuple[str, str]]:
        return [(recipient, kind) for recipient, kind, _ in self.tries]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.set_up()
    world.office = Office()
    use(world, alert_after_s=0.0)
    return world


def use(world, **changed) -> None:
    """Let the alarm tell the office, as after a restart."""
    usual = {"alerts": {"ops": OPS}}
    world.reader.settings = dataclasses.replace(world.reader.settings, **usual | changed)
    book = SqliteAlertBook(world.folder)
    key = lambda: b"k" * 32  # noqa: E731
    world.alarm = Alarm(world.alarm.sights, book, key=key, dice=SeededDice(id(book)), renew=book.renew)
    world.alarm.sender.ways = {"email": world.office.take}


def run(world, seconds: float, *, step_s: float = 10.0) -> None:
    """Let the alarm look and send for a while."""
    for _ in range(round(seconds / step_s)):
        world.alarm.look()
        asyncio.run(world.alarm._send())
        world.clock.advance(step_s)


def live(world, **facts) -> None:
    """Let deliver say something of the destination, and all roles run."""
    world.snapshots.write("deliver", {"custify": {"moved_at": world.clock.steady(), **facts}})


def only_destinations(world) -> None:
    """Hear of nothing but destinations: the processes of this world do not run."""
    use(world, alerts={"ops": dataclasses.replace(OPS, rules=("destination",))}, alert_after_s=0.0, alert_clear_s=60.0)


def test_a_held_destination_is_told_to_everybody_once_and_its_end_too(world):
    only_destinations(world)
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    live(world, hold_reason="Custify refused the API key with 401", hold_cause="custify.refused.401")

    run(world, 300)
    live(world)
    run(world, 300)

    everybody = ["ops@example.com", "cs@example.com"]
    assert sorted(world.office.taken()) == sorted(
        [(who, kind) for who in everybody for kind in ("problem", "recovery")]
    )
    messages = world.alarm.book.messages(limit=10)
    assert {each.state for each in messages} == {"sent"}
    assert "401" in messages[-1].sentence
    assert messages[-1].mute.startswith("http://127.0.0.1:8081/alerts/mute/")


def test_a_restart_in_the_middle_tells_nobody_twice_and_forgets_nobody(world):
    only_destinations(world)
    live(world, hold_reason="refused", hold_cause="custify.refused.401")
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})

    world.alarm.look()  # killed before anything was sent
    only_destinations(world)
    run(world, 120)
    only_destinations(world)
    run(world, 120)

    assert sorted(world.office.taken()) == [("cs@example.com", "problem"), ("ops@example.com", "problem")]


def test_a_message_that_is_not_taken_is_tried_again_ever_later_with_the_same_id(world):
    world.office.is_shut = True
    world.alarm.test("ops", by="admin")
    [test, _] = world.alarm.book.messages(limit=2)
    world.alarm.book.tried(dataclasses.replace(test, kind="problem"))
    sender = world.alarm.sender

    for _ in range(40):
        asyncio.run(sender.turn())
        world.clock.advance(10.0)

    assert [retry_s(tries) for tries in (1, 2, 3, 9, 20)] == [10.0, 20.0, 40.0, 2560.0, RETRY_S_MAX]
    assert len({id_ for recipient, _, id_ in world.office.tries if recipient == test.recipient}) == 1


def test_what_nobody_takes_for_a_day_is_given_up_and_says_why(world):
    world.office.is_shut = True
    only_destinations(world)
    live(world, hold_reason="refused", hold_cause="custify.refused.401")
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    world.alarm.look()

    for _ in range(TRIES_MAX):
        asyncio.run(world.alarm.sender.turn())
        world.clock.advance(RETRY_S_MAX)

    messages = world.alarm.book.messages(limit=10)
    assert {(each.state, each.answer, each.tries) for each in messages} == {("given_up", "shut", TRIES_MAX)}
    assert sum(map(retry_s, range(1, TRIES_MAX))) > 23 * 3600


def test_a_test_that_fails_is_tried_once_and_says_why(world):
    world.office.is_shut = True

    world.alarm.test("ops", by="admin")
    asyncio.run(world.alarm._send())
    asyncio.run(world.alarm._send())

    assert world.office.taken() == [("ops@example.com", "test"), ("cs@example.com", "test")]
    assert {(each.state, each.answer) for each in world.alarm.book.messages(limit=5)} == {("given_up", "shut")}


def test_no_message_overtakes_the_one_ahead_of_it(world):
    only_destinations(world)
    live(world, hold_reason="refused", hold_cause="custify.refused.401")
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    world.office.is_shut = True
    run(world, 60)
    live(world)
    run(world, 300)

    world.office.is_shut, world.office.tries = False, []
    run(world, 4000, step_s=100.0)

    for who in OPS.to:
        assert [kind for recipient, kind in world.office.taken() if recipient == who] == ["problem", "recovery"]


def test_what_waits_for_a_channel_that_was_removed_is_not_sent(world):
    world.alarm.test("ops", by="admin")
    world.reader.settings = dataclasses.replace(world.reader.settings, alerts={})

    asyncio.run(world.alarm.sender.turn())

    assert world.office.tries == []
    assert {each.answer for each in world.alarm.book.messages(limit=5)} == {"the channel was removed"}


def test_a_damaged_memory_is_put_aside_and_the_alarm_goes_on(world):
    run(world, 20)
    before = len(world.office.tries)
    path = world.folder / "alerts.db"
    path.write_bytes(b"no database" * 1000)

    with pytest.raises(StoreDamaged) as damage:
        world.alarm.book.messages(limit=1)
    said = []
    world.alarm._begin_anew(damage.value, lambda event, **_: said.append(event))
    run(world, 20)

    assert said == ["alerts_set_aside"]
    assert (world.folder / "alerts.db.damaged-aside").exists()
    assert len(world.office.tries) == 2 * before > 0, "what is wrong still is told once more"


def test_a_file_of_another_folder_is_put_aside_too(world, tmp_path_factory):
    other = World(tmp_path_factory.mktemp("other"))
    other.set_up()
    SqliteAlertBook(other.folder).keep(AlertChange())
    (world.folder / "alerts.db").write_bytes((other.folder / "alerts.db").read_bytes())

    with pytest.raises(StoreDamaged, match="another data folder"):
        world.alarm.look()


def test_a_mute_outlives_the_looks_and_a_restart(world):
    only_destinations(world)
    live(world, hold_reason="refused", hold_cause="custify.refused.401")
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    run(world, 60)

    assert world.alarm.mute(("destination", "custify"), 1, hours=None)
    run(world, 600)
    only_destinations(world)
    run(world, 9 * 3600, step_s=600.0)

    assert {kind for _, kind in world.office.taken()} == {"problem"}
    assert not world.alarm.mute(("destination", "custify"), 2, hours=None), "the next time it happens is another"


def test_the_figures_say_what_goes_on(world):
    only_destinations(world)
    live(world, hold_reason="refused", hold_cause="custify.refused.401")
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    run(world, 20)
    world.snapshots.write("operate", world.alarm.facts())

    text = render_metrics(reader=world.reader, snapshots=world.snapshots).decode()
    assert 'penstock_alert_active{rule="destination",subject="custify"} 1.0' in text
    assert "penstock_alert_recipients_waiting 0.0" in text
