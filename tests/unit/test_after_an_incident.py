"""After an incident: what a reset ends, what administrators see and end, who looked at what, and whose change counts."""

import re

import pytest
from starlette.testclient import TestClient

from dashboard_world import CUSTIFY, MAPPING, PASSWORD, World, form_of
from penstock.admin.doors.access import IDLE_S, SESSION_S
from penstock.admin.doors.looks import SHOWS
from penstock.buffer.port.control import Kind, Role, Sort, User
from penstock.errors import SettingsError
from penstock.inspect.eyes import Pseudonyms
from unit.test_dashboard_pages import ANA
from unit.test_dashboard_privileges import API, PAGES

NEW = "another good password"
LINK = '{"destination":"custify","person":"ana"}'


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.visitor(Role.ADMIN)


@pytest.fixture
def ana(world):
    """An operator with a session, a token and a shared link."""
    visitor = world.visitor(Role.OPERATOR)
    user = world.access.find("operator")
    world.token, world.link = world.access.issue_token(user, "ci"), world.access.share(user, LINK, seconds=600)
    return visitor


def is_in(world, visitor) -> tuple[bool, bool, bool]:
    """Return whether a session, a token and a link are good."""
    shared = any(c.kind is Kind.SHARE for c in world.control.credentials("operator"))
    return visitor.get("/").status_code == 200, world.access.caller(world.token, Kind.TOKEN) is not None, shared


def api(world, name: str = "admin") -> TestClient:
    token = world.access.issue_token(world.access.find(name), "test")
    return TestClient(world.app, headers={"Authorization": f"Bearer {token}"})


def test_a_reset_ends_password_sessions_tokens_and_links_at_once(world, admin, ana):
    assert is_in(world, ana) == (True, True, True)
    page = admin.post("/users/operator/reset")

    assert is_in(world, ana) == (False, False, False)
    assert ana.sign_in("operator").status_code == 401
    link = page.text.partition('<pre id="link"><code>')[2].partition("<")[0]
    assert ana.client.post(link, data={"password": NEW}).status_code == 303
    assert "the password of operator was reset" in admin.get("/activity").text


def test_a_password_chosen_by_a_link_ends_what_the_old_one_opened(world, ana):
    world.access.accept(world.access.invite("operator"), NEW)

    assert is_in(world, ana) == (False, False, False)


def test_an_administrator_sees_and_ends_what_everybody_carries(world, admin, ana):
    page = admin.get("/users/operator").text
    for word in ("session", "token", "shared link", "person ana at custify"):
        assert word in page
    assert world.token not in page

    [token] = [c for c in world.control.credentials("operator") if c.kind is Kind.TOKEN]
    admin.post(f"/users/operator/end/{token.hash}")
    assert is_in(world, ana) == (True, False, True)
    admin.post("/users/operator/end")
    assert is_in(world, ana) == (False, False, False)


def test_the_api_sees_and_ends_them_too(world, admin, ana):
    client = api(world)
    carried = client.get("/api/v1/users/operator/credentials").json()["credentials"]
    assert {each["kind"] for each in carried} == {"session", "token", "share"}
    assert client.post("/api/v1/users/operator/credentials/nothing/end", json={}).status_code == 404
    token = next(each["hash"] for each in carried if each["kind"] == "token")
    assert client.post(f"/api/v1/users/operator/credentials/{token}/end", json={}).status_code == 200
    assert client.post("/api/v1/users/operator/credentials/end", json={}).json() == {"ended": 2}
    assert client.post("/api/v1/users/operator/reset", json={}).json()["link"].startswith("/welcome/")
    assert client.post("/api/v1/users/admin/reset", json={}).status_code == 404


def test_people_change_their_own_password_who_know_the_present_one(world, ana):
    other = world.visitor()
    other.sign_in("operator")
    assert ana.post("/password", present="a wrong one", password=NEW).status_code == 422
    assert ana.post("/password", present=PASSWORD, password="short").status_code == 422
    assert is_in(world, ana) == (True, True, True)

    assert ana.post("/password", present=PASSWORD, password=NEW).status_code == 303
    assert other.get("/").status_code == 303, "every other session has ended"
    assert is_in(world, ana) == (True, True, True), "tokens and links stay if nobody says otherwise"
    ana.post("/password", present=NEW, password=PASSWORD, end="on")
    assert is_in(world, ana) == (True, False, False)


