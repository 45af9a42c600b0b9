"""Whatever is sent to the dashboard or the admin API says what its route takes: all else is refused by name, and nothing changes."""

import re

import msgspec
import pytest
from starlette.testclient import TestClient

from dashboard_world import World, form_of
from penstock.admin.api.table import ROUTES
from penstock.buffer.port.control import Role, User
from penstock.inspect.stored_event import StoredEvent

EVENT = {
    "type": "track", "userId": "ana", "messageId": "m1", "event": "Signed up", "context": {"groupId": "acme"},
    "timestamp": "2024-05-06T07:08:09.000Z",
}  # fmt: skip
NAMES = {"type": "custify", "what": "disable", "number": "1", "job": "1"}
JSON = {"Content-Type": "application/json"}
# What is sent by somebody who is not in yet.
SIGNED_OUT = {"/signin", "/welcome/nothing", "/welcome/custify"}
WHOLE = {"sources": {"web": {"write_key": "w"}}, "destinations": {"crm": {"api_key": "k"}}, "connections": []}
ACTS = [route for route in ROUTES if route.method == "post"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A dashboard that nothing here changes, but for what its test says."""
    world = World(tmp_path_factory.mktemp("world"))
    world.admin = world.set_up()
    channel = "/alerts/new/email"
    mailed = {"name": "custify", "to": "ops@example.com", "sender": "p@example.com", "server": "smtp.example.com:587"}
    assert world.admin.post(channel, **form_of(world.admin.get(channel).text, channel) | mailed).status_code == 303
    token = world.access.issue_token(User(name="admin", role=Role.ADMIN), "test")
    world.api = TestClient(world.app, headers={"Authorization": f"Bearer {token}"})
    return world


def filled(path: str) -> str:
    """Return an address of a route, about what is set up."""
    own = "web" if path.startswith("/sources") else "custify"
    names = NAMES | ({"type": "email"} if path.startswith("/alerts") else {})
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: names.get(found[1], own), path)


def sent(world: World, path: str, **fields: str):
    """Send a form as a browser does."""
    return world.visitor().client.post(path, data=fields) if path in SIGNED_OUT else world.admin.post(path, **fields)


def state(world: World) -> object:
    """Return all that a form or a body can change."""
    users = world.access.users
    carried = [len(users.credentials(user.name)) for user in users.users()]
    return world.desk.document(), world.control.deeds(limit=1_000), users.users(), carried, world.desk.revision()


def refused(answer, name: str) -> bool:
    """Return whether an answer of the API refuses a body because of a field."""
    return answer.status_code == 422 and answer.json()["error"]["name"] == name


def test_no_form_of_the_dashboard_may_say_what_is_not_read(world):
    # Who follows a link that does not work learns nothing at all.
    by_link = ("/alerts/mute/{token}",)
    of_programs = ("/api", "/v1/regulations", "/v2/regulations", "/regulations", *by_link)
    paths = {route.path for route in world.routes if "POST" in route.methods and not route.path.startswith(of_programs)}
    before = state(world)
    for path in sorted(paths):
        answer = sent(world, filled(path), surprise="on")
        assert (path, answer.status_code, "surprise" in answer.text) == (path, 422, True)
    assert state(world) == before


@pytest.mark.parametrize(
    ("path", "fields", "left_out"),
    [
        ("/users", {"name": "bo"}, "role"), ("/users", {"role": "viewer"}, "name"),
        ("/tokens", {"label": "ci"}, "scope"), ("/tokens", {"scope": "read"}, "label"),
        ("/links", {"person": "ana", "days": "7"}, "destination"), ("/links", {"destination": "custify"}, "days"),
        ("/replays", {"cause": "custify.refused.422"}, "destination"), ("/replays", {"destination": "custify"}, "cause"),
        ("/destinations/custify/rename", {}, "name"), ("/destinations/custify/was", {}, "old"),
        ("/destinations/custify/remove", {}, "backlog"), ("/destinations/custify/connect", {}, "mode:web"),
        ("/destinations/custify/connect", {"mode:web": ""}, "names:web"), ("/sources/new", {"name": "other"}, "type"),
        ("/destinations/new/custify", {"name": "other"}, "api_key"), ("/ledger/custify/approve", {}, "attribute"),
        ("/ledger/custify/forget", {}, "who"), ("/live/test-event", {}, "source"), ("/password", {"present": "x"}, "password"),
        ("/welcome/nothing", {}, "password"), ("/signin", {"name": "ana"}, "password"),
    ],
)  # fmt: skip
def test_a_form_that_leaves_something_out_changes_nothing_and_is_told_what(world, path, fields, left_out):
    before = state(world)
    answer = sent(world, path, **fields)

    assert answer.status_code == 422
    assert left_out in answer.text
    assert state(world) == before
    assert world.trials == []


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("/password", {"present": "a", "password": "b", "end": "yes"}, "end"),
        ("/ledger/custify/forget", {"all": "true"}, "all"),
        ("/ledger/custify/forget", {"all": "on", "person": "ana"}, "who"),
        ("/ledger/custify/forget", {"email": "a@example.com", "person": "ana"}, "who"),
        ("/sources/web/rotate", {"base": "the newest"}, "base"),
        ("/destinations/custify/connect", {"source:web": "1", "mode:web": "", "names:web": ""}, "source:web"),
        ("/destinations/custify/connect", {"source:wbe": "on", "mode:web": "", "names:web": ""}, "source:wbe"),
        ("/destinations/custify/connect", {"mode:web": "allow", "names:web": "Signed up"}, "mode:web"),
        ("/destinations/new/custify", {"name": "b", "api_key": "k", "source:wbe": "on"}, "source:wbe"),
    ],
)  # fmt: skip
def test_a_form_with_a_value_of_another_kind_changes_nothing_and_is_told_which(world, path, fields, name):
    before = state(world)
    answer = world.admin.post(path, **fields)

    assert answer.status_code == 422
    assert name in answer.text
    assert state(world) == before


def test_a_form_about_connections_as_a_page_sends_it_changes_nothing_that_was_not_chosen(world):
    path, before = "/destinations/custify/connect", world.desk.document()
    assert world.admin.post(path, **form_of(world.admin.get("/destinations/custify").text, path)).status_code == 303
    assert world.desk.document() == before


@pytest.mark.parametrize("route", ACTS, ids=lambda route: route.path)
def test_no_body_of_the_api_may_say_what_is_not_read_and_none_is_taken_that_is_no_object(world, route):
    path, before = filled(route.path), state(world)
    for given in (b"[]", b'"text"', b"1", b"null", b"true"):
        assert refused(world.api.post(path, content=given, headers=JSON), "body")
    assert refused(world.api.post(path, json={"surprise": 1}), "surprise")
    assert world.api.post(path, content=b"{", headers=JSON).status_code == 400
    for name in (field.encode_name for field in msgspec.structs.fields(route.takes)):
        answer = world.api.post(path, json={f"{name}s": 1})
        assert refused(answer, f"{name}s")
        assert answer.json()["error"]["hint"] == f"did you mean {name}?"
    assert state(world) == before


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/api/v1/users", {"name": "bo"}, "role"), ("/api/v1/users", {"name": 5, "role": "viewer"}, "name"),
        ("/api/v1/users", {"name": "bo", "role": "king"}, "role"), ("/api/v1/users", {"name": None, "role": "cs"}, "name"),
        ("/api/v1/replays", {}, "destination"), ("/api/v1/replays", {"destination": ["custify"]}, "destination"),
        ("/api/v1/replays", {"destination": "custify", "dry_run": "yes"}, "dry_run"),
        ("/api/v1/replays", {"destination": "custify", "selection": []}, "selection"),
        ("/api/v1/replays", {"destination": "custify", "selection": {"since": "yesterday"}}, "selection.since"),
        ("/api/v1/replays", {"destination": "custify", "selection": {"casue": "x"}}, "selection.casue"),
        ("/api/v1/settings", {}, "sources"), ("/api/v1/settings", {"sources": {}, "destinations": {}}, "connections"),
        ("/api/v1/settings", {"sources": {}, "destinations": {}, "connections": [3]}, "connections[0]"),
        ("/api/v1/settings", WHOLE | {"connections": [{"from": "web"}]}, "connections[0].to"),
        ("/api/v1/settings", WHOLE | {"connections": [{"form": "web", "to": "crm"}]}, "connections[0].form"),
        ("/api/v1/settings", WHOLE | {"connections": [{"from": "web", "to": "crm", "on": 1}]}, "connections[0].on"),
        ("/api/v1/settings", WHOLE | {"connections": [{"from": "web", "to": 5}]}, "connections[0].to"),
        ("/api/v1/settings", WHOLE | {"sources": {"web": {}}}, "sources.web.write_key"),
        ("/api/v1/settings", WHOLE | {"sources": {"web": {"write_key": "w", "quotas": 1}}}, "sources.web.quotas"),
        ("/api/v1/settings", WHOLE | {"destinations": {"crm": {"api_key": "k", "mode": "on"}}}, "destinations.crm.mode"),
        ("/api/v1/destinations/custify/attributes/approve", {"attribute": 1.5}, "attribute"),
        ("/api/v1/destinations/custify/ledger/forget", {}, "who"),
        ("/api/v1/destinations/custify/ledger/forget", {"person": "ana", "email": "a@example.com"}, "who"),
        ("/api/v1/destinations/custify/ledger/forget", {"all": 1}, "all"),
    ],
)  # fmt: skip
def test_a_body_with_a_field_missing_or_of_another_kind_changes_nothing_and_is_told_which(world, path, body, name):
    before = state(world)

    assert refused(world.api.post(path, json=body), name)
    assert state(world) == before


def test_what_needs_no_body_may_have_none(world):
    assert world.api.post("/api/v1/destinations/custify/pause", headers=JSON).json()["paused"] is True
    assert world.api.post("/api/v1/settings", headers=JSON).status_code == 400


def test_an_event_is_the_same_json_in_a_list_in_its_account_and_as_what_set_a_field(world):
    world.receive(EVENT | {"type": "identify", "traits": {"plan": "Pro"}})
    world.settle()
    [listed] = world.api.get("/api/v1/events").json()["events"]
    [account] = world.api.get("/api/v1/events/m1/explain").json()["accounts"]
    setter = world.api.get("/api/v1/explain", params={"person": "ana", "field": "plan"}).json()["set_by"]

    assert tuple(listed) == StoredEvent.__struct_fields__
    assert {name: account[name] for name in listed} == listed == setter
    assert (listed["user_id"], listed["company_id"]) == ("ana", "acme")
    for at in (listed["received_at"], listed["ended_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at)
