"""Guessing: one throttle for every way in, which makes wrong guesses wait and locks nobody out."""

import asyncio
import base64
import itertools

import pytest

from dashboard_world import PASSWORD, World
from penstock.admin.doors.front import DEVICE
from penstock.admin.doors.throttle import REMEMBERED_MAX, WAITS, Limit, Throttle, Wait, network_of
from penstock.admin.pages.door import QUEUE_MAX, Queue
from penstock.buffer.port.control import Role, Sort, User
from penstock.clock import ManualClock

HOME, ELSEWHERE = "198.51.100.7", "203.0.113.9"
FREE = WAITS[Limit.ADDRESS][0]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.access.set_password(User(name="ana", role=Role.ADMIN), PASSWORD)
    return world


def basic(password: str, name: str = "admin") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def strangers_guess(world, name: str, times: int = 30) -> list[int]:
    """Return the answers to wrong passwords for a name, each from another address."""
    return [
        world.visitor(address=f"192.0.{number // 250}.{number % 250}").sign_in(name, "a wrong password").status_code
        for number in range(times)
    ]


@pytest.mark.parametrize(
    "knock",
    [
        lambda client, n: client.post("/signin", data={"name": f"name {n}", "password": "wrong"}),
        lambda client, n: client.get("/api/v1/status", headers=basic(f"wrong {n}", f"name {n}")),
        lambda client, n: client.get("/metrics", headers={"Authorization": "Basic ###"}),
        lambda client, n: client.get("/api/v1/status", headers={"Authorization": f"Bearer wrong-{n}"}),
        lambda client, n: client.post(f"/welcome/wrong-{n}", data={"password": PASSWORD}),
        lambda client, n: client.get(f"/shared/wrong-{n}"),
    ],
    ids=["form", "basic", "broken", "token", "invitation", "link"],
)
def test_by_whatever_way_an_address_has_few_wrong_guesses_and_then_waits(world, knock):
    client = world.client(ELSEWHERE)
    answers = [knock(client, n) for n in range(FREE + 20)]
    assert [answer.status_code != 429 for answer in answers] == [True] * FREE + [False] * 20
    assert answers[-1].headers["retry-after"] == "1"


def test_who_guesses_for_a_day_has_few_hundred_guesses():
    clock = ManualClock()
    throttle = Throttle(clock)
    looked_at = 0
    for _ in range(86_400):
        clock.advance(1)
        looked_at += throttle.begin([(Limit.ADDRESS, ELSEWHERE)]) is None

    assert 250 < looked_at < 320


def test_the_right_password_too_has_to_wait_after_wrong_ones_or_guessing_would_go_on(world):
    visitor = world.visitor(address=ELSEWHERE)
    for _ in range(5):
        assert visitor.sign_in("ana", "a wrong password").status_code == 401
    early = visitor.sign_in("ana")
    assert (early.status_code, early.headers["retry-after"]) == (429, "2")
    assert "try again in 2 seconds" in early.text

    world.clock.advance(2)
    assert visitor.sign_in("ana").status_code == 303


def test_many_addresses_do_not_help_against_one_name(world):
    assert strangers_guess(world, "ana").count(401) == WAITS[Limit.NAME][0]


def test_a_network_of_ipv6_is_one_address(world):
    answers = [world.client(f"2001:db8::{n:x}").get("/shared/wrong").status_code for n in range(1, 40)]

    assert answers.count(404) == FREE
    assert world.client("2001:db8:0:1::1").get("/shared/wrong").status_code == 404
    assert network_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"


def test_strangers_do_not_lock_out_who_was_here_before(world):
    ana = world.visitor(address=HOME)
    ana.sign_in("ana")
    ana.post("/signout")
    ana.client.headers["x"] = "the same browser, from an address of a train"
    train = world.client("192.0.2.200", cookies={DEVICE: ana.client.cookies[DEVICE]})
    assert 429 in strangers_guess(world, "ana")

    assert train.post("/signin", data={"name": "ana", "password": PASSWORD}).status_code == 303


def test_a_browser_that_is_known_guesses_no_faster_and_for_its_own_name_alone(world):
    ana = world.visitor(address=HOME)
    ana.sign_in("ana")
    answers = [ana.sign_in("ana", "a wrong password").status_code for _ in range(50)]
    assert answers.count(401) == WAITS[Limit.KNOWN][0]

    world.access.set_password(User(name="bo", role=Role.VIEWER), PASSWORD)
    strangers_guess(world, "bo")
    assert ana.sign_in("bo").status_code == 429


def test_a_new_browser_waits_a_minute_at_most_however_much_strangers_guess(world):
    for _ in range(10):
        strangers_guess(world, "ana", 20)
        world.clock.advance(61)

    assert world.visitor(address=HOME).sign_in("ana").status_code == 303


def test_another_password_makes_every_browser_a_stranger(world):
    ana = world.visitor(address=HOME)
    ana.sign_in("ana")
    world.access.set_password(User(name="ana", role=Role.ADMIN), "another good password")
    strangers_guess(world, "ana")

    assert ana.sign_in("ana", "another good password").status_code == 429