def test_an_open_session_is_no_place_to_guess_the_password(world, ana):
    answers = [ana.post("/password", present=f"wrong {n}", password=NEW).status_code for n in range(10)]

    assert answers == [422] * 5 + [429] * 5


def test_the_password_of_the_file_is_changed_in_the_file(world, admin):
    answer = admin.post("/password", present=PASSWORD, password=NEW)

    assert answer.status_code == 422
    assert "admin_password_file" in answer.text


def test_a_session_ends_when_it_is_not_used_and_after_half_a_day_anyway(world, ana):
    world.clock.advance(IDLE_S + 1)
    assert ana.get("/").status_code == 303

    ana.sign_in("operator")
    hours = 0
    while ana.get("/").status_code == 200:
        world.clock.advance(3_600)
        hours += 1
    assert hours == SESSION_S / 3_600


def test_a_page_that_is_left_open_keeps_no_session(world, ana):
    for _ in range(3):
        world.clock.advance(IDLE_S / 2.5)
        answer = ana.client.get("/live", headers={"Sec-Fetch-Dest": "empty"})

    assert answer.status_code == 303


def test_two_administrators_who_demote_each_other_leave_one(world, admin):
    world.access.set_password(User(name="bo", role=Role.ADMIN), PASSWORD)
    world.access.add("bo", "viewer", by="admin")
    with pytest.raises(SettingsError, match="administrator"):
        world.access.add("admin", "viewer", by="bo")
    assert api(world).post("/api/v1/users/admin/remove", json={}).status_code == 404
    world.access.set_password(User(name="cleo", role=Role.ADMIN), PASSWORD)
    world.access.users.remove_user("admin")
    with pytest.raises(SettingsError, match="administrator"):
        world.access.users.remove_user("cleo")


def test_signing_in_pushes_nothing_out_of_the_audit_log(world, admin):
    admin.post("/users", name="eve", role="cs")
    for _ in range(50):
        admin.sign_in("admin")
        world.clock.advance(3_700)

    assert "eve was invited as cs" in admin.get("/activity").text
    assert "signed in" not in admin.get("/activity").text
    assert admin.get("/activity/look").text.count("signed in from testclient") == 50


#: Pages and routes that show Ana, and one that shows rules alone.
ON_ANA = (
    "/live", "/events/custify/m1", "/payloads/custify/m1", "/people?person=ana", "/ledger/custify?email=ana@example.com",
    "/ledger/custify",
)  # fmt: skip


def test_looks_at_personal_data_are_written_down_and_shown_to_administrators_alone(world):
    admin = world.set_up()
    world.receive(ANA)
    world.settle()
    operator = world.visitor(Role.OPERATOR)
    for path in ON_ANA:
        assert operator.get(path).status_code == 200
    client = api(world, "operator")
    client.get("/api/v1/events", params={"person": "ana"})
    client.get("/api/v1/events/nothing/explain")
    link = world.access.share(world.access.find("admin"), LINK, seconds=600)
    world.client().get(f"/shared/{link}")
    page = admin.get("/activity/look")

    for sentence in ("saw events", "saw event m1 at custify", "saw event m1 at custify, whole", "saw people and accounts: person ana",
                     "saw what custify holds: an e-mail address", "saw events: person ana, by the API"):  # fmt: skip
        assert sentence in page.text, sentence
    assert "a link of admin" in page.text
    assert "ana@example.com" not in page.text
    assert "nothing" not in page.text, "what was not found was not seen"
    assert operator.get("/activity/look").status_code == 403
    entries = api(world).get("/api/v1/audit", params={"sort": "look"}).json()["entries"]
    assert {"at", "by", "what", "times"} == set(entries[0])
    assert client.get("/api/v1/audit").status_code == 403


def looks_of(world, name: str) -> set[str]:
    world.access.audit.flush()
    return {
        deed.what for deed in world.control.deeds(sort=Sort.LOOK) if deed.by == name and "signed in" not in deed.what
    }


