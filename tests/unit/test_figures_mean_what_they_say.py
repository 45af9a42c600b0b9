"""Figures that mean what they say: what is parked stands apart, and nothing is green of which nobody knows that it works."""

import dataclasses
import os
import re

import pytest

from dashboard_world import World
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.shelf import Counts, ParkedLongest
from penstock.deliver.hold import HoldState
from penstock.destinations.answer import read_answer
from penstock.destinations.custify.words import in_words
from penstock.explain import ranges
from penstock.inspect.key_tests import KeyTests
from penstock.inspect.overview import drain_s
from penstock.inspect.standing import given_up_in_s
from penstock.inspect.tried import doubt
from penstock.machine.pulse import Pulse
from penstock.settings import Destination

CUSTIFY = Destination(name="custify", type="custify", api_key="k" * 20, park_hours=24.0, anonymous_hours=2.0)
GREEN = r'class="tag good"[^>]*>delivering'
PAGE = "<!doctype html><html><title>Sign in</title><body>please</body></html>"
NOTHING = Counts(received=0, waiting=0, retrying=0, parked=0, outcomes={}, oldest_received_at_ms=None)
COMPANIES = '{"companies":[{"id":"5e"}],"total":3}'


def read(status: int, text: str):
    content_type = "text/html" if text.startswith("<") else "application/json"
    headers = {"retry-after": "", "content-type": content_type}
    return read_answer(status, headers=headers, text=text, now=0.0)


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 407, 429, 451, 500, 502, 503])
def test_a_web_page_says_nothing_of_the_key_whatever_its_status(status):
    is_good, said = in_words(read(status, PAGE), "https://api.custify.com")

    assert not is_good
    assert "a web page, “Sign in” answers" in said
    assert "key was refused" not in said


@pytest.mark.parametrize("text", ['{"status":"up"}', '"hello"', "7", '{"companies":"none"}', ""])
def test_what_does_not_answer_the_read_is_no_proof_of_a_key(text):
    assert not in_words(read(200, text), "https://api.custify.com")[0]


@pytest.mark.parametrize("text", [COMPANIES, '{"companies":[]}', "[]", COMPANIES[:-14]])
def test_a_list_of_companies_is_proof_of_the_key(text):
    is_good, said = in_words(read(200, text), "https://api.custify.com")

    assert is_good
    assert "took the key" in said


def test_who_asks_for_fewer_calls_has_not_said_that_the_key_is_good():
    is_good, said = in_words(read(429, "{}"), "https://api.custify.com")

    assert is_good
    assert "took the key" not in said


def test_a_destination_that_was_never_reached_is_in_doubt():
    delivered = dataclasses.replace(NOTHING, outcomes={Outcome.DELIVERED: 1})

    assert "never reached" in doubt(None, NOTHING, {})
    assert doubt(None, NOTHING, {"reached_at": 5.0}) == ""
    assert doubt(None, delivered, {}) == ""


def test_the_last_test_counts_until_a_call_is_taken_and_for_the_address_and_key_it_was_made_with(tmp_path):
    world, found = World(tmp_path), [(True, "Reachable."), (False, "The key was refused (401).")]
    tests = KeyTests(lambda _: found.pop(), snapshots=world.snapshots, clock=world.clock)
    tests.test(CUSTIFY)
    failed = tests.last(CUSTIFY)
    at = failed.at

    assert "The key was refused" in doubt(failed, NOTHING, {"reached_at": at - 1})
    assert doubt(failed, NOTHING, {"reached_at": at + 1}) == ""
    assert tests.last(dataclasses.replace(CUSTIFY, api_key="another" * 3)) is None

    tests.test(CUSTIFY)
    assert doubt(tests.last(CUSTIFY), NOTHING, {}) == ""


def test_when_the_longest_parked_is_given_up_follows_the_retry_clock():
    longest = ParkedLongest(received_at_ms=0, parked_at=1_000.0, is_visitors=False)
    hold = HoldState()
    facts = hold.retry_facts(steady=5_000.0, awake=4_000.0)

    assert given_up_in_s(longest, CUSTIFY, facts, steady=5_600.0) == 24 * 3600 - 3_600
    visitors = dataclasses.replace(longest, is_visitors=True)
    assert given_up_in_s(visitors, CUSTIFY, facts, steady=5_600.0) == 2 * 3600 - 3_600
    assert given_up_in_s(None, CUSTIFY, facts, steady=5_600.0) is None

    hold.pause("ana", now=4_000.0)
    assert given_up_in_s(longest, CUSTIFY, hold.retry_facts(steady=5_000.0, awake=4_000.0), steady=5_600.0) is None


def test_pages_say_that_nothing_was_reached_until_a_test_passed(tmp_path):
    world = World(tmp_path)
    admin = world.set_up()
    pulse = Pulse(world.snapshots.folder, "deliver", pid=os.getpid(), clock=world.clock)
    pulse.beat()
    # Its key was tested when it was added.
    world.snapshots.write("key_tests", {})

    for page in ("/", "/destinations/custify"):
        before = admin.get(page).text
        assert "never reached yet" in before
        assert not re.search(GREEN, before)
    admin.post("/destinations/custify/test")
    for page in ("/", "/destinations/custify"):
        after = admin.get(page).text
        assert "never reached yet" not in after
        assert re.search(GREEN, after)


def test_time_to_drain_counts_those_who_wait_for_us(tmp_path):
    world = World(tmp_path)
    world.set_up()
    world.reader.settings = world.desk.settings()
    status = world.reader.read().destinations["custify"]
    parked = dataclasses.replace(status, state="delivering", waiting=10, parked=10)

    assert drain_s(parked, 2.0) == 0.0
    assert drain_s(dataclasses.replace(parked, waiting=14), 2.0) == 2.0


def test_fill_rates_are_of_all_events_of_the_range_that_was_chosen(tmp_path, monkeypatch):
    monkeypatch.setattr(ranges, "SLICE", 20)
    world = World(tmp_path)
    admin = world.set_up()
    old = {"type": "identify", "userId": "old", "traits": {"name": "Old"}}
    world.receive(*({**old, "messageId": f"o{n}"} for n in range(30)))
    world.clock.advance(2 * 3600.0)
    group = {"type": "group", "userId": "ana", "groupId": "acme", "traits": {"name": "Acme", "plan": "pro"}}
    world.receive(group | {"messageId": "g1"}, group | {"messageId": "g2", "traits": {}})
    phone = {"type": "identify", "userId": "ana", "traits": {"phone": "1"}}
    world.receive(*({**phone, "messageId": f"n{n}"} for n in range(98)))

    admin.sign_in("admin")
    assert "80 events are counted so far" in admin.get("/mapping/custify?range=1 h").text
    whole = admin.get("/mapping/custify?range=1 h").text
    assert "All 100 events of the last 1 h are counted" in whole
    companies = whole[whole.index('id="companies"') : whole.index('id="events"')]
    assert "50 %" in companies[companies.index("<code>name</code>") :]
    people = whole[whole.index('id="people"') : whole.index('id="companies"')]
    assert "98 %" in people[people.index("<code>phone</code>") :]

    for _ in range(2):
        longer = admin.get("/mapping/custify?range=24 h").text
    assert "All 130 events of the last 24 h are counted" in longer
