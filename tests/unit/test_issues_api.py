"""Problems as people work on them, over the admin API: the same decisions as on the pages, by the same rights."""

import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role, User
from penstock.buffer.port.outcomes import Outcome

CAUSE = "custify.refused.422"
ONE = f"/api/v1/destinations/custify/issues/{CAUSE}"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("issues"))
    world.set_up()
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1", "traits": {"plan": "pro"}})
    world.settle(Outcome.DEAD, cause=CAUSE, reason="422")
    world.clock.advance(60)
    return world


def asked(world, path: str, *, role: Role = Role.OPERATOR, status: int = 200, **body):
    client = world.visitor(role).client
    headers = {"Authorization": f"Bearer {world.access.issue_token(User(name=role.value, role=role), 'test')}"}
    answer = client.post(path, json=body, headers=headers) if body else client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json() if status != 403 else {}


def test_a_problem_is_listed_with_its_state_and_told_with_whom_it_is_about_and_what_a_replay_would_do(world):
    [issue] = asked(world, "/api/v1/issues")["issues"]
    assert (issue["cause"], issue["count"]) == (CAUSE, 1)

    one = asked(world, ONE)

    assert (one["affected"]["people"], one["affected"]["is_all"]) == (1, True)
    assert (one["preview"]["sent"], one["last_replay"]) == (1, None)
    assert one["preview"]["sample"][0]["path"] == "/people"


def test_a_problem_is_assigned_dismissed_with_a_reason_resolved_and_opened_again(world):
    assert asked(world, f"{ONE}/assign", owner="operator")["owner"] == "operator"
    assert asked(world, f"{ONE}/dismiss", status=422, owner="operator")["error"]["name"] == "reason"
    told = asked(world, f"{ONE}/dismiss", reason="a test of ours")
    assert (told["state"], told["reason"], told["is_open"]) == ("dismissed", "a test of ours", False)
    assert asked(world, f"{ONE}/reopen", owner="operator")["is_open"]
    assert asked(world, f"{ONE}/resolve", owner="operator")["decided_by"] == "operator"
    assert any("dismissed: a test of ours by the API" in deed.what for deed in world.control.deeds(limit=20))


def test_what_is_no_problem_or_no_decision_is_not_found(world):
    asked(world, "/api/v1/destinations/custify/issues/nothing", status=404)
    asked(world, "/api/v1/destinations/gone/issues/nothing", status=404)
    asked(world, f"{ONE}/forget", status=404, owner="operator")
    asked(world, f"{ONE}/assign", status=422, owner="nobody")


def test_cs_may_look_and_not_decide_and_sees_no_calls(world):
    assert asked(world, ONE, role=Role.CS)["preview"]["sample"] == []
    asked(world, f"{ONE}/resolve", role=Role.CS, status=403, reason="x")