@pytest.mark.parametrize("role", [Role.VIEWER])
def test_a_user_who_is_shown_pseudonyms_has_looked_at_no_person(world, role):
    world.set_up()
    world.receive(ANA)
    world.settle()
    visitor, pseudonym = world.visitor(role), Pseudonyms(world.desk.vault).link("ana")
    client = api(world, role.value)
    for path in ("/live", "/events/custify/m1", "/payloads/custify/m1", "/people", f"/people?person={pseudonym}"):
        visitor.get(path)
    for path in ("/api/v1/events", "/api/v1/events/m1/explain", "/api/v1/people"):
        client.get(path)
    assert looks_of(world, role.value) == set()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CS])
def test_a_user_who_asks_for_a_person_by_name_has_looked_at_them(world, role):
    world.set_up()
    world.receive(ANA)
    world.visitor(role).get("/people?person=ana")

    assert looks_of(world, role.value) == {"saw people and accounts: person ana"}


def test_a_user_who_is_shown_everything_for_nothing_is_masked_has_looked(world, monkeypatch):
    world.set_up()
    monkeypatch.setattr(world.reader, "settings", world.masking(""))
    world.visitor(Role.VIEWER).get("/live")

    assert looks_of(world, "viewer") == {"saw events"}


def test_a_look_by_a_pseudonym_is_written_down_with_the_person_it_is_about(world):
    admin = world.set_up()
    world.receive(ANA)
    admin.get(f"/people?person={Pseudonyms(world.desk.vault).link('ana')}")

    assert looks_of(world, "admin") == {"saw people and accounts: person ana"}


def test_the_audit_log_is_read_page_by_page(world, admin):
    for number in range(120):
        world.control.note("ana", f"saw event {number}", sort=Sort.LOOK)
    page, seen = admin.get("/activity/look").text, set()
    while page:
        seen |= set(re.findall(r"saw event (\d+)", page))
        older = re.search(r'href="([^"]+)">Older', page)
        page = admin.get(older[1]).text if older else ""
    assert seen == {str(number) for number in range(120)}

    for path, name, what in (("audit?sort=look&", "entries", "event"), ("deeds?", "deeds", "deed")):
        for number in range(30):
            world.control.note("ana", f"did deed {number}")
        client, first, told = api(world), 0, []
        while first is not None:
            answer = client.get(f"/api/v1/{path}from={first}&limit=20").json()
            told, first = [*told, *(entry["what"] for entry in answer[name])], answer["next"]
            assert len(answer[name]) <= 20
        assert len([each for each in told if f" {what} " in each]) == {"event": 120, "deed": 30}[what]
        assert len(told) == len(set(told))


def test_a_page_that_asks_every_second_is_one_line_of_the_audit_log(world):
    admin = world.set_up()
    for _ in range(120):
        admin.get("/live")
        world.clock.advance(1)
    world.access.audit.flush()
    [line] = [deed for deed in world.control.deeds(sort=Sort.LOOK) if deed.what == "saw events"]

    assert line.times == 120


def test_a_full_disk_keeps_no_user_out_who_could_mend_it(world, admin, monkeypatch):
    from penstock.errors import BufferUnavailable

    def full(*_: object, **__: object) -> None:
        raise BufferUnavailable("the disk is full")

    monkeypatch.setattr(world.control, "note", full)
    assert admin.get("/live").status_code == 200


def test_the_audit_log_is_kept_for_as_long_as_the_settings_say(world, admin):
    admin.post("/users", name="eve", role="cs")
    world.clock.advance(91 * 86_400)
    world.access.audit.tidy(world.reader.settings)
    assert (len(world.control.deeds()), world.control.deeds(sort=Sort.LOOK)) == (1, [])

    world.clock.advance(300 * 86_400)
    world.access.audit.tidy(world.reader.settings)
    assert world.control.deeds() == []


#: Routes that show figures, settings and people's doings here, and nothing of the people who are served.
NOTHING_PERSONAL = {
    "/", "/changes", "/tokens", "/password", "/problems", "/replays", "/sources", "/sources/{name}", "/destinations",
    "/destinations/{name}", "/activity", "/activity/{sort}", "/links", "/sources/new", "/destinations/new",
    "/destinations/new/{type}", "/alerts", "/alerts/new/{type}", "/alerts/channels/{name}", "/api/v1/alerts", "/help", "/help/settings", "/users", "/users/{name}", "/api/openapi.json", "/api/v1/tokens",
    "/api/v1/users",
    "/api/v1/sources", "/api/v1/destinations", "/api/v1/refused", "/api/v1/destinations/{name}/dead",
    "/api/v1/destinations/{name}/attributes", "/api/v1/replays", "/api/v1/issues", "/api/v1/replays/{job:int}", "/api/v1/revisions",
    "/api/v1/deeds", "/api/v1/settings", "/api/v1/users/{name}/credentials", "/api/v1/audit",
    "/privacy", "/privacy/{number}", "/privacy/{number}/receipt", "/api/v1/privacy/requests",
    "/api/v1/privacy/requests/{number}", "/api/v1/privacy/requests/{number}/receipt", "/v1/regulations", "/v2/regulations",
    "/regulations/{number}",
}  # fmt: skip


