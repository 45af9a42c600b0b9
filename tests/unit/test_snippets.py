"""The lines to paste name this source's key and the address that applications reach; who says that address is believed by rank."""

import dataclasses
import html
import re

import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role
from penstock.settings import Settings, Source
from penstock.settings.snippets import doubt_about, ingest_of, snippets

KEY, PUBLIC = "the-write-key", "https://events.example.com/in"
SDKS = {
    "web": {"RudderStack JavaScript", "Segment JavaScript"},
    "mobile": {f"{maker} {sdk}" for maker in ("RudderStack", "Segment") for sdk in ("Android (Kotlin)", "iOS (Swift)", "React Native")},
    "server": {f"{maker} {sdk}" for maker in ("RudderStack", "Segment") for sdk in ("Node", "Python", "Go", "Java", "Ruby", "PHP")},
}  # fmt: skip


def lines(type_: str, ingest: str = PUBLIC, *, shows_key: bool = True) -> dict[str, str]:
    source = Source(name="x", type=type_, write_key=KEY)
    return {each.title: each.text for each in snippets(source, ingest, shows_key=shows_key)}


@pytest.mark.parametrize("type_", list(SDKS))
def test_every_sdk_of_a_type_has_its_lines_and_all_have_curl(type_):
    assert lines(type_).keys() == SDKS[type_] | {"curl"}


@pytest.mark.parametrize("type_", list(SDKS))
def test_each_names_the_key_and_the_address_and_who_may_not_see_the_key_sees_a_word_for_it(type_):
    for title, text in lines(type_).items():
        assert KEY in text, title
        assert "events.example.com" in text, title
        assert "{" not in text or text.count("{") == text.count("}"), title
    for title, text in lines(type_, shows_key=False).items():
        assert KEY not in text, title
        assert "WRITE_KEY" in text, title


@pytest.mark.parametrize(
    ("ingest", "ruby", "php"),
    [
        ("https://events.example.com", "host: 'events.example.com', port: 443, ssl: true", '"ssl" => true'),
        ("http://10.0.0.5:8080", "host: '10.0.0.5', port: 8080, ssl: false", '"ssl" => false'),
    ],
)
def test_sdks_that_want_the_address_in_parts_get_it_in_parts(ingest, ruby, php):
    found = lines("server", ingest)

    assert ruby in found["Segment Ruby"]
    assert php in found["Segment PHP"]
    assert ("ssl: false" in found["RudderStack Ruby"]) == ingest.startswith("http://")


def test_sdks_that_fetch_their_configuration_first_are_told_to_fetch_it_here():
    assert f'configUrl: "{PUBLIC}"' in lines("web")["RudderStack JavaScript"]
    assert f'cdnURL: "{PUBLIC}"' in lines("web")["Segment JavaScript"]
    for title, text in lines("mobile").items():
        assert title == "curl" or text.count("events.example.com/in") == 2, title


@pytest.mark.parametrize(
    ("listen", "public", "host", "shown", "doubted"),
    [
        ("127.0.0.1:8080", PUBLIC, "penstock.example.com", PUBLIC, ""),
        ("127.0.0.1:8080", "", "penstock.example.com", "http://127.0.0.1:8080", "this machine alone"),
        ("0.0.0.0:8080", "", "penstock.example.com", "http://penstock.example.com:8080", "a guess"),
    ],
)
def test_the_address_is_what_the_operator_says_else_a_guess_that_is_called_one(listen, public, host, shown, doubted):
    settings = Settings(listen=listen, public_ingest_url=public)
    ingest = ingest_of(settings, host)

    assert ingest == shown
    assert doubted in doubt_about(settings, ingest)
    assert bool(doubted) == bool(doubt_about(settings, ingest))


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.environ |= {"PENSTOCK_LISTEN": "0.0.0.0:8080", "PENSTOCK_ADMIN_HOSTS": "testserver,penstock.example.com"}
    world.admin = world.set_up()
    world.reader.settings = world.desk.settings()
    return world


def asked_through(world, address: str, **headers: str) -> str:
    """Return the lines to paste as somebody sees them whose request came from an address, with these headers."""
    browser = world.client(address)
    browser.cookies.update(world.admin.client.cookies)
    return html.unescape(browser.get("/sources/web", headers=headers).text)


def test_a_trusted_proxy_says_by_which_name_it_was_asked_and_a_stranger_does_not(world):
    said = {"X-Forwarded-Host": "penstock.example.com", "X-Forwarded-Proto": "https"}

    assert "http://penstock.example.com:8080" in asked_through(world, "127.0.0.1", **said)
    assert "http://testserver:8080" in asked_through(world, "203.0.113.9", **said)
    assert "http://testserver:8080" in asked_through(world, "127.0.0.1", **said | {"X-Forwarded-Host": "evil.example"})


def test_a_one_time_link_has_the_scheme_and_name_that_the_trusted_proxy_was_asked_by(world):
    proxy = world.client(
        "127.0.0.1", headers={"X-Forwarded-Host": "penstock.example.com", "X-Forwarded-Proto": "https"}
    )
    proxy.cookies.update(world.admin.client.cookies)
    page = proxy.post("/users", data={"csrf": world.admin.csrf_now(), "name": "bo", "role": Role.VIEWER.value}).text

    assert re.search(r"https://penstock\.example\.com/welcome/", page)


def test_settings_say_what_proxies_are_believed_of():
    [meaning] = [f.metadata["meaning"] for f in dataclasses.fields(Settings) if f.name == "trusted_proxies"]

    assert "X-Forwarded-Proto" in meaning
