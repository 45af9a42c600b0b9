"""The sandbox holds people and companies as Custify's manual says."""

import pytest

from sandbox_client import Sandbox


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


async def linked(sandbox: Sandbox, user_id: str) -> list[str]:
    state = await sandbox.state()
    names = {company["id"]: company["company_id"] for company in state["companies"]}
    person = next(person for person in state["people"] if person.get("user_id") == user_id)
    return [names[id_] for id_ in person["companies"]]


async def test_a_new_person_is_answered_with_custifys_own_id(sandbox):
    got = await sandbox.post("/people", {"user_id": "u1", "name": "Alex Keener", "session_count": 0})

    assert got.status == 200
    assert len(got.json["id"]) == 24
    assert int(got.json["id"], 16)
    assert got.json["session_count"] == 0
    assert got.json["companies"] == []


async def test_a_known_person_is_changed_and_custom_attributes_are_merged(sandbox):
    first = await sandbox.post("/people", {"user_id": "u1", "name": "A", "custom_attributes": {"a": 1, "b": "x"}})
    second = await sandbox.post("/people", {"user_id": "u1", "phone": "5", "custom_attributes": {"b": "y", "c": False}})

    assert second.json["id"] == first.json["id"]
    assert (second.json["name"], second.json["phone"]) == ("A", "5")
    assert second.json["custom_attributes"] == {"a": 1, "b": "y", "c": False}


async def test_null_clears_a_field_or_attribute_but_no_id(sandbox):
    await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io", "phone": "5", "custom_attributes": {"a": 1}})
    body = {"user_id": "u1", "email": None, "phone": None, "custom_attributes": {"a": None}}

    got = await sandbox.post("/people", body)

    assert "phone" not in got.json
    assert got.json["email"] == "a@x.io"
    assert got.json["custom_attributes"] == {}


async def test_an_email_person_is_given_the_user_id_that_comes_later(sandbox):
    by_email = await sandbox.post("/people", {"email": "a@x.io"})
    by_both = await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io"})

    assert by_both.json["id"] == by_email.json["id"]


async def test_two_user_ids_with_one_email_are_two_people(sandbox):
    one = await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io"})
    two = await sandbox.post("/people", {"user_id": "u2", "email": "a@x.io"})

    found = (await sandbox.get("/people?email=a@x.io")).json[0]
    assert [person["id"] for person in found["people"]] == [one.json["id"], two.json["id"]]
    assert found["total"] == 2


async def test_a_changed_email_no_longer_finds_the_person(sandbox):
    await sandbox.post("/people", {"user_id": "u1", "email": "old@x.io"})
    await sandbox.post("/people", {"user_id": "u1", "email": "new@x.io"})

    assert (await sandbox.get("/people?email=old@x.io")).json == [{"people": [], "total": 0}]
    assert (await sandbox.get("/people?email=new@x.io")).json[0]["total"] == 1


@pytest.mark.parametrize("known", [{"user", "company"}, {"user"}, {"company"}, set()])
async def test_company_first_then_person_associates_both_whoever_is_new(sandbox, known):
    if "user" in known:
        await sandbox.post("/people", {"user_id": "u1"})
    if "company" in known:
        await sandbox.post("/company", {"company_id": "acme"})

    await sandbox.post("/company", {"company_id": "acme", "name": "Acme"})
    await sandbox.post("/people", {"user_id": "u1", "companies": [{"company_id": "acme"}]})

    assert await linked(sandbox, "u1") == ["acme"]


async def test_a_link_to_an_unknown_company_is_ignored(sandbox):
    got = await sandbox.post("/people", {"user_id": "u1", "companies": [{"company_id": "acme"}]})

    assert got.status == 200
    assert got.json["companies"] == []
    assert (await sandbox.get("/company?company_id=acme")).json == {"companies": [], "total": 0}


async def test_a_link_is_kept_once_and_remove_takes_it_away(sandbox):
    for company_id in ("acme", "beta"):
        await sandbox.post("/company", {"company_id": company_id})
        await sandbox.post("/people", {"user_id": "u1", "companies": [{"company_id": company_id}]})
    await sandbox.post("/people", {"user_id": "u1", "companies": [{"company_id": "acme"}]})
    assert await linked(sandbox, "u1") == ["acme", "beta"]

    await sandbox.post("/people", {"user_id": "u1", "companies": [{"company_id": "acme", "remove": True}]})

    assert await linked(sandbox, "u1") == ["beta"]


async def test_a_company_is_found_by_its_id_and_by_custifys_own(sandbox):
    company = (await sandbox.post("/company", {"company_id": "acme", "size": 150, "plan": "Pro"})).json

    assert (await sandbox.get("/company?company_id=acme")).json == {"companies": [company], "total": 1}
    assert (await sandbox.get(f"/company/{company['id']}")).json == {"companies": [company], "total": 1}
    assert (await sandbox.get("/company/" + "0" * 24)).json == {"companies": [], "total": 0}


async def test_a_company_can_be_changed_by_custifys_own_id(sandbox):
    company = (await sandbox.post("/company", {"company_id": "acme"})).json
    await sandbox.post("/company", {"company_id": "beta"})

    changed = await sandbox.post("/company", {"id": company["id"], "company_id": "acme2", "plan": "Pro"})

    assert (changed.json["id"], changed.json["company_id"]) == (company["id"], "acme2")
    assert (await sandbox.get("/company?company_id=acme")).json["total"] == 0
    assert (await sandbox.post("/company", {"id": "0" * 24})).status == 404
    assert (await sandbox.post("/company", {"id": company["id"], "company_id": "beta"})).status == 422


