"""Problems as people work on them: seen, assigned, resolved, dismissed; back when they happen again, and not before."""

import dataclasses
import sqlite3

import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.inspect.overview import verdict
from penstock.inspect.status import Status

CAUSE = "custify.refused.422"
PAGE = f"/problems/custify/{CAUSE}"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.admin = world.set_up()
    happens(world, "m1", "m2")
    return world


def happens(world, *ids: str, cause: str = CAUSE) -> None:
    """Let events of Ana at Acme die."""
    events = [
        {"type": "track", "event": "Used", "userId": "ana", "messageId": id_, "properties": {"company_id": "acme"}}
        for id_ in ids
    ]
    world.receive(*events)
    world.settle(Outcome.DEAD, cause=cause, reason="422")
    world.clock.advance(60)


def test_a_problem_is_new_and_the_overview_says_so(world):
    page = world.admin.get("/problems").text

    assert CAUSE in page
    assert ">new</span>" in page
    assert "Open problems" in world.admin.get("/").text


def test_a_problem_is_seen_assigned_and_resolved_and_then_the_overview_is_not_about_it(world):
    world.visitor(Role.OPERATOR)

    world.admin.post(f"{PAGE}/seen")
    assert ">seen</span>" in world.admin.get("/problems").text
    world.admin.post(f"{PAGE}/assign", owner="operator")
    page = world.admin.get(PAGE).text
    assert ">assigned</span>" in page
    assert "operator" in page
    world.admin.post(f"{PAGE}/resolve")

    page = world.admin.get("/problems").text
    assert "Nothing needs you" in page or "resolved or dismissed" in page
    assert "1 resolved or dismissed" in page
    assert "Open problems" not in world.admin.get("/").text
    assert "assigned to operator" in world.admin.get("/activity").text


def test_what_is_resolved_comes_back_when_it_happens_again_and_not_before(world):
    world.admin.post(f"{PAGE}/resolve")
    world.clock.advance(3_600)
    happens(world, "other", cause="custify.refused.400")
    assert "happened again" not in world.admin.get("/problems").text

    happens(world, "m3")

    page = world.admin.get("/problems").text
    assert "happened again" in page
    assert ">new</span>" in page


def test_an_old_event_that_is_sent_again_and_dies_again_is_a_problem_again(world):
    world.admin.post(f"{PAGE}/resolve")
    assert "happened again" not in world.admin.get("/problems").text

    with sqlite3.connect(world.folder / "delivery.db") as delivery:
        delivery.execute("UPDATE outcome SET at = ? WHERE seq = 1", [world.clock.now() + 5])
    delivery.close()

    assert "happened again" in world.admin.get("/problems").text


def test_a_problem_is_dismissed_for_a_reason_alone_and_opened_again(world):
    assert world.admin.post(f"{PAGE}/dismiss").status_code == 422
    assert world.admin.post(f"{PAGE}/dismiss", reason="old test data").status_code == 303

    page = world.admin.get(PAGE).text
    assert ">dismissed</span>" in page
    assert "old test data" in page
    world.admin.post(f"{PAGE}/reopen")
    assert ">seen</span>" in world.admin.get(PAGE).text


def test_the_overview_is_green_when_nothing_is_open(world):
    destination = world.reader.read().destinations["custify"]
    status = Status(
        version="0", accepted={}, destinations={"custify": dataclasses.replace(destination, state="delivering")}
    )

    assert destination.outcomes["dead"] == 2
    assert verdict(status)[0] == verdict(status, open_events=2)[0] == "warn"
    assert verdict(status, open_events=0)[0] == "good"


def test_nobody_is_assigned_who_could_not_act(world):
    world.visitor(Role.VIEWER)

    answer = world.admin.post(f"{PAGE}/assign", owner="viewer")

    assert answer.status_code == 422
    assert "admin" in answer.text


def test_only_a_problem_that_there_is_can_be_decided_about(world):
    assert world.admin.post("/problems/custify/nothing/resolve").status_code == 404
    assert world.admin.post(f"/problems/nowhere/{CAUSE}/resolve").status_code == 404
    assert world.admin.post(f"{PAGE}/vanish").status_code == 422


def test_the_page_says_whom_it_is_about_and_what_a_replay_would_do(world):
    world.receive({"type": "track", "event": "Used", "anonymousId": "v", "messageId": "m4"})
    world.settle(Outcome.DEAD, cause=CAUSE, reason="422")

    page = world.admin.get(PAGE).text

    assert "<dt>people</dt><dd>2</dd>" in page
    assert "<dt>accounts</dt><dd>1</dd>" in page
    assert "<strong>2</strong> would be sent" in page
    assert "<strong>1</strong> would be rejected again, because" in page


def test_what_a_replay_did_stands_beside_the_problem(world):
    world.admin.post("/replays", destination="custify", cause=CAUSE)

    page = world.admin.get(PAGE).text

    assert "Sent again last" in page
    assert "ordered" in page


def test_only_those_who_may_act_see_the_buttons(world):
    viewer = world.visitor(Role.VIEWER)

    assert "Resolved</button>" not in viewer.get(PAGE).text
    assert viewer.post(f"{PAGE}/resolve").status_code == 403
