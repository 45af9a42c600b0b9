"""Pages say the plain word, and lead to what it means; a sentence has no JSON in it, and no counted seconds."""

import html
import re

import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.inspect.words import WORDS, plain, sentence

STATES = {
    *(outcome.value for outcome in Outcome),
    "waiting",
    "retrying",
    "parked",
    "held",
    "paused",
    "throttled",
    "down",
    "stalled",
}


def text_of(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_there_are_twenty_words_each_said_once_and_explained():
    assert len(WORDS) == len({word.plain for word in WORDS}) == len({word.code for word in WORDS}) == 20
    assert all(word.means.endswith(".") for word in WORDS)
    assert {word.code for word in WORDS} >= STATES
    assert (plain("no-op"), plain("coalesced")) == ("already up to date", "sent together")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('Custify answered 422: {"error":"email is not valid"}', "Custify answered 422: email is not valid"),
        ('422: {"errors":[{"message":"no name"},{"message":"no id"}]}', "422: no name; no id"),
        ('422: {"field":"email","code":7}', "422: field email, code 7"),
        ("422: {}", "422"), ("a {half of it", "a {half of it"), ("no answer in time", "no answer in time"),
        ("nothing ended for 7260 s, and 3 events wait", "nothing ended for 2 hours, and 3 events wait"),
        ("asked again in 45 s", "asked again in 45 seconds"), ("at 2026-11-30 20:15:30 UTC", "at 2026-11-30 20:15:30 UTC"),
    ],
)  # fmt: skip
def test_a_sentence_says_what_an_answer_says_and_times_as_people_do(said, shown):
    assert sentence(said) == shown


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.admin = world.set_up()
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    return world


def test_the_word_on_a_page_is_the_plain_one_and_leads_to_its_meaning(world):
    world.settle(Outcome.NO_OP)
    for path in ("/", "/live", "/destinations/custify", "/events/custify/m1", "/people?person=ana"):
        page = text_of(world.admin.get(path))
        assert "already up to date" in page, path
        assert "no-op" not in page, path
    assert 'href="/help#no-op"' in world.admin.get("/").text
    assert 'id="no-op"' in world.visitor(Role.CS).get("/help").text


def test_what_a_destination_answered_is_said_on_lists_in_its_own_words(world):
    world.settle(Outcome.DEAD, cause="custify.refused.422", reason='Custify answered 422: {"error":"too long"}')

    for path in ("/live", "/problems/custify/custify.refused.422"):
        page = text_of(world.admin.get(path))
        assert "Custify answered 422: too long" in page, path
        assert '{"error"' not in page, path
