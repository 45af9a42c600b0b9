"""What a person does about dead events: look at the causes, mend, replay; and pause, resume. On the CLI and the API."""

import json

import pytest

from acceptance.conftest import PASSWORD, http, until
from acceptance.test_commands import penstock_command

JSON = {"Content-Type": "application/json"}
pytestmark = pytest.mark.xdist_group("replay")


@pytest.fixture
def penstock(start):
    """Return a Penstock with an administrator's password, as scripts need it."""
    return start(password=PASSWORD)


@pytest.fixture(scope="module")
def idle(share):
    """Return a Penstock for those who ask for what cannot be."""
    return share(password=PASSWORD)


def identify(i):
    return {"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "traits": {"name": f"Person {i}"}}


@pytest.fixture
def with_dead(penstock, sandbox):
    """Return a Penstock with three refused events and one that names nobody."""
    sandbox.faults(status=422, times=3)
    penstock.send(*(identify(i) for i in range(3)))
    penstock.send({"type": "identify", "anonymousId": "x", "messageId": "nobody"})
    until(lambda: penstock.counts()["waiting"] == 0)
    return penstock


def command(penstock, *arguments, **more):
    return penstock_command(*arguments, "--config", penstock.config, env=penstock.env, **more)


def ask(penstock, method, path, body=None, headers=None):
    raw = None if body is None else json.dumps(body).encode()
    headers = penstock.admin_auth() | (JSON if headers is None else headers)
    status, _, answer = http(method, f"{penstock.admin_url}/api/v1{path}", raw, headers)
    return status, json.loads(answer)


def test_dead_shows_causes_with_advice_and_the_events_of_one(with_dead):
    causes = command(with_dead, "dead")
    assert causes.returncode == 0
    said = causes.stdout.decode()
    assert "3  dead      custify.refused.422" in said
    assert "1  rejected  map.no_identity" in said
    assert "then replay the cause" in said

    events = command(with_dead, "dead", "--cause", "custify.refused.422", "--json").stdout.splitlines()
    facts = [json.loads(line) for line in events]
    assert {fact["message_id"] for fact in facts} == {"m0", "m1", "m2"}
    assert all(fact["attempts"][0]["status"] == 422 and fact["body"]["userId"] for fact in facts)


def test_replay_counts_first_then_sends_again_and_ends_with_0_when_all_arrived(with_dead, sandbox):
    counted = command(with_dead, "replay", "--cause", "custify.refused.422", "--dry-run")
    assert counted.returncode == 0
    assert "3  in all" in counted.stderr.decode()
    assert sandbox.state()["people"] == []

    done = command(with_dead, "replay", "--cause", "custify.refused.422", "--yes")

    assert done.returncode == 0, done.stderr.decode()
    assert "sent again 3" in done.stdout.decode()
    assert sorted(person["user_id"] for person in sandbox.state()["people"]) == ["u0", "u1", "u2"]
    assert with_dead.counts()["outcomes"]["dead"] == 0


def test_replay_asks_before_it_does_anything(with_dead, sandbox):
    refused = command(with_dead, "replay", stdin=b"n\n")

    assert refused.returncode == 1
    assert sandbox.state()["people"] == []


def test_replay_ends_with_5_when_something_is_left(with_dead):
    done = command(with_dead, "replay", "--yes", "--json")

    assert done.returncode == 5
    replay = json.loads(done.stdout)
    assert (replay["replayed"], replay["left"], replay["state"]) == (4, 1, "done")


def test_a_replay_uses_the_mapping_in_force_now(with_dead, sandbox):
    with_dead.write_settings(destination="anonymous_fallback = true")
    until(lambda: "destination_changed" in with_dead.log.read_text())

    assert command(with_dead, "replay", "--cause", "map.no_identity", "--yes").returncode == 0
    assert sandbox.person("x")


def test_without_a_server_a_replay_waits_for_one_and_says_so(with_dead, sandbox):
    with_dead.stop()

    done = command(with_dead, "replay", "--cause", "custify.refused.422", "--yes")
    assert done.returncode == 5
    assert "no server delivers now" in done.stderr.decode()

    with_dead.start()
    with_dead.until_ready()
    until(lambda: len(sandbox.state()["people"]) == 3)
    assert b"done" in command(with_dead, "replay", "--list").stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--since", "yesterday"), "or an age such as 24h, got yesterday"),
        (("--destination", "nowhere"), "expected one of custify, got nowhere"),
        (("--stop", "77"), "there is no replay 77"),
    ],
)
def test_a_replay_that_cannot_be_is_named(idle, arguments, complaint):
    done = command(idle, "replay", *arguments)

    assert done.returncode == 2
    assert complaint in done.stderr.decode()


def test_the_admin_api_does_the_same(with_dead, sandbox):
    _, dead = ask(with_dead, "GET", "/destinations/custify/dead")
    assert [(p["cause"], p["count"]) for p in dead["problems"]] == [("custify.refused.422", 3), ("map.no_identity", 1)]
    _, page = ask(with_dead, "GET", "/destinations/custify/dead/events?person=u1")
    assert [event["message_id"] for event in page["events"]] == ["m1"]

    wanted = {"destination": "custify", "selection": {"person": "u1"}}
    _, counted = ask(with_dead, "POST", "/replays", wanted | {"dry_run": True})
    assert (counted["replay"], counted["counts"]) == (None, {"custify.refused.422": 1})
    _, ordered = ask(with_dead, "POST", "/replays", wanted)
    job = ordered["replay"]["id"]

    until(lambda: ask(with_dead, "GET", f"/replays/{job}")[1]["state"] == "done")
    assert [person["user_id"] for person in sandbox.state()["people"]] == ["u1"]


BAD_QUESTIONS = [
    ("GET", "/destinations/nowhere/dead", None, 404),
    ("GET", "/replays/77", None, 404),
    ("POST", "/replays/77/stop", {}, 404),
    ("POST", "/replays", {"destination": "nowhere"}, 404),
    ("POST", "/replays", {"destination": "custify", "selection": {"colour": "red"}}, 422),
    ("GET", "/destinations/custify/dead/events?after=x", None, 400),
    ("GET", "/destinations/custify/dead/events?colour=red", None, 400),
]


def test_the_admin_api_says_what_it_expected(idle):
    for method, path, body, status in BAD_QUESTIONS:
        answered, facts = ask(idle, method, path, body)

        assert answered == status
        assert set(facts["error"]) == {"name", "expected", "got", "hint"}


def test_a_page_of_another_site_cannot_give_orders(idle):
    status, _ = ask(idle, "POST", "/destinations/custify/pause", {}, {"Content-Type": "text/plain"})

    assert status == 415


def test_a_paused_destination_keeps_everything_and_goes_on_when_told(penstock, sandbox):
    ask(penstock, "POST", "/destinations/custify/pause", {})
    until(lambda: penstock.status()["destinations"]["custify"]["state"] == "paused")
    penstock.send(*(identify(i) for i in range(5)))
    assert penstock.counts()["waiting"] == 5
    penstock.stop()
    penstock.start()
    penstock.until_ready()
    until(lambda: penstock.status()["destinations"]["custify"]["state"] == "paused")
    assert sandbox.state()["people"] == []

    ask(penstock, "POST", "/destinations/custify/resume", {})

    assert penstock.until_settled()["outcomes"]["delivered"] == 5