async def test_members_of_a_company_come_nested(sandbox):
    company = (await sandbox.post("/company", {"company_id": "acme"})).json
    await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io", "companies": [{"company_id": "acme"}]})
    await sandbox.post("/event", {"user_id": "u1", "name": "x"})

    (answer,) = (await sandbox.get(f"/company/people/{company['id']}")).json

    assert answer["people"][0]["details"]["user_id"] == "u1"
    assert answer["people"][0]["activity"] == {"last_seen_at": "2023-11-14T22:13:20.000Z", "session_count": 0}


async def test_a_person_is_found_by_custifys_own_id_under_both_names(sandbox):
    person = (await sandbox.post("/people", {"user_id": "u1"})).json

    assert (await sandbox.get(f"/people/{person['id']}")).json == person
    assert (await sandbox.get(f"/customer/{person['id']}")).json == person
    assert (await sandbox.get("/people/" + "0" * 24)).status == 404


async def test_lists_come_page_by_page(sandbox):
    for number in range(5):
        await sandbox.post("/people", {"user_id": f"u{number}"})
        await sandbox.post("/company", {"company_id": f"c{number}"})

    (people,) = (await sandbox.get("/people/all?page=2&itemsPerPage=2")).json
    companies = (await sandbox.get("/company/all?page=3&itemsPerPage=2")).json

    assert ([p["user_id"] for p in people["people"]], people["total"]) == (["u2", "u3"], 5)
    assert ([c["company_id"] for c in companies["companies"]], companies["total"]) == (["c4"], 5)


@pytest.mark.parametrize("query", ["itemsPerPage=101", "itemsPerPage=0", "page=-1", "page=x", "page=", "page=²"])
async def test_a_list_refuses_what_it_cannot_do(sandbox, query):
    assert (await sandbox.get(f"/people/all?{query}")).status == 400


async def test_a_person_is_deleted_by_either_id_with_their_events(sandbox):
    await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io"})
    other = (await sandbox.post("/people", {"email": "b@x.io"})).json
    await sandbox.post("/event", {"user_id": "u1", "name": "x"})

    deleted = await sandbox.delete("/people?user_id=u1")

    assert (deleted.status, deleted.json["code"], deleted.json["params"]) == (200, "Success", None)
    assert (await sandbox.delete("/people?user_id=u1")).status == 404
    assert (await sandbox.delete(f"/people/{other['id']}")).json == {"deleted": True}
    assert (await sandbox.delete("/people")).status == 400
    state = await sandbox.state()
    assert (state["people"], state["events"]) == ([], [])


async def test_a_deleted_company_leaves_its_people_behind(sandbox):
    company = (await sandbox.post("/company", {"company_id": "acme"})).json
    await sandbox.post("/company", {"company_id": "beta"})
    await sandbox.post("/people", {"user_id": "u1", "companies": [{"company_id": "acme"}]})
    await sandbox.post("/event", {"company_id": "acme", "name": "of the company"})
    await sandbox.post("/event", {"user_id": "u1", "name": "of the person"})

    assert (await sandbox.delete("/company?company_id=acme")).json == {"deleted": True}
    assert (await sandbox.delete("/company?company_id=acme")).status == 404
    assert (await sandbox.delete(f"/company/{company['id']}")).status == 404

    assert await linked(sandbox, "u1") == []
    assert [event["name"] for event in (await sandbox.state())["events"]] == ["of the person"]


async def test_only_the_listed_forms_are_dates(sandbox):
    dates = {
        "day": "2024-02-29",
        "minute": "2024-02-29 10:30",
        "second": "2024-02-29 10:30:00",
        "iso": "2024-02-29T10:30:00",
        "milli": "2024-02-29T10:30:00.123",
        "utc": "2024-02-29T10:30:00Z",
        "milli_utc": "2024-02-29T10:30:00.123Z",
        "micro_utc": "2024-02-29T10:30:00.123456Z",
    }
    texts = {
        "offset": "2024-02-29T10:30:00+02:00",
        "no_such_day": "2023-02-29",
        "padded": " 2024-02-29",
        "lines": "2024-02-29\n",
        "other_digits": "\uff12\uff10\uff12\uff14-02-29",
        "slashes": "2024/02/29",
    }
    others = {"epoch": 1709200000, "zero": 0, "half": 0.5, "yes": True, "unset": None}
    await sandbox.post("/people", {"user_id": "u1", "custom_attributes": {**dates, **texts, **others}})

    registry = (await sandbox.get("/customer/attributes")).json
    types = {entry["name"]: entry["type"] for entry in registry if entry["custom"]}

    assert {types.pop(name) for name in dates} == {"date"}
    assert {types.pop(name) for name in texts} == {"string"}
    assert types == {"epoch": "number", "zero": "number", "half": "number", "yes": "boolean"}


async def test_an_attribute_keeps_its_first_type_and_the_other_is_noted(sandbox):
    await sandbox.post("/company", {"company_id": "acme", "custom_attributes": {"seats": 3}})
    await sandbox.post("/company", {"company_id": "acme", "custom_attributes": {"seats": "many"}})

    registry = {entry["name"]: entry for entry in (await sandbox.get("/company/attributes")).json}
    last = (await sandbox.get("/_sandbox/requests?since=1")).json["requests"][0]

    assert registry["seats"] == {"name": "seats", "type": "number", "custom": True}
    assert registry["monthly_revenue"] == {"name": "monthly_revenue", "type": "number", "custom": False}
    assert last["notes"] == ["attribute 'seats' is a number, got a string"]


async def test_digits_are_kept(sandbox):
    await sandbox.post("/people", {"user_id": "u1", "custom_attributes": {"n": 123456789012345678901234567890}})

    assert b"123456789012345678901234567890" in (await sandbox.get("/people?user_id=u1")).body
