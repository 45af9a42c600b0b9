"""The sandbox answers the public clients of Custify as Custify does: testmonitor/custify-client, CustifyOfficial/custify-mcp."""

import json
import urllib.parse

import pytest

from penstock.destinations.custify.convert import convert
from penstock.destinations.custify.options import Mapping
from sandbox_client import Sandbox


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.mark.parametrize(
    ("sent", "kept"), [(25, "25"), (25.0, "25"), (0, "0"), (2.5, "2.5"), (10**18 + 1, str(10**18 + 1))]
)
async def test_a_person_whose_id_is_a_number_is_the_one_whose_id_is_that_text(sandbox, sent, kept):
    by_number = await sandbox.post("/people", {"user_id": sent, "email": "john.doe@mail.com"})
    by_text = await sandbox.post("/people", {"user_id": kept, "name": "John Doe"})

    assert (by_number.status, by_number.json["user_id"]) == (200, kept)
    assert by_text.json["id"] == by_number.json["id"]
    assert (await sandbox.get(f"/people?user_id={kept}")).json[0]["total"] == 1


async def test_numbers_name_companies_and_events_too(sandbox):
    await sandbox.post("/company", {"company_id": 7, "name": "Acme"})
    await sandbox.post("/people", {"user_id": 25, "companies": [{"company_id": 7}]})
    for _ in range(2):
        body = {"name": "Step", "user_id": 25, "company_id": 7, "deduplication_id": 99}
        assert (await sandbox.post("/event", body)).status == 202

    state = await sandbox.state()
    assert state["companies"][0]["company_id"] == "7"
    assert state["people"][0]["companies"] == [state["companies"][0]["id"]]
    assert [(e["user_id"], e["company_id"], e["deduplication_id"]) for e in state["events"]] == [("25", "7", "99")]


async def test_what_was_written_with_numbers_comes_back_from_the_data_file(tmp_path):
    first = Sandbox(data=tmp_path / "data")
    await first.post("/company", {"company_id": 7})
    await first.post("/people", {"user_id": 25, "companies": [{"company_id": 7}]})

    assert await Sandbox(data=tmp_path / "data").state() == await first.state()


@pytest.mark.parametrize("body", [{"user_id": "u1"}, {"email": "a@x.io"}])
async def test_a_person_has_the_keys_of_both_ids_wherever_they_are_read(sandbox, body):
    written = (await sandbox.post("/people", body)).json
    company = (await sandbox.post("/company", {"company_id": "acme"})).json
    await sandbox.post("/people", {**body, "companies": [{"company_id": "acme"}]})
    member = (await sandbox.get(f"/company/people/{company['id']}")).json[0]["people"][0]["details"]
    read = [
        written,
        (await sandbox.get(f"/people/{written['id']}")).json,
        (await sandbox.get("/people/all")).json[0]["people"][0],
    ]

    for person in [*read, member]:
        assert {"user_id", "email"} <= person.keys()
        assert (person["user_id"], person["email"]) == (body.get("user_id"), body.get("email"))


NUMBERS = {
    "type": "track",
    "userId": 25,
    "messageId": "m1",
    "event": "Step",
    "properties": {"organization_id": 7, "n": 1},
}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "identify", "userId": 25, "messageId": "m0", "traits": {"email": "a@x.io", "company": {"id": 7}}},
        {"type": "group", "userId": 25, "groupId": 7, "messageId": "m0", "traits": {"name": "Acme"}},
        NUMBERS,
    ],
    ids=["identify", "group", "track"],
)
async def test_ids_that_rudderstack_sends_as_numbers_arrive_as_those_that_custify_1_sends_as_texts(event):
    states = []
    for mapping in ("rudderstack", "custify/1"):
        sandbox = Sandbox()
        plan = convert(event | {"timestamp": "2024-05-06T07:08:09.000Z"}, Mapping(name=mapping))
        for call in plan.calls:
            assert (await sandbox.post(call.path, call.body)).status < 300, call
        state = await sandbox.state()
        states.append(
            [record.get("user_id", record.get("company_id")) for record in state["people"] + state["companies"]]
        )

    assert states[0] == states[1]


