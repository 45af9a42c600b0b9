"""Who may see and do what in the dashboard, and what an attacker gets."""

import re

import pytest
from starlette.testclient import TestClient

from penstock.buffer.control_port import Role, User
from penstock.buffer.sqlite_control import SqliteControl
from penstock.buffer.sqlite_dead import SqliteDeadLetters
from penstock.buffer.sqlite_ledger import SqliteLedgerShelf
from penstock.buffer.sqlite_orders import SqliteOrders
from penstock.buffer.sqlite_search import SqliteSearch
from penstock.buffer.sqlite_shelf import SqliteShelf
from penstock.clock import ManualClock
from penstock.operate.access import GUESSES_MAX, GUESSES_S, SESSION_S, Access
from penstock.operate.app import create_app
from penstock.operate.delivery_api import DeliveryApi
from penstock.operate.desk import Desk
from penstock.operate.pages_access import AccessPages
from penstock.operate.pages_events import EventPages
from penstock.operate.pages_mapping import MappingPages
from penstock.operate.pages_settings import SettingsPages
from penstock.operate.read_api import ReadApi
from penstock.operate.snapshot import Snapshots
from penstock.operate.status import StatusReader
from penstock.operate.web import COOKIE, Pages
from penstock.settings import load
from penstock.vault import Vault

PASSWORD = "correct horse battery"
CUSTIFY = {"name": "custify", "api_key": "a-secret-api-key", "base_url": "http://127.0.0.1:9"}


class World:
    """A dashboard on a folder of its own, without a server."""

    def __init__(self, folder) -> None:
        self.folder, self.clock = folder, ManualClock()
        control = SqliteControl(folder, clock=self.clock)
        self.access = Access(control, clock=self.clock)
        environ = {"PENSTOCK_DATA_DIR": str(folder)}
        self.desk = Desk(
            revisions=control, vault=Vault(folder / "secret.key"), load=lambda doc: load(None, environ, dashboard=doc)
        )
        shelf, dead = SqliteShelf(folder), SqliteDeadLetters(folder)
        orders, snapshots = SqliteOrders(folder, clock=self.clock), Snapshots(folder)
        reader = StatusReader(
            settings=load(None, environ),
            shelf=shelf,
            ledger=SqliteLedgerShelf(folder),
            snapshots=snapshots,
            clock=self.clock,
            version="0",
        )
        pages = Pages(self.access)
        parts = (
            ReadApi(reader=reader, shelf=shelf, search=SqliteSearch(folder)),
            DeliveryApi(reader=reader, dead=dead, orders=orders),
            AccessPages(pages, desk=self.desk),
            MappingPages(pages, reader=reader, shelf=shelf),
            EventPages(pages, reader=reader, shelf=shelf, search=SqliteSearch(folder), dead=dead, orders=orders),
            SettingsPages(
                pages,
                desk=self.desk,
                reader=reader,
                orders=orders,
                try_connection=lambda *_: (True, "yes"),
                ingest="http://localhost",
            ),
        )
        self.routes = [route for part in parts for route in part.routes()]
        self.app = create_app(
            reader=reader, snapshots=snapshots, access=self.access, routes=self.routes, password="file-password"
        )

    def visitor(self, role: Role | None = None) -> "Visitor":
        """Return a browser, signed in as somebody with this role."""
        visitor = Visitor(TestClient(self.app, base_url="http://testserver", follow_redirects=False))
        if role is not None:
            self.access.set_password(User(name=role.value, role=role), PASSWORD)
            visitor.sign_in(role.value)
        return visitor