def test_a_cookie_that_was_made_up_is_no_known_browser(world):
    strangers_guess(world, "ana")
    for cookie in ("x", "x.y", ".", "x." + "0" * 64, "é.é"):
        client = world.client(HOME, headers={"Cookie": f"{DEVICE}={cookie}".encode()})
        assert client.post("/signin", data={"name": "ana", "password": PASSWORD}).status_code == 429


def test_monitoring_with_the_right_password_never_waits_and_hashes_nothing(world, monkeypatch):
    monkeypatch.setattr(world.access.passwords, "fits", None)
    monitoring = world.client(HOME, headers=basic("file-password"))
    assert monitoring.get("/metrics").status_code == 200
    guesser = world.client(ELSEWHERE)
    assert [guesser.get("/metrics", headers=basic("wrong")).status_code for _ in range(20)].count(401) == 5

    assert {monitoring.get("/metrics").status_code for _ in range(50)} == {200}


def test_a_good_token_never_waits_though_others_guess_from_its_address(world):
    ana = world.access.find("ana")
    good = {"Authorization": f"Bearer {world.access.issue_token(ana, 'ci')}"}
    link = world.access.share(ana, '{"destination": "gone", "person": "p"}', seconds=600)
    client = world.client(ELSEWHERE)
    for _ in range(30):
        client.get("/metrics", headers={"Authorization": "Bearer wrong"})

    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 429
    assert client.get("/metrics", headers=good).status_code == 200
    assert client.get(f"/shared/{link}").status_code == 404, "looked at, and what it shows is gone"
    world.access.users.put_user(User(name="bo", role=Role.VIEWER))
    welcome = client.post(f"/welcome/{world.access.invite('bo')}", data={"password": PASSWORD})
    assert welcome.status_code == 303


def test_guesses_that_come_all_at_once_are_counted_when_they_begin():
    throttle, marks = Throttle(ManualClock()), [(Limit.NAME, "ana")]
    begun = [throttle.begin(marks) for _ in range(20)]
    assert begun.count(None) == WAITS[Limit.NAME][0]

    throttle.succeeded(marks)
    assert throttle.begin(marks) is None


def test_a_success_of_ones_own_gives_an_address_no_more_guesses_at_others():
    throttle = Throttle(ManualClock())
    place = (Limit.ADDRESS, ELSEWHERE)
    for _ in range(FREE):
        if throttle.begin([place, (Limit.NAME, "eve")]) is None:
            throttle.succeeded([place, (Limit.NAME, "eve")])
        throttle.begin([place])

    assert isinstance(throttle.begin([place]), Wait)


def test_what_strangers_make_up_is_not_remembered_without_end(world):
    throttle = Throttle(ManualClock())
    for number in range(REMEMBERED_MAX + 100):
        throttle.begin([(Limit.NAME, f"name {number}"), (Limit.ADDRESS, f"10.{number}")])

    assert {len(trails) for trails in throttle.trails.values()} <= {0, REMEMBERED_MAX}


def test_a_clock_that_is_set_back_makes_no_event_wait_for_longer():
    clock = ManualClock()
    throttle, marks = Throttle(clock), [(Limit.NAME, "ana")]
    for _ in range(5):
        throttle.begin(marks)
    clock.set_by(-86_400)

    assert throttle.begin(marks) == Wait(2.0)


def test_who_queues_behind_many_is_asked_to_come_back_and_the_known_queue_apart():
    async def crowd() -> list[bool]:
        queue, seen = Queue(), []

        async def one() -> None:
            async with queue.waited() as is_room:
                await asyncio.sleep(0)
                seen.append(is_room)

        await asyncio.gather(*(one() for _ in range(QUEUE_MAX + 5)))
        assert queue.length == 0
        return seen

    assert sorted(asyncio.run(crowd())) == [False] * 5 + [True] * QUEUE_MAX


def test_wrong_guesses_and_waits_are_in_the_audit_log_with_names_of_users_alone(world):
    eve = world.visitor(address=ELSEWHERE)
    for name, _ in itertools.product(("ana", "hunter2-typed-as-a-name"), range(4)):
        eve.sign_in(name, "a wrong password")
    for _ in range(100):
        eve.client.get("/metrics", headers=basic("wrong"))
    world.access.audit.flush()
    said = {(deed.by, deed.what): deed.times for deed in world.control.deeds(sort=Sort.REFUSAL)}

    assert said["ana", f"wrong password, from {ELSEWHERE}"] == 4
    assert said["a stranger", f"wrong password, from {ELSEWHERE}"] == 4
    assert said["a stranger", f"API password after too many wrong guesses, had to wait, from {ELSEWHERE}"] == 98
    assert not any("hunter2" in text for line in said for text in line)


def test_a_flood_of_refusals_costs_few_writes(world, monkeypatch):
    written = []
    note = world.control.note
    monkeypatch.setattr(world.control, "note", lambda *args, **more: written.append(note(*args, **more)))
    for number in range(300):
        world.client(f"192.0.{number % 250}.{number // 250}").get("/shared/wrong")

    assert len(written) <= 25
    world.access.audit.flush()
    assert sum(deed.times for deed in world.control.deeds(sort=Sort.REFUSAL)) == 300
