"""A destination is set up in two steps; what is left to do until the first event arrived is said, and then no more."""

import html
import re

import pytest

from dashboard_world import CUSTIFY, World, form_of
from penstock.admin.pages.destination_form import regions_of
from penstock.admin.pages.fields import advanced
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.destinations.kinds import KINDS, settings_of_kind
from penstock.inspect.key_tests import KeyTests
from penstock.settings import Destination, Settings

NEW = "/destinations/new/custify"
SANDBOX = "http://127.0.0.1:8090"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.visitor(Role.ADMIN)


def text_of(answer) -> str:
    """Return what a reader sees, roughly."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def steps_of(answer) -> list[tuple[str, str]]:
    """Return the first steps on a page: whether each is done, is the one to do now, or comes later."""
    found = re.findall(r'<li class="(\w+)">\s*<strong>(.*?)</strong>', answer.text)
    return [(html.unescape(title), state) for state, title in found]


def refusing(*_):
    return False, "The key was refused (401)"


def test_the_first_step_asks_for_a_name_and_nothing_else(admin):
    page = admin.get(NEW).text
    form = page[page.index('<form method="get"') : page.index("Continue")]

    assert re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', form) == ["name"]


@pytest.mark.parametrize(
    ("name", "why"), [("a/b", "letters, digits"), ("custify", "not taken"), ("", "letters"), ("new", "taken")]
)
def test_a_name_that_cannot_be_is_said_beside_it_and_what_was_typed_stays(world, admin, name, why):
    admin = world.set_up()
    answer = admin.get(f"{NEW}?name={name}")

    assert answer.status_code == 422
    assert why in re.search(r'<p class="wrong" id="name-wrong">(.*?)</p>', answer.text)[1]
    assert f'name="name" value="{name}"' in answer.text
    assert "Continue" in answer.text


def test_the_second_step_asks_for_key_and_region_and_the_rest_is_advanced(admin):
    page = admin.get(f"{NEW}?name=crm").text
    first, _, rest = page.partition('<details class="advanced">')
    asked = re.findall(
        r'<(?:input|select|textarea)[^>]* name="(\w+)"',
        first[first.index('<form method="post" action="/destinations/new') :],
    )

    assert list(dict.fromkeys(asked)) == ["csrf", "name", "api_key", "region", "base_url", "anonymous_fallback"]
    shown = set(re.findall(r'name="(\w+)"', rest))
    assert shown >= set(settings_of_kind("custify")) - {"base_url", "anonymous_fallback"}


@pytest.mark.parametrize("type_", list(KINDS))
def test_every_setting_of_a_form_is_in_a_group_with_a_sentence_its_default_and_a_page_that_says_more(admin, type_):
    groups = advanced(Destination(name="x", type=type_, api_key=""), {}, {})
    shown = [field for group in groups for field in group.fields]
    page = admin.get("/help/settings").text

    assert {field.name for field in shown} == set(settings_of_kind(type_)) - {"base_url", "anonymous_fallback"}
    for field in shown:
        assert field.does.endswith("."), field.name
        assert field.default, field.name
        assert f'id="destination-{field.name}"' in page
    assert sum(group.changed for group in groups) == 0


@pytest.mark.parametrize(
    ("mapping", "name", "said"),
    [
        ("custify/1", "skip_unchanged", "on, because custify/1"), ("rudderstack", "skip_unchanged", "off, because rudderstack"),
        ("custify/1", "unknown_people", "park, because custify/1"), ("rudderstack", "attribute_guard", "off, because rudderstack"),
        ("custify/1", "reassert_days", "30"), ("custify/1", "page_views", "off"), ("custify/1", "canary_companies", "none"),
    ],
)  # fmt: skip
def test_a_default_is_named_with_its_reason(mapping, name, said):
    groups = advanced(Destination(name="x", api_key="", mapping=mapping), {}, {})
    [found] = [field for group in groups for field in group.fields if field.name == name]

    assert found.default == said


def test_the_region_is_chosen_from_a_list_with_the_sandbox_and_another_address():
    known = Destination(name="eu", api_key="k", base_url="https://eu.example.com")

    new = Destination(name="new", api_key="")

    assert [value for value, _ in regions_of(new, Settings(destinations={"eu": known}))] == [
        "https://api.custify.com", SANDBOX, "https://eu.example.com", "other",
    ]  # fmt: skip


def test_a_region_of_the_list_is_the_address_whatever_stands_beside_it(world, admin):
    admin.post(NEW, name="a", api_key="one-key", region=SANDBOX, base_url="https://elsewhere.example.com")
    admin.post(NEW, name="b", api_key="another-key", region="other", base_url="http://127.0.0.1:9/")

    found = world.desk.settings().destinations
    assert (found["a"].base_url, found["b"].base_url) == (SANDBOX, "http://127.0.0.1:9")
    shown = form_of(admin.get("/destinations/a").text, "/destinations/a/settings")
    assert (shown["region"], shown["base_url"]) == (SANDBOX, "")


def test_what_cannot_be_used_is_said_beside_its_field_and_all_else_that_was_typed_stays(world, admin):
    admin.post("/sources/new", name="web", type="web")
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    form = form_of(admin.get(f"{NEW}?name=crm").text, NEW)
    form |= {"api_key": "never-sent-back", "region": "other", "base_url": "http://example.com", "canary_percent": "200",
             "page_views": "on", "begin:web": "7 days"}  # fmt: skip
    answer = admin.post(NEW, **form)

    assert answer.status_code == 422
    assert "https://" in re.search(r'id="base_url-wrong">(.*?)<', answer.text)[1]
    assert "0 to 100" in re.search(r'id="canary_percent-wrong">(.*?)<', answer.text)[1]
    again = form_of(answer.text, NEW)
    assert again == form | {"api_key": ""}
    assert "never-sent-back" not in answer.text
    assert world.desk.document()["destinations"] == {}


def test_a_change_that_cannot_be_used_is_said_beside_its_field_too(world, admin):
    admin = world.set_up()
    answer = admin.change(
        "/destinations/custify", calls_per_s_max="-1", canary_companies="acme", api_key="never-sent-back"
    )

    assert answer.status_code == 422
    assert "0 or more" in re.search(r'id="calls_per_s_max-wrong">(.*?)<', answer.text)[1]
    assert form_of(answer.text, "/destinations/custify/settings")["canary_companies"] == "acme"
    assert "never-sent-back" not in answer.text


def test_a_name_of_a_source_that_cannot_be_is_said_beside_it_too(world):
    admin = world.set_up()
    answer = admin.post("/sources/new", name="web", type="mobile")

    assert answer.status_code == 422
    assert "not taken" in re.search(r'id="name-wrong">(.*?)<', answer.text)[1]
    assert form_of(answer.text, "/sources/new") == {"name": "web", "type": "mobile"}


def test_a_bound_of_a_source_that_cannot_be_is_said_beside_it_and_its_default_is_named(world):
    admin = world.set_up()
    answer = admin.change("/sources/web", burst_s="1", trusted_traits="theme")

    assert answer.status_code == 422
    assert "60 or more" in re.search(r'id="burst_s-wrong">(.*?)<', answer.text)[1]
    assert form_of(answer.text, "/sources/web/settings")["trusted_traits"] == "theme"
    assert "Default: on, because web." in text_of(answer)


def test_a_key_is_tested_before_it_is_kept_and_nothing_of_it_is_kept_then(world, admin):
    answer = admin.post(f"{NEW}/test", name="crm", api_key="a-key-to-try", region=SANDBOX)

    assert re.search(r'id="tested" role="status"><span class="good">yes</span>', answer.text)
    assert world.desk.document()["destinations"] == {}
    assert "a-key-to-try" not in answer.text
    assert b"a-key-to-try" not in b"".join(file.read_bytes() for file in world.folder.rglob("*.json"))


def test_a_key_that_was_sealed_for_one_address_is_not_tried_at_another(world, admin):
    admin = world.set_up()
    sealed = world.desk.document()["destinations"]["custify"]["api_key"]
    answer = admin.post(
        f"{NEW}/test", name="crm", api_key=sealed, region="other", base_url="https://theirs.example.com"
    )

    assert answer.status_code == 422
    assert "entered again" in answer.text


def test_a_test_is_remembered_for_its_key_and_its_address_alone(world):
    key_tests = KeyTests(refusing, snapshots=world.snapshots, clock=world.clock)
    tried = Destination(name="crm", api_key="one")
    key_tests.test(tried)

    assert key_tests.last(tried).said == "The key was refused (401)"
    assert key_tests.last(Destination(name="crm", api_key="two")) is None
    assert key_tests.last(Destination(name="crm", api_key="one", base_url=SANDBOX)) is None
    assert key_tests.last(Destination(name="other", api_key="one")) is None


def test_the_overview_leads_from_nothing_to_the_first_event_taken(world, admin):
    assert steps_of(admin.get("/"))[0] == ("Add a source", "now")
    assert 'class="button" href="/sources/new"' in admin.get("/").text

    admin.post("/sources/new", name="web", type="web")
    assert steps_of(admin.get("/"))[:2] == [
        ("A source is added", "done"),
        ("Add a destination and test its key", "now"),
    ]

    admin.post(NEW, **CUSTIFY)
    states = dict(steps_of(admin.get("/")))
    assert states["The key is tested"] == "done"
    assert states["Connect the source to the destination"] == "now"

    admin.post("/destinations/custify/connect", **{"source:web": "on", "mode:web": "", "names:web": ""})
    states = dict(steps_of(admin.get("/")))
    assert (states["Connected: web"], states["Send the first event"]) == ("done", "now")
    assert 'href="/sources/web#snippets"' in admin.get("/").text

    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    world.settle(limit=0)
    assert dict(steps_of(admin.get("/")))["The first event was received"] == "done"
    assert "It waits" in text_of(admin.get("/"))

    world.settle()
    assert steps_of(admin.get("/")) == []


def test_a_key_that_was_refused_is_a_step_that_says_so(world, admin):
    admin = world.set_up()
    KeyTests(refusing, snapshots=world.snapshots, clock=world.clock).test(world.desk.settings().destinations["custify"])

    page = admin.get("/")
    assert dict(steps_of(page))["Test the key"] == "now"
    assert "The key was refused (401)" in text_of(page)
    assert 'href="/destinations/custify#settings"' in page.text


def test_a_first_event_that_ends_badly_leads_to_why(world, admin):
    admin = world.set_up()
    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    world.settle(Outcome.DEAD, cause="custify.refused.422")

    page = admin.get("/")
    assert dict(steps_of(page))["Custify takes it"] == "now"
    assert "So far: 1 not taken" in text_of(page)
    assert 'href="/problems/custify"' in page.text


def test_a_destination_waits_for_its_first_event_and_shows_it(world, admin):
    admin = world.set_up()
    page = admin.get("/destinations/custify")
    assert "Waiting for the first event" in text_of(page)
    assert 'name="destination" value="custify"' in page.text

    world.receive({"type": "identify", "userId": "ana", "messageId": "m1"})
    world.settle()
    page = admin.get("/destinations/custify")
    shown = re.search(r'<p id="first-event"><a href="([^"]+)">(.*?)</a>', page.text)
    assert shown.groups() == ("/events/custify/m1", "identify")
    assert "Waiting for the first event" not in text_of(page)


def test_a_test_event_sent_from_a_destination_leads_back_to_it(world, admin):
    admin = world.set_up()

    assert (
        admin.post("/live/test-event", source="web", destination="custify").headers["location"]
        == "/destinations/custify"
    )
    assert admin.post("/live/test-event", source="web", destination="//evil.example").headers["location"] == "/live"