class Visitor:
    """A browser that sends forms as our pages do."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def sign_in(self, name: str, password: str = PASSWORD):
        return self.client.post("/signin", data={"name": name, "password": password, "next": "/"})

    def get(self, path: str):
        return self.client.get(path)

    def post(self, path: str, **fields: str):
        found = re.search(r'name="csrf" value="(\w+)"', self.client.get("/tokens").text)
        return self.client.post(path, data={"csrf": found[1] if found else "", **fields})


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.visitor(Role.ADMIN)


def test_every_page_but_the_door_sends_a_stranger_to_the_sign_in(world):
    stranger = world.visitor()
    for route in world.routes:
        if "GET" in route.methods and not route.path.startswith(("/signin", "/welcome", "/api")):
            answer = stranger.get(re.sub(r"{(\w+):int}", "1", re.sub(r"{[^:}]*(:path)?}", "x", route.path)))
            assert (answer.status_code, answer.headers["location"][:7]) == (303, "/signin"), route.path


def test_every_api_route_refuses_a_stranger(world):
    stranger = world.visitor()
    for path in ["/api/v1/status", "/metrics", *(r.path for r in world.routes if r.path.startswith("/api"))]:
        assert stranger.client.get(path).status_code == 401, path
        assert stranger.client.post(path, json={}).status_code == 401, path


ALLOWED = {
    "/": "admin operator viewer cs",
    "/people": "admin operator viewer cs",
    "/live": "admin operator viewer",
    "/events/custify/m": "admin operator viewer",
    "/problems": "admin operator viewer",
    "/problems/custify/x": "admin operator viewer",
    "/replays": "admin operator viewer",
    "/sources": "admin operator viewer",
    "/mapping/custify": "admin operator viewer",
    "/destinations": "admin operator viewer",
    "/activity": "admin operator viewer",
    "/tokens": "admin operator viewer cs",
    "/sources/new": "admin",
    "/destinations/new": "admin",
    "/destinations/new/custify": "admin",
    "/users": "admin",
}
ACTIONS = {
    "/sources/new": "admin",
    "/sources/web/rotate": "admin",
    "/destinations/new/custify": "admin",
    "/destinations/custify/settings": "admin",
    "/destinations/custify/test": "admin",
    "/destinations/custify/connect": "admin",
    "/destinations/custify/remove": "admin",
    "/users": "admin",
    "/users/x/remove": "admin",
    "/activity/1/back": "admin",
    "/replays": "admin operator",
    "/replays/1/stop": "admin operator",
    "/destinations/custify/pause": "admin operator",
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_sees_its_pages_and_no_others(world, role):
    visitor = world.visitor(role)
    for path, roles in ALLOWED.items():
        refused = visitor.get(path).status_code == 403
        assert refused == (role.value not in roles.split()), path


@pytest.mark.parametrize("role", list(Role))
def test_each_role_does_what_it_may_and_nothing_else(world, role):
    visitor = world.visitor(role)
    for path, roles in ACTIONS.items():
        refused = visitor.post(path).status_code == 403
        assert refused == (role.value not in roles.split()), path


@pytest.mark.parametrize("role", list(Role))
def test_a_token_may_do_on_the_api_what_its_owner_may(world, role):
    token = world.access.issue_token(User(name=role.value, role=role), "test")
    world.access.users.put_user(User(name=role.value, role=role))
    client = TestClient(world.app, headers={"Authorization": f"Bearer {token}"})

    looks = client.get("/api/v1/replays").status_code
    acts = client.post("/api/v1/destinations/none/pause", json={}).status_code

    assert looks == (403 if role is Role.CS else 200)
    assert acts == (404 if role in {Role.ADMIN, Role.OPERATOR} else 403)
    assert client.get("/metrics").status_code == 200


def test_a_form_of_another_site_does_nothing(world, admin):
    for token in ({}, {"csrf": "guess"}):
        answer = admin.client.post("/sources/new", data={"name": "evil", "type": "web", **token})
        assert answer.status_code == 403
    assert world.desk.document()["sources"] == {}


def test_the_session_cookie_is_for_the_server_alone_and_new_with_each_sign_in(world):
    world.access.set_password(User(name="ana", role=Role.VIEWER), PASSWORD)
    visitor = world.visitor()
    visitor.client.cookies.set(COOKIE, "planted-by-somebody-else")
    first = visitor.sign_in("ana").headers["set-cookie"]
    second = visitor.sign_in("ana").headers["set-cookie"]

    assert "HttpOnly" in first
    assert "SameSite=lax" in first
    assert "planted" not in first
    assert first.split(";")[0] != second.split(";")[0]


def test_signing_out_ends_the_session_on_the_server(world, admin):
    cookie = admin.client.cookies[COOKIE]
    admin.post("/signout")
    admin.client.cookies.set(COOKIE, cookie)

    assert admin.get("/").status_code == 303


def test_a_session_ends_by_itself(world, admin):
    assert admin.get("/").status_code == 200
    world.clock.advance(SESSION_S + 1)
    assert admin.get("/").status_code == 303


def test_after_five_wrong_passwords_not_even_the_right_one_is_looked_at_for_a_while(world):
    world.access.set_password(User(name="ana", role=Role.VIEWER), PASSWORD)
    visitor = world.visitor()
    for _ in range(GUESSES_MAX):
        assert visitor.sign_in("ana", "a wrong password").status_code == 401
    assert visitor.sign_in("ana").status_code == 429

    world.clock.advance(GUESSES_S + 1)
    assert visitor.sign_in("ana").status_code == 303


def test_an_unknown_name_is_answered_like_a_wrong_password(world):
    world.access.set_password(User(name="ana", role=Role.VIEWER), PASSWORD)
    visitor = world.visitor()

    assert visitor.sign_in("ana", "a wrong password").text == visitor.sign_in("nobody", "a wrong password").text


def test_a_one_time_link_works_once(world):
    invitation = world.access.first_invitation()
    visitor = world.visitor()
    assert visitor.client.post(f"/welcome/{invitation}", data={"password": "short"}).status_code == 422
    assert visitor.client.post(f"/welcome/{invitation}", data={"password": PASSWORD}).status_code == 303
    assert visitor.client.post(f"/welcome/{invitation}", data={"password": "another password"}).status_code == 422
    assert world.access.first_invitation() == ""
    assert visitor.get("/").status_code == 200


@pytest.mark.parametrize("next_", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_sign_in_never_leads_to_another_site(world, next_):
    world.access.set_password(User(name="ana", role=Role.VIEWER), PASSWORD)
    answer = world.visitor().client.post("/signin", data={"name": "ana", "password": PASSWORD, "next": next_})

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/static/secret.key"],
)
def test_static_files_are_two_and_an_icon(world, path):
    assert world.visitor().get(path).status_code == 404


def test_every_answer_carries_the_security_headers(world, admin):
    for path in ("/", "/signin", "/static/app.js", "/nowhere", "/api/v1/replays"):
        headers = admin.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_an_api_key_is_sealed_at_rest_and_never_sent_back(world, admin):
    admin.post("/destinations/new/custify", **CUSTIFY)

    assert world.desk.settings().destinations["custify"].api_key == "a-secret-api-key"
    assert b"a-secret-api-key" not in b"".join(file.read_bytes() for file in world.folder.glob("control.db*"))
    assert (world.folder / "secret.key").stat().st_mode & 0o777 == 0o600
    for path in ("/destinations/custify", "/activity", "/destinations"):
        assert "a-secret-api-key" not in admin.get(path).text


def test_an_empty_key_keeps_the_old_one_and_a_bad_change_is_refused(world, admin):
    admin.post("/destinations/new/custify", **CUSTIFY)
    kept = admin.post("/destinations/custify/settings", base_url="http://127.0.0.1:10", enabled="on")
    refused = admin.post("/destinations/custify/settings", base_url="http://example.com", enabled="on")

    assert kept.status_code == 303
    assert refused.status_code == 422
    assert "expected https://" in refused.text
    destination = world.desk.settings().destinations["custify"]
    assert (destination.api_key, destination.base_url) == ("a-secret-api-key", "http://127.0.0.1:10")


def test_texts_of_the_dashboard_cannot_read_files_of_the_machine(world, admin):
    admin.post("/destinations/new/custify", **(CUSTIFY | {"api_key": "${file:/etc/passwd}"}))

    assert world.desk.settings().destinations["custify"].api_key == "${file:/etc/passwd}"


def test_a_rotated_write_key_leaves_the_old_one_until_it_is_ended(world, admin):
    admin.post("/sources/new", name="web", type="web")
    before = world.desk.settings().sources["web"].write_key
    admin.post("/sources/web/rotate")
    rotated = world.desk.settings().sources["web"]
    admin.post("/sources/web/end-old-key")

    assert (rotated.old_write_key, rotated.write_key != before) == (before, True)
    assert world.desk.settings().sources["web"].old_write_key == ""


def test_every_change_is_a_revision_that_says_what_changed_and_can_be_taken_back(world, admin):
    admin.post("/sources/new", name="web", type="web")
    admin.post("/destinations/new/custify", **CUSTIFY)
    admin.post("/destinations/custify/remove", backlog="keep")
    activity = admin.get("/activity").text
    assert "destinations.custify.api_key was set" in activity
    assert "destination custify removed" in activity

    admin.post("/activity/2/back")

    assert "custify" in world.desk.settings().destinations
    assert len(world.desk.revisions.revisions()) == 4


@pytest.mark.parametrize("name", ["", "a/b", "../etc", "new", "x" * 64, "<b>"])
def test_a_name_that_cannot_be_is_refused(world, admin, name):
    assert admin.post("/sources/new", name=name, type="web").status_code == 422
    assert world.desk.document()["sources"] == {}


def test_nobody_removes_or_demotes_themselves(world, admin):
    assert admin.post("/users", name="admin", role="viewer").status_code == 422
    assert admin.post("/users/admin/remove").status_code == 422
    assert admin.get("/users").status_code == 200


def test_what_was_done_is_said_once_and_never_by_an_address(world, admin):
    admin.post("/sources/new", name="web", type="web")

    assert "source web was added" in admin.get("/sources").text
    assert "source web was added" not in admin.get("/sources").text
    assert "evil words" not in admin.get("/sources?said=evil+words").text