async def test_a_person_is_changed_by_custifys_own_id_as_its_client_does(tmp_path):
    sandbox = Sandbox(data=tmp_path / "data")
    person = (await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io"})).json
    await sandbox.post("/people", {"user_id": "u2"})

    changed = await sandbox.post("/customer", {"id": person["id"], "user_id": 25, "custom_attributes": {"plan": "Pro"}})

    assert (changed.json["id"], changed.json["user_id"], changed.json["email"]) == (person["id"], "25", "a@x.io")
    assert changed.json["custom_attributes"] == {"plan": "Pro"}
    assert (await sandbox.get("/people?user_id=u1")).json[0]["total"] == 0
    assert (await sandbox.post("/customer", {"id": "0" * 24, "name": "x"})).status == 404
    assert (await sandbox.post("/customer", {"user_id": "u1"})).status == 422
    assert (await sandbox.post("/customer", {"id": person["id"], "user_id": "u2"})).status == 422
    assert await Sandbox(data=tmp_path / "data").state() == await sandbox.state()


COMPANIES = [
    {"company_id": "a", "name": "ACME Corp", "website": "https://acme.test", "plan": "Pro", "churned": True, "size": 5},
    {"company_id": "b", "name": "Beta", "signed_up_at": "2023-11-13", "owners_csm": "jo@x.io", "monthly_revenue": 99.5},
    {"company_id": "c", "signed_up_at": "2023-10-02T10:00:00Z", "size": 50, "custom_attributes": {"tier": 2}},
]


async def ids(sandbox, *filters, path="/company/all", **query) -> list[str]:
    """Ask as Custify's own client does; return the senders' ids."""
    asked = {"page": "1", "itemsPerPage": "25", **{name: json.dumps(value) for name, value in query.items()}}
    if filters:
        names = ("fieldName", "fieldType", "filterType", "filterValue")
        asked["filters"] = json.dumps([dict(zip(names, each, strict=False)) for each in filters])
    got = await sandbox.get(f"{path}?{urllib.parse.urlencode(asked)}")
    assert got.status == 200, got.json
    page = got.json if path == "/company/all" else got.json[0]
    records = page.get("companies", page.get("people"))
    assert page["total"] == len(records)
    return [record.get("company_id", record.get("user_id")) for record in records]


@pytest.mark.parametrize(
    ("filters", "taken"),
    [
        ([("name", "String", "contains", "acme")], "a"),
        ([("website", "String", "ends_with", ".TEST")], "a"),
        ([("name", "String", "starts_with", "be")], "b"),
        ([("name", "String", "does_not_contain", "e")], "c"),
        ([("name", "String", "is_unknown")], "c"),
        ([("churned", "Boolean", "true")], "a"),
        ([("churned", "Boolean", "false")], ""),
        ([("size", "Number", "greater", "5")], "c"),
        ([("size", "Number", "lower", 50)], "a"),
        ([("size", "Number", "between", [5, "50"])], "ac"),
        ([("monthly_revenue", "Currency", "any_value")], "b"),
        ([("tier", "Number", "greater", "1")], "c"),
        ([("custom_attributes.tier", "Number", "greater", "1")], "c"),
        ([("plan", "Dropdown", "is_any_of", ["Pro", "Free"])], "a"),
        ([("plan", "Dropdown", "is_none_of", ["Pro"])], "bc"),
        ([("owners_csm", "User", "any_value")], "b"),
        ([("owners_csm", "User", "is_in", "jo@x.io")], "b"),
        ([("owners_csm", "User", "is_not_in", ["jo@x.io"])], "ac"),
        ([("tags", "Tag", "is_any_of", ["0" * 24])], ""),
        ([("tags", "Tag", "is_none_of", ["0" * 24])], "abc"),
        ([("anything", "Segment", "is_all_of", ["0" * 24])], ""),
        ([("signed_up_at", "Date", "after", "2023-11-12")], "b"),
        ([("signed_up_at", "Date", "before", "2023-11-13")], "c"),
        ([("signed_up_at", "Date", "on", "2023-10-02")], "c"),
        ([("signed_up_at", "Date", "between", ["2023-10-02", "2023-11-13"])], "bc"),
        # The sandbox of the tests lives on Tuesday, 14 November 2023.
        ([("signed_up_at", "Date", "this_week")], "b"),
        ([("signed_up_at", "Date", "last_week")], ""),
        ([("signed_up_at", "Date", "last_month")], "c"),
        ([("signed_up_at", "Date", "this_quarter")], "bc"),
        ([("signed_up_at", "Date", "last_year")], ""),
        ([("signed_up_at", "Date", "exactly", 1)], "b"),
        ([("signed_up_at", "Date", "more_than", "30")], "c"),
        ([("signed_up_at", "Date", "less_than", "30")], "b"),
        ([("signed_up_at", "Date", "any_value"), ("size", "Number", "any_value")], "c"),
    ],
)
async def test_a_list_takes_what_all_filters_take(sandbox, filters, taken):
    for company in COMPANIES:
        await sandbox.post("/company", company)

    assert await ids(sandbox, *filters) == list(taken)


async def test_people_are_searched_too_and_sorted_by_one_field(sandbox):
    company = (await sandbox.post("/company", {"company_id": "acme"})).json
    for user_id, more in (
        ("u1", {"name": "bea"}),
        ("u2", {"email": "b@x.io"}),
        ("u3", {"name": "Abe", "session_count": 3}),
    ):
        await sandbox.post("/people", {"user_id": user_id, "companies": [{"company_id": "acme"}], **more})
    await sandbox.post("/people", {"user_id": "u4"})

    people = {"path": "/people/all"}
    assert await ids(sandbox, ("email", "String", "contains", "@X.io"), **people) == ["u2"]
    assert await ids(sandbox, ("companies", "Company", "is_in", company["id"]), **people) == ["u1", "u2", "u3"]
    assert await ids(sandbox, sorting={"field": "name", "direction": "asc"}, **people) == ["u3", "u1", "u2", "u4"]
    assert await ids(sandbox, sorting={"field": "name"}, **people) == ["u1", "u3", "u2", "u4"]


@pytest.mark.parametrize(
    "query",
    [
        "filters=[{}]",
        "filters=x",
        'filters=[{"field":"name","operator":"eq","value":"x"}]',
        'filters=[{"fieldName":"name","fieldType":"Text","filterType":"contains","filterValue":"x"}]',
        'filters=[{"fieldName":"name","fieldType":"String","filterType":"is_in","filterValue":"x"}]',
        'filters=[{"fieldName":"name","fieldType":"String","filterType":"contains"}]',
        'filters=[{"fieldName":"size","fieldType":"Number","filterType":"greater","filterValue":"x"}]',
        'filters=[{"fieldName":"size","fieldType":"Number","filterType":"between","filterValue":3}]',
        'filters=[{"fieldName":"a","fieldType":"Date","filterType":"on","filterValue":"soon"}]',
        'filters=[{"fieldName":"a","fieldType":"Date","filterType":"more_than","filterValue":1e15}]',
        'filters=[{"fieldName":"a","fieldType":"Tag","filterType":"is_any_of"}]',
        'sorting={"field":"name","direction":"up"}',
        "sorting=name",
    ],
)
async def test_a_search_that_cannot_be_read_is_answered_with_400(sandbox, query):
    got = await sandbox.get(f"/company/all?{urllib.parse.quote(query, safe='=')}")

    assert (got.status, got.json["code"]) == (400, "BadRequest")
