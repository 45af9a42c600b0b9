"""What pages and the API ask about events has a budget; an event that costs more says so, and the rest is shown."""

from pathlib import Path

import pytest

import planted_functions
from dashboard_world import World
from penstock import causes
from penstock.buffer.port.outcomes import Outcome
from penstock.destinations import reading
from penstock.explain import budget, questions, ranges
from penstock.machine.apart import Budget, Pool

EVENT = {"type": "identify", "userId": "ana", "messageId": "m1", "traits": {"plan": "pro"}}


@pytest.fixture
def admin(tmp_path, monkeypatch):
    """Return an administrator of a Penstock whose questions have little CPU."""
    monkeypatch.setenv("PYTHONPATH", str(Path(planted_functions.__file__).parent))
    monkeypatch.setattr(budget, "POOL", Pool(Budget(cpu_s_max=0.5), size=1))
    world = World(tmp_path)
    admin = world.set_up()
    admin.world = world
    world.receive(EVENT)
    yield admin
    budget.POOL.close()


def test_an_event_that_costs_too_much_gets_a_page_that_says_so_with_its_payload(admin, monkeypatch):
    monkeypatch.setattr(questions, "page_explained", planted_functions.endless_for)

    page = admin.get("/events/custify/m1")

    assert page.status_code == 200
    assert "not explained: it takes more than" in page.text
    assert "&#34;plan&#34;" in page.text


def test_the_next_question_is_answered(admin, monkeypatch):
    with monkeypatch.context() as while_it_lasts:
        while_it_lasts.setattr(questions, "page_explained", planted_functions.endless_for)
        admin.get("/events/custify/m1")

    assert "not explained" not in admin.get("/events/custify/m1").text


@pytest.mark.parametrize(
    ("place", "name", "path"),
    [
        (ranges, "tally", "/mapping/custify"),
        (reading, "meaning_of", "/events/custify/m1?rerun=1"),
        (questions, "history_of", "/people?destination=custify&person=ana&field=plan"),
    ],
)
def test_other_questions_that_cost_too_much_say_so(admin, monkeypatch, place, name, path):
    monkeypatch.setattr(place, name, planted_functions.endless_for)

    page = admin.get(path)

    assert page.status_code == 422
    assert "within the budget of a page" in page.text


def test_what_is_dead_for_never_ending_is_not_read_again(admin, monkeypatch):
    admin.world.settle(Outcome.DEAD, cause=causes.STUCK, reason="it never ended")
    monkeypatch.setattr(questions, "page_explained", None)

    page = admin.get("/events/custify/m1").text

    assert "it was given up because reading it does not end" in page
    assert causes.STUCK in page
    assert admin.get("/mapping/custify").status_code == 200
