"""Who may see and do what. Routes are taken from the application: a new one fails here until somebody decides."""

import re

import pytest
from starlette.testclient import TestClient

from dashboard_world import World
from penstock.admin.doors.access import RIGHTS, SCOPES
from penstock.buffer.port.control import Role, User

ALL, STAFF, ACTORS, ADMIN = "admin operator viewer cs", "admin operator viewer", "admin operator", "admin"
# CS helps itself: it sends again what did not get through, and shares what it sees.
HELPERS = "admin operator cs"
#: Routes for whoever comes; each looks for a secret of its own.
OPEN = {
    "GET /signin",
    "POST /signin",
    "GET /welcome/{invitation}",
    "POST /welcome/{invitation}",
    "GET /shared/{secret}",
    "GET /alerts/mute/{token}",
    "POST /alerts/mute/{token}",
}
PAGES = {
    "GET /": ALL,
    "GET /changes": ALL,
    "GET /people": ALL,
    "GET /accounts": ALL,
    "GET /people/merges": ALL,
    "GET /tokens": ALL,
    "GET /password": ALL,
    "GET /help": ALL,
    "GET /help/settings": ALL,
    "POST /password": ALL,
    "GET /live": STAFF,
    "GET /live/export": STAFF,
    "GET /events/{destination}/{message_id:path}": STAFF,
    "GET /payloads/{destination}/{message_id:path}": STAFF,
    "GET /problems": ALL,
    "GET /problems/{destination}": ALL,
    "GET /problems/{destination}/{cause}": ALL,
    "GET /replays": ALL,
    "GET /replays/new": HELPERS,
    "GET /alerts": STAFF,
    "POST /alerts/mute": ACTORS,
    "POST /alerts/thresholds": ADMIN,
    "GET /alerts/new/{type}": ADMIN,
    "POST /alerts/new/{type}": ADMIN,
    "GET /alerts/channels/{name}": ADMIN,
    "POST /alerts/channels/{name}/settings": ADMIN,
    "POST /alerts/channels/{name}/test": ADMIN,
    "POST /alerts/channels/{name}/remove": ADMIN,
    "POST /problems/{destination}/{cause}/{what}": ACTORS,
    "GET /sources": STAFF,
    "GET /sources/{name}": STAFF,
    "GET /destinations": STAFF,
    "GET /destinations/{name}": STAFF,
    "GET /mapping/{name}": STAFF,
    "GET /activity": STAFF,
    "GET /ledger/{name}": STAFF,
    "POST /ledger/{name}/forget": ACTORS,
    "POST /ledger/{name}/approve": ACTORS,
    "GET /links": HELPERS,
    "GET /sources/new": ADMIN,
    "GET /destinations/new": ADMIN,
    "GET /destinations/new/{type}": ADMIN,
    "GET /users": ADMIN,
    "GET /users/{name}": ADMIN,
    "GET /activity/{sort}": ADMIN,
    "POST /signout": ALL,
    "POST /tokens": ALL,
    "POST /tokens/{hash}/end": ALL,
    "POST /live/test-event": ACTORS,
    "POST /live/views": STAFF,
    "POST /live/views/remove": STAFF,
    "POST /links": HELPERS,
    "POST /links/{hash}/end": HELPERS,
    "POST /replays": HELPERS,
    "POST /replays/{job:int}/stop": ACTORS,
    "POST /replays/{job:int}/resume": ACTORS,
    "POST /destinations/{name}/pause": ACTORS,
    "POST /destinations/{name}/resume": ACTORS,
    "POST /sources/new": ADMIN,
    "POST /sources/{name}/preview": ADMIN,
    "POST /sources/{name}/settings": ADMIN,
    "POST /sources/{name}/{what}": ADMIN,
    "POST /destinations/new/{type}": ADMIN,
    "POST /destinations/new/{type}/test": ADMIN,
    "POST /destinations/{name}/settings": ADMIN,
    "POST /destinations/{name}/test": ADMIN,
    "POST /destinations/{name}/connect": ADMIN,
    "POST /destinations/{name}/remove": ADMIN,
    "POST /destinations/{name}/rename": ADMIN,
    "POST /destinations/{name}/was": ADMIN,
    "POST /mapping/{name}": ADMIN,
    "POST /users": ADMIN,
    "POST /users/{name}/remove": ADMIN,
    "POST /users/{name}/reset": ADMIN,
    "POST /users/{name}/end": ADMIN,
    "POST /users/{name}/end/{hash}": ADMIN,
    "POST /activity/{number:int}/back": ADMIN,
    "GET /privacy": ADMIN,
    "GET /privacy/{number}": ADMIN,
    "GET /privacy/{number}/receipt": ADMIN,
    "POST /privacy/preview": ADMIN,
    "POST /privacy/suppress": ADMIN,
    "POST /privacy/erase": ADMIN,
    "POST /privacy/person": ADMIN,
    "POST /privacy/{number}/approve": ADMIN,
    "POST /privacy/{number}/cancel": ADMIN,
}
API = {
    "GET /api/openapi.json": ALL,
    "GET /api/v1/people": ALL,
    "GET /api/v1/tokens": ALL,
    "POST /api/v1/tokens/{hash}/end": ALL,
    "GET /api/v1/explain": STAFF,
    "GET /api/v1/alerts": STAFF,
    "GET /api/v1/users": ADMIN,
    "POST /api/v1/users": ADMIN,
    "POST /api/v1/users/{name}/remove": ADMIN,
    "POST /api/v1/users/{name}/reset": ADMIN,
    "GET /api/v1/users/{name}/credentials": ADMIN,
    "POST /api/v1/users/{name}/credentials/end": ADMIN,
    "POST /api/v1/users/{name}/credentials/{hash}/end": ADMIN,
    "GET /api/v1/audit": ADMIN,
    "GET /api/v1/companies": ALL,
    "GET /api/v1/sources": STAFF,
    "GET /api/v1/destinations": STAFF,
    "GET /api/v1/events": STAFF,
    "GET /api/v1/events/export": STAFF,
    "GET /api/v1/events/{message_id:path}/explain": STAFF,
    "GET /api/v1/events/{message_id:path}/sent": STAFF,
    "GET /api/v1/refused": STAFF,
    "GET /api/v1/destinations/{name}/dead": STAFF,
    "GET /api/v1/destinations/{name}/dead/events": STAFF,
    "GET /api/v1/destinations/{name}/mapping": STAFF,
    "GET /api/v1/destinations/{name}/ledger": STAFF,
    "GET /api/v1/destinations/{name}/attributes": STAFF,
    "POST /api/v1/destinations/{name}/ledger/forget": ACTORS,
    "POST /api/v1/destinations/{name}/attributes/approve": ACTORS,
    "GET /api/v1/replays": STAFF,
    "GET /api/v1/issues": ALL,
    "GET /api/v1/destinations/{name}/issues/{cause}": ALL,
    "POST /api/v1/destinations/{name}/issues/{cause}/{what}": ACTORS,
    "GET /api/v1/replays/{job:int}": STAFF,
    "GET /api/v1/revisions": STAFF,
    "GET /api/v1/deeds": STAFF,
    "GET /api/v1/settings": ADMIN,
    "POST /api/v1/destinations/{name}/pause": ACTORS,
    "POST /api/v1/destinations/{name}/resume": ACTORS,
    "POST /api/v1/replays": HELPERS,
    "POST /api/v1/replays/{job:int}/stop": ACTORS,
    "POST /api/v1/replays/{job:int}/resume": ACTORS,
    "POST /api/v1/settings": ADMIN,
    "POST /api/v1/revisions/{number:int}/back": ADMIN,
    "POST /api/v1/destinations/{name}/test": ADMIN,
    "GET /api/v1/privacy/requests": ADMIN,
    "GET /api/v1/privacy/requests/{number}": ADMIN,
    "GET /api/v1/privacy/requests/{number}/receipt": ADMIN,
    "POST /api/v1/privacy/requests/{number}/approve": ADMIN,
    "POST /api/v1/privacy/requests/{number}/cancel": ADMIN,
    "POST /api/v1/privacy/preview": ADMIN,
    "POST /api/v1/sources/{name}/minimise/preview": ADMIN,
    "POST /api/v1/privacy/suppress": ADMIN,
    "POST /api/v1/privacy/erase": ADMIN,
    "POST /api/v1/privacy/person": ADMIN,
    # As RudderStack's and Segment's clients call them.
    "POST /v1/regulations": ADMIN,
    "POST /v2/regulations": ADMIN,
    "GET /v1/regulations": ADMIN,
    "GET /v2/regulations": ADMIN,
    "DELETE /v1/regulations/{number}": ADMIN,
    "DELETE /v2/regulations/{number}": ADMIN,
    "POST /regulations": ADMIN,
    "GET /regulations/{number}": ADMIN,
}
#: Routes that answer another method than pages and the admin API do, for their clients know no other.
OTHER_METHODS = {"DELETE /v1/regulations/{number}", "DELETE /v2/regulations/{number}"}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def name_of(route) -> str:
    method = next((each for each in ("POST", "DELETE") if each in route.methods), "GET")
    return f"{method} {route.path}"


