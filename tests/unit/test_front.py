"""Behind TLS and in front of strangers: which hosts are answered, and what a public address changes."""

import re

import pytest

from dashboard_world import PASSWORD, World
from penstock.admin.app import create_app
from penstock.admin.doors.front import DEVICE, is_ours
from penstock.admin.pages.web import COOKIE, SAID
from penstock.buffer.port.control import Role, Sort
from penstock.errors import SettingsError
from penstock.settings import Settings, load

PUBLIC = "https://penstock.example.com"


class Public(World):
    """A dashboard behind a proxy that ends TLS."""

    def __init__(self, folder, *, public: str = PUBLIC, **more: str) -> None:
        super().__init__(folder)
        self.environ |= {"PENSTOCK_PUBLIC_URL": public, **more}
        self.reader.settings = load(None, self.environ)

    def browser(self, **more):
        """Return a browser that reaches this dashboard through the proxy, which speaks plain HTTP here."""
        return self.client("127.0.0.1", base_url="http://penstock.example.com", **more)


@pytest.fixture
def public(tmp_path):
    return Public(tmp_path)


@pytest.mark.parametrize("path", ["/", "/signin", "/metrics", "/api/v1/status", "/welcome/x", "/static/app.js"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8081", "penstock.example.com.evil.example", "", "a b", "x/y"]
)
def test_a_name_that_was_not_given_to_this_listener_is_refused(public, path, host):
    answer = public.client().get(path, headers={"Host": host})

    assert answer.status_code == 421
    assert "set public_url or admin_hosts" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_open_figures_cannot_be_read_by_a_page_that_leads_its_name_here(tmp_path):
    world = World(tmp_path)
    app = create_app(
        reader=world.reader, snapshots=world.snapshots, access=world.access, routes=world.routes, password=""
    )
    world.app = app
    local = world.client("127.0.0.1", base_url="http://localhost:8081")
    assert local.get("/metrics").status_code == 200
    assert local.get("/metrics", headers={"Host": "evil.example"}).status_code == 421

    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        assert local.get("/metrics", headers={header: "192.0.2.1"}).status_code == 401, "a proxy stands in front"
    world.reader.settings = load(None, world.environ | {"PENSTOCK_PUBLIC_URL": PUBLIC})
    assert local.get("/metrics").status_code == 401


@pytest.mark.parametrize(
    ("listen", "host", "ours"),
    [
        ("127.0.0.1:8081", "127.0.0.1:8081", True),
        ("127.0.0.1:8081", "localhost:9999", True),
        ("127.0.0.1:8081", "LOCALHOST", True),
        ("[::1]:8081", "[::1]:8081", True),
        ("127.0.0.1:8081", "127.0.0.2", True),
        ("127.0.0.1:8081", "192.0.2.1:8081", False),
        ("192.0.2.1:8081", "192.0.2.1:8081", True),
        ("192.0.2.1:8081", "192.0.2.2:8081", False),
        ("0.0.0.0:8081", "192.0.2.1:8081", True),
        ("0.0.0.0:8081", "[2001:db8::1]:8081", True),
        ("0.0.0.0:8081", "penstock:8081", False),
        ("penstock.lan:8081", "penstock.lan:8081", True),
        ("0.0.0.0:8081", "localhost.evil.example", False),
        ("0.0.0.0:8081", "evil@127.0.0.1", False),
    ],
)
def test_without_a_public_address_loopback_and_where_it_listens_are_answered(listen, host, ours):
    assert is_ours(host, Settings(admin_listen=listen)) is ours


def test_further_names_and_checks_of_health_are_answered(tmp_path):
    world = Public(tmp_path, PENSTOCK_ADMIN_HOSTS="penstock, Penstock.internal")
    for host in ("penstock:8081", "penstock.internal", "127.0.0.1:8081", "localhost", "penstock.example.com"):
        assert world.client().get("/signin", headers={"Host": host}).status_code == 200
    assert world.client().get("/livez", headers={"Host": "10.2.3.4:8081"}).status_code == 200
    assert world.client().get("/livez", headers={"Host": "anything"}).text == "ok"


def test_over_tls_cookies_are_for_this_host_and_tls_alone(public):
    public.visitor(Role.ADMIN)
    answer = public.browser().post("/signin", data={"name": "admin", "password": PASSWORD})
    cookies = answer.headers.get_list("set-cookie")

    assert {cookie.partition("=")[0] for cookie in cookies} == {f"__Host-{COOKIE}", f"__Host-{DEVICE}"}
    for cookie in cookies:
        assert "; Secure" in cookie
        assert "; Path=/" in cookie
        assert "; HttpOnly" in cookie
        assert "domain" not in cookie.lower()
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_over_tls_a_cookie_that_a_neighbouring_host_planted_is_not_looked_at(public):
    session = public.access.start_session(public.access.find("admin") or admin_of(public))
    browser = public.browser()

    assert browser.get("/", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 303
    assert browser.get("/", headers={"Cookie": f"{SAID}=evil; __Host-{COOKIE}={session}"}).status_code == 200
    assert "evil" not in browser.get("/", headers={"Cookie": f"{SAID}=evil; __Host-{COOKIE}={session}"}).text


def test_forms_and_what_was_done_work_over_tls_too(public):
    session = public.access.start_session(admin_of(public))
    browser = public.browser(headers={"Cookie": f"__Host-{COOKIE}={session}"})
    csrf = re.search(r'name="csrf" value="(\w+)"', browser.get("/tokens").text)[1]
    made = browser.post("/sources/new", data={"csrf": csrf, "name": "web", "type": "web"})

    assert made.status_code == 303
    assert made.headers["set-cookie"].startswith(f"__Host-{SAID}=")
    signed_out = browser.post("/signout", data={"csrf": csrf})
    assert f'__Host-{COOKIE}=""' in signed_out.headers["set-cookie"]


def test_links_lead_to_the_public_address_whatever_the_proxy_says(public):
    session = public.access.start_session(admin_of(public))
    browser = public.browser(headers={"Cookie": f"__Host-{COOKIE}={session}", "X-Forwarded-Host": "evil.example"})
    csrf = re.search(r'name="csrf" value="(\w+)"', browser.get("/tokens").text)[1]
    page = browser.post(
        "/users", data={"csrf": csrf, "name": "bo", "role": "viewer"}, headers={"Host": "127.0.0.1:8081"}
    )
    assert f"{PUBLIC}/welcome/" in page.text

    api = browser.post("/api/v1/users", json={"name": "cleo", "role": "cs"}).json()
    assert api["link"].startswith(f"{PUBLIC}/welcome/")


def test_snippets_name_the_public_address_of_ingest(tmp_path):
    world = Public(tmp_path, PENSTOCK_PUBLIC_INGEST_URL="https://events.example.com/in")
    session = world.access.start_session(admin_of(world))
    browser = world.browser(headers={"Cookie": f"__Host-{COOKIE}={session}"})
    world.desk.put(
        {"sources": {"web": {"type": "web", "write_key": "k"}}, "destinations": {}, "connections": []}, by="x", note=""
    )
    world.reader.settings = world.desk.settings()

    assert '"https://events.example.com/in"' in browser.get("/sources/web").text.replace("&#34;", '"')


def test_plain_http_keeps_plain_cookies(tmp_path):
    world = Public(tmp_path, public="http://penstock.lan:8081")
    world.visitor(Role.ADMIN)
    answer = world.client(base_url="http://penstock.lan:8081").post(
        "/signin", data={"name": "admin", "password": PASSWORD}
    )

    assert answer.headers["set-cookie"].startswith(f"{COOKIE}=")
    assert "strict-transport-security" not in answer.headers


def test_a_guesser_has_the_address_that_the_trusted_proxy_names_and_cannot_choose_it(public):
    honest, proxy = {"X-Forwarded-For": "198.51.100.1"}, "127.0.0.1"
    for number in range(30):
        # The right end is what our proxy wrote; the rest is what the guesser says.
        headers = {"X-Forwarded-For": f"10.1.1.{number}, 203.0.113.9"}
        last = public.client(proxy).get("/shared/wrong", headers=headers | {"Host": "localhost"})
    assert last.status_code == 429
    assert public.client(proxy).get("/shared/wrong", headers=honest | {"Host": "localhost"}).status_code == 404

    for number in range(30):
        headers = {"X-Forwarded-For": f"10.1.1.{number}", "Host": "localhost"}
        last = public.client("192.0.2.77").get("/shared/wrong", headers=headers)
    assert last.status_code == 429, "who is no trusted proxy is believed nothing"
    public.access.audit.flush()
    assert any("203.0.113.9" in deed.what for deed in public.control.deeds(sort=Sort.REFUSAL))


@pytest.mark.parametrize(
    "text",
    ["penstock.example.com", "https://", "https://a/b", "https://a/", "https://u:p@a", "https://a?b", "ftp://a",
     "https://a b", "https://a\r\nb", "https://a:99999999"],
)  # fmt: skip
def test_a_public_address_is_an_origin(text):
    with pytest.raises(SettingsError, match="public_url"):
        load(None, {"PENSTOCK_PUBLIC_URL": text})


def admin_of(world):
    world.visitor(Role.ADMIN)
    return world.access.find("admin")
