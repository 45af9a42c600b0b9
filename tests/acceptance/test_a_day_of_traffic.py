"""A small day of traffic (tests/day.py) through real processes: with the ledger Custify ends up the same, with far fewer calls.

One Penstock feeds two sandboxes, of which the second gets every upsert that the mapping asks for.
"""

import collections

import pytest

from acceptance.conftest import API_KEY, Sandbox, until
from day import SMALL, day
from what_custify_holds import differences, held

BATCH = 200
SECOND = """
[destinations.everything]
api_key = "{key}"
base_url = "{url}"
skip_unchanged = "off"
coalesce = "off"
[[connections]]
from = "server"
to = "everything"
"""


@pytest.fixture
def everything(tmp_path):
    """A second Custify."""
    (tmp_path / "everything").mkdir()
    running = Sandbox(tmp_path / "everything")
    yield running
    running.end()


def upserts(sandbox) -> int:
    return sum(call["method"] == "POST" and call["path"] in {"/people", "/company"} for call in sandbox.requests())


def identify(n: int, *, at: str, **traits) -> dict:
    return {"type": "identify", "userId": "ana", "messageId": f"i{n}", "timestamp": at, "traits": traits}


def test_the_day_ends_the_same_with_far_fewer_calls(start, sandbox, everything):
    penstock, bodies = start(destination=SECOND.format(key=API_KEY, url=everything.url)), day(SMALL)
    for first in range(0, len(bodies), BATCH):
        assert penstock.send(*bodies[first : first + BATCH])[0] == 200
    penstock.until_settled()
    until(lambda: penstock.status()["destinations"]["everything"]["waiting"] == 0)

    with_the_ledger, without = held(sandbox.state()), held(everything.state())
    assert differences(with_the_ledger, without) == []
    assert len(with_the_ledger["people"]) == SMALL.people
    assert upserts(sandbox) <= 0.3 * upserts(everything)
    assert_tracks_came_once_and_after_their_person(sandbox, bodies)


def assert_tracks_came_once_and_after_their_person(sandbox, bodies) -> None:
    known, early, tracks = set(), set(), [body for body in bodies if body["type"] == "track"]
    for body in bodies:
        known |= {body["userId"]} if body["type"] == "identify" else set()
        early |= {body["messageId"]} if body["type"] == "track" and body["userId"] not in known else set()
    assert len(early) > SMALL.people / 5

    state = sandbox.state()
    kept = collections.Counter(event["deduplication_id"] for event in state["events"])
    assert kept == collections.Counter(body["messageId"] for body in tracks)
    # None was sent before its person, or Custify would have dropped it; none was sent twice.
    assert (state["counts"]["dropped_events"], state["counts"]["duplicate_events"]) == (0, 0)


def test_the_sign_up_date_stays_what_the_first_call_said(penstock, sandbox):
    penstock.send(identify(0, at="2024-02-01T09:00:00.000Z", plan="Free"))
    penstock.until_settled()
    for half in (range(1, 26), range(26, 51)):
        penstock.send(*(identify(n, at=f"2026-03-02T10:{n:02}:00.000Z", plan="Pro", seats=n) for n in half))
        penstock.until_settled()

    assert sandbox.person("ana")["signed_up_at"] == "2024-02-01T09:00:00.000Z"
    assert sandbox.person("ana")["custom_attributes"] == {"plan": "Pro", "seats": 50}


def test_a_late_identify_does_not_overwrite_a_newer_plan_where_the_latest_counts(start, sandbox):
    penstock = start(destination='policies = { "people.custom_attributes.plan" = "latest" }')
    penstock.send(identify(0, at="2026-03-02T10:00:00.000Z", plan="Pro", seats=5))
    penstock.until_settled()

    penstock.send(identify(1, at="2026-03-01T10:00:00.000Z", plan="Basic", seats=7))
    penstock.until_settled()
    assert sandbox.person("ana")["custom_attributes"] == {"plan": "Pro", "seats": 7}

    penstock.send(identify(2, at="2026-03-03T10:00:00.000Z", plan="Enterprise"))
    penstock.until_settled()
    assert sandbox.person("ana")["custom_attributes"] == {"plan": "Enterprise", "seats": 7}