def test_of_every_page_and_route_it_was_decided_whether_a_look_is_written_down():
    looks = {name.removeprefix("GET ") for name in (*PAGES, *API) if name.startswith("GET ")}

    assert looks == SHOWS.keys() | NOTHING_PERSONAL
    assert not SHOWS.keys() & NOTHING_PERSONAL


def test_a_document_based_on_an_older_revision_is_not_put_in_force(world):
    world.set_up()
    client = api(world)
    seen = client.get("/api/v1/settings").json()
    document = {key: seen[key] for key in ("sources", "destinations", "connections")}
    first = client.post("/api/v1/settings", json=document | {"base": seen["revision"], "connections": []})
    assert (first.status_code, first.json()["revision"]) == (200, seen["revision"] + 1)

    for more, headers in (({"base": seen["revision"]}, {}), ({}, {"If-Match": f'"{seen["revision"]}"'})):
        late = client.post("/api/v1/settings", json=document | more, headers=headers)
        assert late.status_code == 409
        assert late.json()["error"]["name"] == "revision"
    assert client.post("/api/v1/revisions/1/back", json={}, headers={"If-Match": "1"}).status_code == 409
    assert client.post("/api/v1/revisions/1/back", json={}, headers={"If-Match": "x"}).status_code == 400
    assert world.desk.document()["connections"] == []
    assert client.post("/api/v1/settings", json=document, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (
            "/destinations/custify/settings",
            {"base_url": "http://127.0.0.1:10", "api_key": "another-key", "enabled": "on"},
        ),
        ("/destinations/custify/connect", {}),
        ("/destinations/custify/remove", {"backlog": "keep"}),
        ("/mapping/custify", MAPPING | {"page_views": "on"}),
        ("/sources/web/rotate", {}),
        ("/activity/1/back", {}),
    ],
)
def test_a_form_that_was_opened_before_another_user_changed_the_settings_does_nothing(world, path, fields):
    admin = world.set_up()
    base = world.desk.revision()
    admin.post("/sources/new", name="other", type="web")
    before = world.desk.document()
    if path.endswith(("/settings", "/connect")):
        fields = form_of(admin.get(path.rpartition("/")[0]).text, path) | fields
    late = admin.post(path, **fields | {"base": str(base)})

    assert late.status_code == 409
    assert "another user changed the settings meanwhile" in late.text
    assert world.desk.document() == before
    assert admin.post(path, **fields | {"base": str(world.desk.revision())}).status_code == 303


@pytest.mark.parametrize(
    "page", ["/destinations/custify", "/sources/web", "/mapping/custify?preview=1&page_views=on", "/activity"]
)
def test_every_form_about_settings_says_what_it_is_based_on(world, page):
    admin = world.set_up()
    admin.post("/sources/new", name="other", type="web")
    assert f'name="base" value="{world.desk.revision()}"' in admin.get(page).text


def test_a_key_that_is_kept_is_the_one_in_force_and_no_older_one(world, monkeypatch):
    """Between the reading of a document and its writing, another process rotates the key."""
    world.set_up()
    client = api(world)
    seen = client.get("/api/v1/settings").json()
    document = {key: seen[key] for key in ("sources", "destinations", "connections")} | {"connections": []}
    put = world.desk.put

    def rotated_meanwhile(*args, **more):
        changed = world.desk.document()
        changed["destinations"]["custify"] |= {**CUSTIFY, "api_key": "a-new-key"}
        changed["destinations"]["custify"].pop("name")
        world.control.save(changed, by="cli", note="rotated")
        return put(*args, **more)

    monkeypatch.setattr(world.desk, "put", rotated_meanwhile)
    assert client.post("/api/v1/settings", json=document).status_code == 409
    assert world.desk.settings().destinations["custify"].api_key == "a-new-key"
