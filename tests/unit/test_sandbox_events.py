"""The sandbox keeps, drops and ignores events as Custify's manual says."""

import pytest

from sandbox_client import Sandbox


@pytest.fixture
async def sandbox() -> Sandbox:
    sandbox = Sandbox()
    for company_id in ("acme", "beta"):
        await sandbox.post("/company", {"company_id": company_id})
    links = [{"company_id": "acme"}, {"company_id": "beta"}]
    await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io", "companies": links})
    return sandbox


async def companies_of(sandbox: Sandbox) -> list[list[str]]:
    state = await sandbox.state()
    names = {company["id"]: company["company_id"] for company in state["companies"]}
    return [[names[id_] for id_ in event["companies"]] for event in state["events"]]


async def test_an_event_is_answered_with_202_and_an_empty_array(sandbox):
    got = await sandbox.post("/event", {"user_id": "u1", "name": "x", "metadata": {"value": 0, "ok": False}})

    assert (got.status, got.body) == (202, b"[]")
    (event,) = (await sandbox.state())["events"]
    assert event["metadata"] == {"value": 0, "ok": False}
    assert event["created_at"] == "2023-11-14T22:13:20.000Z"


async def test_an_event_of_an_unknown_person_is_dropped_without_a_word(sandbox):
    got = await sandbox.post("/event", {"user_id": "nobody", "name": "x", "company_id": "acme"})

    assert (got.status, got.body) == (202, b"[]")
    state = await sandbox.state()
    assert state["events"] == []
    assert [(event["user_id"], event["reason"]) for event in state["dropped_events"]] == [("nobody", "unknown person")]
    assert state["counts"] == {"events": 0, "dropped_events": 1, "duplicate_events": 0}


async def test_a_dropped_event_does_not_come_back_when_the_person_does(sandbox):
    await sandbox.post("/event", {"user_id": "u2", "name": "x", "deduplication_id": "m1"})
    await sandbox.post("/people", {"user_id": "u2"})
    assert (await sandbox.state())["events"] == []

    await sandbox.post("/event", {"user_id": "u2", "name": "x", "deduplication_id": "m1"})
    assert len((await sandbox.state())["events"]) == 1


async def test_a_known_email_does_not_save_an_event_with_an_unknown_user_id(sandbox):
    await sandbox.post("/event", {"user_id": "nobody", "email": "a@x.io", "name": "x"})

    assert (await sandbox.state())["events"] == []


async def test_an_event_of_a_person_belongs_to_all_their_companies_unless_it_names_one(sandbox):
    await sandbox.post("/event", {"email": "a@x.io", "name": "x"})
    await sandbox.post("/event", {"user_id": "u1", "name": "x", "company_id": "beta"})
    await sandbox.post("/event", {"user_id": "u1", "name": "x", "company_id": "unknown"})

    assert await companies_of(sandbox) == [["acme", "beta"], ["beta"], []]


async def test_a_company_has_events_of_its_own(sandbox):
    await sandbox.post("/event", {"company_id": "acme", "name": "Invoice paid"})
    await sandbox.post("/event", {"company_id": "unknown", "name": "Invoice paid"})

    assert await companies_of(sandbox) == [["acme"]]
    assert [event["reason"] for event in (await sandbox.state())["dropped_events"]] == ["unknown company"]


async def test_a_deduplication_id_counts_once(sandbox):
    for _ in range(3):
        got = await sandbox.post("/event", {"user_id": "u1", "name": "x", "deduplication_id": "m1"})
        assert got.status == 202
    for _ in range(2):
        await sandbox.post("/event", {"user_id": "u1", "name": "x"})

    state = await sandbox.state()
    assert len(state["events"]) == 3
    assert state["counts"]["duplicate_events"] == 2


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("eventCount", [{"name": "x", "value": 2}, {"name": "y", "value": 1}]),
        ("eventLastOccurrence", [{"name": "x", "value": "2024-01-02"}, {"name": "y", "value": "2024-01-02"}]),
        (
            "eventFrequency",
            [{"name": name, "date": f"2024-01-0{day}", "value": 1} for name, day in (("x", 1), ("x", 2), ("y", 2))],
        ),
    ],
)
async def test_usage_of_a_company_is_counted(sandbox, type_, data):
    for name, day in (("x", 1), ("x", 2), ("y", 2), ("x", 9)):
        await sandbox.post("/event", {"user_id": "u1", "name": name, "created_at": f"2024-01-0{day}"})
    acme = (await sandbox.get("/company?company_id=acme")).json["companies"][0]["id"]

    got = await sandbox.get(f"/company/usage/{acme}?type={type_}&startDate=2024-01-01&endDate=2024-01-08")

    assert got.json == {"type": type_, "data": data}


async def test_usage_refuses_what_it_cannot_count(sandbox):
    acme = (await sandbox.get("/company?company_id=acme")).json["companies"][0]["id"]

    assert (await sandbox.get(f"/company/usage/{acme}")).status == 400
    assert (await sandbox.get(f"/company/usage/{acme}?type=eventCount&startDate=soon")).status == 400
    assert (await sandbox.get("/company/usage/" + "0" * 24 + "?type=eventCount")).status == 404
