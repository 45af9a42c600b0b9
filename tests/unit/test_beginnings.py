"""Who connects a source is told what of its stored events would be sent, and asked from when on."""

import pytest

from dashboard_world import CUSTIFY, World
from penstock.buffer.port.control import Role
from penstock.errors import SettingsError
from penstock.settings import load

OTHER = CUSTIFY | {"name": "other"}
EVENTS = [{"type": "track", "userId": "ana", "event": "x", "messageId": f"m{n}"} for n in range(3)]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    admin = world.visitor(Role.ADMIN)
    admin.post("/sources/new", name="web", type="web")
    world.receive(*EVENTS)
    return admin


def connections(world) -> list[dict]:
    return world.desk.document()["connections"]


def test_the_form_of_a_first_destination_says_that_all_will_be_sent(world, admin):
    page = admin.get("/destinations/new/custify?name=crm").text

    assert "as usual, all that is stored, for it has no other destination: 3 events" in page
    assert "nothing, begin now: 0 events" in page


def test_the_form_of_a_later_destination_says_that_nothing_will_be_sent(world, admin):
    admin.post("/destinations/new/custify", **CUSTIFY, **{"source:web": "on"})
    page = admin.get("/destinations/new/custify?name=crm").text

    assert "as usual, nothing, for it has another destination: 0 events" in page
    assert "all that is stored: 3 events" in page


def test_what_is_chosen_is_kept_with_the_connection(world, admin):
    admin.post("/destinations/new/custify", **CUSTIFY, **{"source:web": "on", "begin:web": "now"})
    assert connections(world) == [{"from": "web", "to": "custify", "deliver_from": "now"}]

    admin.post("/destinations/custify/connect", **{"source:web": "on", "mode:web": "events_deny", "names:web": "x"})

    assert connections(world) == [
        {"from": "web", "to": "custify", "events_deny": ["x"], "deliver_from": "now"},
    ]
    assert "connected with deliver_from now" in admin.get("/destinations/custify").text


def test_a_source_that_is_connected_later_is_asked_for_too(world, admin):
    admin.post("/destinations/new/custify", **CUSTIFY)
    assert 'name="begin:web"' in admin.get("/destinations/custify").text

    chosen = {"source:web": "on", "begin:web": "7 days", "mode:web": "", "names:web": ""}
    admin.post("/destinations/custify/connect", **chosen)

    assert connections(world) == [{"from": "web", "to": "custify", "deliver_from": "7 days"}]
    assert 'name="begin:web"' not in admin.get("/destinations/custify").text


def test_the_api_says_how_many_stored_events_a_document_would_send(world, admin):
    admin.post("/destinations/new/custify", **CUSTIFY)
    now = {key: value for key, value in admin.client.get("/api/v1/settings").json().items() if key != "revision"}
    link = {"from": "web", "to": "custify"}

    def planned(**more) -> dict:
        document = now | {"connections": [link | more], "dry_run": True}
        return admin.client.post("/api/v1/settings", json=document).json()

    assert planned()["stored_events_sent"] == {"web to custify": 3}
    assert planned(deliver_from="now")["stored_events_sent"] == {"web to custify": 0}
    assert planned(deliver_from="now")["changes"] == ['connection web to custify = "all events, from now"']


@pytest.mark.parametrize("text", ["yesterday", "0 days", "7", "7 weeks", ""])
def test_a_beginning_that_is_not_understood_is_refused(tmp_path, text):
    path = tmp_path / "penstock.toml"
    path.write_text(f'[destinations.c]\napi_key = "k"\ndeliver_from = "{text}"\n')

    with pytest.raises(
        SettingsError, match=r"destinations.c.deliver_from: expected auto, all, now or a number of days"
    ):
        load(path, {})


def test_a_connection_says_its_own_beginning_before_its_destination(tmp_path):
    path = tmp_path / "penstock.toml"
    path.write_text(
        '[sources.a]\nwrite_key="a"\n[sources.b]\nwrite_key="b"\n[destinations.c]\napi_key="k"\ndeliver_from="now"\n'
        '[[connections]]\nfrom="a"\nto="c"\n[[connections]]\nfrom="b"\nto="c"\ndeliver_from="7d"\n'
    )
    settings = load(path, {})

    assert [settings.deliver_from(source, "c") for source in "ab"] == ["now", "7d"]
