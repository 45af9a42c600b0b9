"""What people see of minimising: rules in the form of a source, tried before they are saved; what was removed; what is suspicious."""

import asyncio
import html
import json
import re

import pytest

from dashboard_world import World, form_of
from penstock.accept.minimising import Minimising
from penstock.accept.one_by_one import read_batch
from penstock.accept.sdk_request import Arrival
from penstock.accept.suppressing import Suppressing
from penstock.buffer.port.outcomes import Outcome
from penstock.clock import SeededDice
from penstock.privacy.suppressed import SuppressedList


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.set_up()


EVENT = {
    "type": "track", "event": "Asked", "userId": "ana", "messageId": "m1",
    "properties": {"comment": "write to ana.secret@example.com", "plan": "pro"}, "traits": {"phone": "+49 30 901820"},
}  # fmt: skip


def text_of_page(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_rules_are_set_in_the_form_of_a_source_and_what_cannot_be_is_said_there(world, admin) -> None:
    assert admin.change("/sources/web", never_store="traits.phone, **.password", ip_addresses="drop").status_code == 303
    source = world.desk.settings().sources["web"]
    assert (source.never_store, source.ip_kept) == (("traits.phone", "**.password"), "drop")

    answer = admin.change("/sources/web", never_store="userId")
    assert answer.status_code == 422
    assert "a rule that leaves what an event needs" in text_of_page(answer)
    assert world.desk.settings().sources["web"] == source


def test_rules_are_tried_on_the_newest_event_before_they_are_saved(world, admin) -> None:
    form = form_of(admin.get("/sources/web").text, "/sources/web/settings")
    assert "No event of this source is stored yet" in text_of_page(admin.post("/sources/web/preview", **form))

    world.receive(EVENT)
    before = world.desk.document()
    page = admin.post(
        "/sources/web/preview", **form | {"never_store": "properties.comment", "store_hashed": "traits.phone"}
    )

    assert page.status_code == 200
    assert "1 value removed before the event was stored: never_store properties.comment" in text_of_page(page)
    preview = page.text[page.text.index('id="preview"') :]
    assert "ana.secret" not in preview
    assert "hmac:" in preview
    assert 'value="properties.comment"' in page.text
    assert world.desk.document() == before
    assert admin.post("/sources/web/preview", **form | {"store_only": "x"}).status_code == 422


def test_the_live_list_and_the_page_of_an_event_say_where_something_looks_personal_and_never_what(world, admin) -> None:
    world.receive(EVENT)

    live = admin.get("/live").text
    assert "e-mail address?" in live
    assert "ana.secret" not in live
    page = text_of_page(admin.get("/events/custify/m1"))
    assert "e-mail address in properties.comment" in page
    told = page[page.index("It holds what looks") : page.index("A rule of")]
    assert "secret" not in told


async def _stored_with_rules(world, *events) -> None:
    """Take events in through the rules of their source, as the server does."""
    log = world.store.log(disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    door = Minimising(
        Suppressing(log, SuppressedList(world.folder, world.desk.vault.derived)), world.desk.vault.derived
    )
    door.follow(world.desk.settings().sources)
    origin = Arrival("web", int(world.clock.now() * 1000), "10.0.0.1")
    await door.append([read_batch(json.dumps({"batch": list(events)}).encode(), origin=origin, dice=SeededDice(1))])
    await log.close()


async def _without_bodies(world) -> None:
    log = world.store.log(disk_free_bytes_min=0, waiting_events_max=10**9)
    await log.open()
    now_ms = int(world.clock.now() * 1000)
    await log.prune(older_than_ms=0, bytes_max=2**40, destinations=["custify"], bodies_older_than_ms=now_ms + 1)
    await log.close()


def test_the_page_of_an_event_says_what_was_removed_and_of_one_without_a_body_that_it_is_gone(world, admin) -> None:
    admin.change("/sources/web", never_store="properties.comment")
    asyncio.run(_stored_with_rules(world, EVENT))
    page = text_of_page(admin.get("/events/custify/m1"))
    assert "1 value removed before the event was stored: never_store properties.comment" in page
    assert "ana.secret" not in page

    world.settle(Outcome.DEAD, cause="custify.refused.422", reason="refused")
    asyncio.run(_without_bodies(world))
    for address in (
        "/events/custify/m1",
        "/events/custify/m1?rerun=1",
        "/live",
        "/people?person=ana",
        "/payloads/custify/m1?calls=1",
    ):
        assert admin.get(address).status_code == 200, address
    answer = admin.get("/events/custify/m1")
    page = text_of_page(answer)
    assert "the body is no longer kept: payload_days" in page
    assert "Send this event again" not in page
    assert 'id="payload"' not in answer.text
    refused = admin.post("/replays", destination="custify", message_id="m1")
    assert refused.status_code == 422
    assert "payload_days is over for them" in text_of_page(refused)


def test_programs_are_told_what_rules_would_remove_of_recent_events_and_no_value(world, admin) -> None:
    world.receive(
        EVENT, EVENT | {"messageId": "m2", "properties": {"plan": "pro"}}, EVENT | {"messageId": "m3", "traits": {}}
    )
    before, preview = world.desk.document(), "/api/v1/sources/web/minimise/preview"
    user = world.access.users.users()[0]
    api = world.client(headers={"Authorization": f"Bearer {world.access.issue_token(user, 'test')}"})

    answer = api.post(preview, json={"never_store": ["properties.comment"], "store_hashed": ["traits.phone"]})

    assert answer.status_code == 200
    told = answer.json()
    assert (told["looked_at"], told["changed"]) == (3, 3)
    rules = [(each["setting"], each["rule"], each["events"], each["values"]) for each in told["rules"]]
    assert rules == [("never_store", "properties.comment", 2, 2), ("store_hashed", "traits.phone", 2, 2)]
    assert "ana.secret" not in answer.text
    assert "901820" not in answer.text
    assert world.desk.document() == before
    refused = api.post(preview, json={"never_store": ["userId"]})
    assert (refused.status_code, "what an event needs" in refused.text) == (422, True)
    assert api.post("/api/v1/sources/nobody/minimise/preview", json={}).status_code == 404
    assert api.post(preview, json={"never_stored": []}).status_code == 422
    form = form_of(admin.get("/sources/web").text, "/sources/web/settings")
    page = text_of_page(admin.post("/sources/web/preview", **form | {"never_store": "properties.comment"}))
    assert "Of 3 recent events of this source, 2 would be stored otherwise" in page
