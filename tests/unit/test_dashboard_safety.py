"""What an attacker of the dashboard gets: sign-in, sessions, forms, files and secrets."""

import pytest
from argon2 import extract_parameters, profiles

from dashboard_world import CUSTIFY, PASSWORD, World
from penstock.admin.doors.access import Access
from penstock.admin.pages.web import COOKIE
from penstock.buffer.port.control import Role, User
from penstock.clock import ManualClock


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.visitor(Role.ADMIN)


def test_a_form_of_another_site_does_nothing(world, admin):
    for token in ({}, {"csrf": "guess"}):
        answer = admin.client.post("/sources/new", data={"name": "evil", "type": "web", **token})
        assert answer.status_code == 403
    assert world.desk.document()["sources"] == {}


def test_another_site_signs_no_user_in(world):
    world.access.set_password(User(name="ana", role=Role.VIEWER), PASSWORD)
    form = {"name": "ana", "password": PASSWORD}
    answer = world.visitor().client.post("/signin", data=form, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


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
    kept = admin.change("/destinations/custify", base_url="http://127.0.0.1:9/", page_views="on", enabled="on")
    refused = admin.change("/destinations/custify", base_url="http://example.com", enabled="on")

    assert kept.status_code == 303
    assert refused.status_code == 422
    assert "expected https://" in refused.text
    destination = world.desk.settings().destinations["custify"]
    assert (destination.api_key, destination.page_views) == ("a-secret-api-key", True)


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


def test_no_user_removes_or_demotes_themselves(world, admin):
    assert admin.post("/users", name="admin", role="viewer").status_code == 422
    assert admin.post("/users/admin/remove").status_code == 422
    assert admin.get("/users").status_code == 200


def test_what_was_done_is_said_once_and_never_by_an_address(world, admin):
    admin.post("/sources/new", name="web", type="web")

    assert "source web was added" in admin.get("/sources").text
    assert "source web was added" not in admin.get("/sources").text
    assert "evil words" not in admin.get("/sources?said=evil+words").text


def test_passwords_are_hashed_with_argon2id_as_its_authors_advise(world):
    access = Access(world.control, clock=ManualClock())
    access.set_password(User(name="ana", role=Role.VIEWER), PASSWORD)

    assert extract_parameters(access.find("ana").password_hash) == profiles.RFC_9106_LOW_MEMORY


@pytest.mark.parametrize(
    "path", ["/events/custify/..%2f..%2fsecret.key", "/sources/..%2fsecret.key", "/mapping/%2e%2e%2fx"]
)
def test_names_in_addresses_are_looked_up_and_never_opened(world, admin, path):
    assert admin.get(path).status_code in {404, 405}