def filled(path: str) -> str:
    return re.sub(r"{\w+(:path)?}", "x", re.sub(r"{\w+:int}", "1", path))


def test_every_route_has_a_right_that_was_decided(world):
    decided = OPEN | PAGES.keys() | API.keys()

    assert {name_of(route) for route in world.routes} == decided


def test_no_route_answers_a_method_that_was_not_decided_about(world):
    for route in world.routes:
        is_usual = route.methods <= {"GET", "HEAD"} or route.methods == {"POST"}
        assert is_usual or (len(route.methods) == 1 and name_of(route) in OTHER_METHODS), route.path


def test_a_stranger_sees_the_door_and_nothing_else(world):
    stranger = world.visitor().client
    for name in PAGES:
        method, path = name.split()
        answer = stranger.request(method, filled(path))
        if path == "/changes":
            assert answer.status_code == 401
        else:
            assert (answer.status_code, answer.headers.get("location", "")[:7]) == (303, "/signin"), name
    for name in [*API, "GET /api/v1/status", "GET /metrics", "GET /api/v1/nowhere"]:
        method, path = name.split()
        assert stranger.request(method, filled(path)).status_code == 401, name


@pytest.mark.parametrize("role", list(Role))
def test_each_role_sees_and_does_what_it_may_and_nothing_else(world, role):
    visitor = world.visitor(role)
    for name, roles in PAGES.items():
        method, path = name.split()
        if path in {"/signout", "/changes"}:
            continue
        answer = visitor.get(filled(path)) if method == "GET" else visitor.post(filled(path))
        assert (answer.status_code == 403) == (role.value not in roles.split()), name


