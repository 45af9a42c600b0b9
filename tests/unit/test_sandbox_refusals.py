"""The sandbox refuses what breaks a rule, says why, and changes nothing."""

import pytest

from sandbox_client import Sandbox


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(api_keys=frozenset({"k", "other"}))


EMPTY = {
    "people": [],
    "companies": [],
    "events": [],
    "dropped_events": [],
    "counts": {"events": 0, "dropped_events": 0, "duplicate_events": 0},
}


@pytest.mark.parametrize("key", ["", "Bearer", "Bearer  ", "Basic k", "Bearer wrong", "k", "Bearer K"])
async def test_a_wrong_key_is_answered_with_401_and_applies_nothing(sandbox, key):
    got = await sandbox.post("/people", {"user_id": "u1"}, key=key)

    assert (got.status, got.json["code"]) == (401, "Unauthorized")
    assert await sandbox.state() == EMPTY


async def test_any_key_will_do_if_none_was_chosen_but_there_must_be_one():
    sandbox = Sandbox()

    assert (await sandbox.get("/people/all", key="bearer whatever")).status == 200
    assert (await sandbox.get("/people/all", key="")).status == 401


@pytest.mark.parametrize(
    "body",
    [b"{bad", b"\xff", b'"\\ud800"', b"[" * 200_000, b'{"user_id":"u1"} trailing', b"{'user_id':'u1'}", b"1e999"],
)
async def test_what_is_not_json_is_answered_with_400(sandbox, body):
    got = await sandbox.post("/people", body)

    assert (got.status, got.json["code"]) == (400, "BadRequest")
    assert await sandbox.state() == EMPTY
    assert (await sandbox.get("/_sandbox/requests")).json["requests"][0]["status"] == 400


async def test_a_body_without_end_is_refused_and_not_kept(sandbox):
    got = await sandbox.post("/people", b" " * (1024 * 1024 + 1))

    assert got.status == 413
    assert (await sandbox.get("/_sandbox/requests")).json["requests"][0]["body"] is None


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/people", [], None),
        ("/people", None, None),
        ("/people", {}, "user_id"),
        ("/people", {"user_id": "", "email": None}, "email"),
        ("/people", {"user_id": True}, "user_id"),
        ("/people", {"user_id": ["u1"]}, "user_id"),
        ("/people", {"email": 42}, "email"),
        ("/people", {"user_id": "u1", "session_count": "3"}, "session_count"),
        ("/people", {"user_id": "u1", "session_count": True}, "session_count"),
        ("/people", {"user_id": "u1", "unsubscribed_from_calls": 1}, "unsubscribed_from_calls"),
        ("/people", {"user_id": "u1", "signed_up_at": 1700000000}, "signed_up_at"),
        ("/people", {"user_id": "u1", "signed_up_at": "yesterday"}, "signed_up_at"),
        ("/people", {"user_id": "u1", "companies": {"company_id": "acme"}}, "companies"),
        ("/people", {"user_id": "u1", "companies": [{"company_id": [5]}]}, "companies"),
        ("/people", {"user_id": "u1", "companies": [{"company_id": ""}]}, "companies"),
        ("/people", {"user_id": "u1", "companies": [{"company_id": None}]}, "companies"),
        ("/people", {"user_id": "u1", "companies": [{"company_id": "acme", "remove": "true"}]}, "companies"),
        ("/people", {"user_id": "u1", "companies": [{"company_id": "acme", "removed": True}]}, "companies"),
        ("/people", {"user_id": "u1", "custom_attributes": []}, "custom_attributes"),
        ("/people", {"user_id": "u1", "custom_attributes": {"a": {"b": 1}}}, "custom_attributes"),
        ("/company", {"name": "Acme"}, "company_id"),
        ("/company", {"company_id": "acme", "size": 1.5}, "size"),
        ("/company", {"company_id": "acme", "parent_companies": [{"id": "acme"}]}, "parent_companies"),
        ("/event", {"user_id": "u1"}, "name"),
        ("/event", {"name": "x"}, "user_id"),
        ("/event", {"user_id": "u1", "name": "x", "metadata": {"tags": [1]}}, "metadata"),
        ("/event", {"user_id": "u1", "name": "x", "created_at": "now"}, "created_at"),
    ],
)
async def test_what_breaks_a_rule_is_answered_with_422_and_the_fields_name(sandbox, path, body, named):
    got = await sandbox.post(path, body)

    assert got.status == 422
    assert named is None or named in got.json["params"]
    assert await sandbox.state() == EMPTY


async def test_a_refused_change_leaves_a_known_person_as_they_were(sandbox):
    before = (await sandbox.post("/people", {"user_id": "u1", "name": "A"})).json
    await sandbox.post("/people", {"user_id": "u1", "name": "B", "session_count": "3"})

    assert (await sandbox.state())["people"] == [before]


async def test_unknown_fields_are_ignored_and_noted(sandbox):
    got = await sandbox.post("/people", {"user_id": "u1", "signedUpAt": "2024-01-01"})

    assert got.status == 200
    assert "signedUpAt" not in got.json
    assert (await sandbox.get("/_sandbox/requests")).json["requests"][0]["notes"] == [
        "ignored unknown field 'signedUpAt'"
    ]


async def test_a_date_with_an_offset_is_taken_and_noted(sandbox):
    got = await sandbox.post("/people", {"user_id": "u1", "signed_up_at": "2024-01-01T00:00:00+02:00"})

    assert got.status == 200
    assert (await sandbox.get("/_sandbox/requests")).json["requests"][0]["notes"] == [
        "signed_up_at: not in a listed date form"
    ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/people", 404),
        ("POST", "/people/", 404),
        ("GET", "/people", 400),
        ("GET", "/company", 400),
        ("PUT", "/people", 405),
        ("GET", "/event", 405),
        ("POST", "/company/usage/1", 405),
        ("DELETE", "/company", 400),
        ("DELETE", "/company?company_id=acme", 404),
        ("GET", "/people/../_sandbox", 404),
    ],
)
async def test_what_is_not_there_is_refused_as_json_and_logged(sandbox, method, path, status):
    got = await sandbox.call(method, path)

    assert (got.status, got.json["params"]) == (status, None)
    assert (await sandbox.get("/_sandbox/requests")).json["total"] == 1