@pytest.mark.parametrize("role", list(Role))
def test_a_token_may_do_on_the_api_what_its_owner_may(world, role):
    client = caller(world, role, "everything")
    for name, roles in API.items():
        method, path = name.split()
        answer = client.request(method, filled(path), json={} if method == "POST" else None)
        assert (answer.status_code == 403) == (role.value not in roles.split()), name
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("scope", list(SCOPES))
@pytest.mark.parametrize("role", list(Role))
def test_a_token_may_never_do_more_than_its_scope_or_its_owner(world, role, scope):
    client = caller(world, role, scope)
    allowed = RIGHTS[role] & SCOPES[scope]

    assert (client.get("/api/v1/replays").status_code == 200) == ("payloads" in allowed)
    assert (client.post("/api/v1/replays/1/stop", json={}).status_code == 404) == ("act" in allowed)
    assert (client.get("/api/v1/settings").status_code == 200) == ("settings" in allowed)
    assert client.get("/api/v1/status").status_code == 200


def test_a_lowered_role_lowers_the_tokens_there_are(world):
    client = caller(world, Role.ADMIN, "everything")
    world.access.users.put_user(User(name="admin", role=Role.CS))

    assert client.get("/api/v1/settings").status_code == 403


def caller(world, role: Role, scope: str) -> TestClient:
    user = User(name=role.value, role=role)
    world.access.users.put_user(user)
    token = world.access.issue_token(user, "test", scope=scope)
    return TestClient(world.app, headers={"Authorization": f"Bearer {token}"})
