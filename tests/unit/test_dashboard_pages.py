"""What people see and do on the pages of the dashboard; everything that needs no browser."""

import html
import os
import re

import pytest

from dashboard_world import CUSTIFY, MAPPING, World
from penstock.buffer.port.control import Role, User
from penstock.buffer.port.outcomes import Outcome
from penstock.destinations.custify.calls import CustifyCall as Call
from penstock.inspect.masking import MASK
from penstock.machine.pulse import Pulse

ANA = {
    "type": "identify",
    "userId": "ana",
    "messageId": "m1",
    "traits": {"email": "ana@example.com", "name": "Ana", "plan": "pro", "tags": ["x"], "company": {"id": "acme"}},
}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    return world.set_up()


def text_of(answer) -> str:
    """Return what a reader sees, roughly."""
    body = re.sub(r"<(script|title)[^>]*>.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_overview_adds_up_and_every_figure_leads_to_its_events(world, admin):
    world.receive(ANA, ANA | {"messageId": "m2", "userId": "bo"})
    world.clock.advance(2)
    world.settle(limit=1)
    page = admin.get("/")

    assert "received 2 = outcomes 2 + waiting 0" in text_of(page)
    assert 'href="/live?destination=custify&amp;state=delivered"' in page.text
    assert "From received to taken" in page.text
    assert page.text.count("The chart as a table") == 2


def test_without_a_destination_the_overview_says_what_to_do_next(world):
    admin = world.visitor(Role.ADMIN)
    assert 'href="/sources/new"' in admin.get("/").text

    admin.post("/sources/new", name="web", type="web")
    assert 'class="button" href="/destinations/new"' in admin.get("/").text


def test_an_empty_tail_teaches_with_the_key_and_host_of_this_server(world, admin):
    page = text_of(admin.get("/live"))

    key = world.desk.settings().sources["web"].write_key
    assert f"curl -u {key}: http://127.0.0.1:8080/v1/identify" in page
    assert "Send a test event" in page


def test_a_test_event_is_sent_with_the_key_of_the_source(world, admin):
    answer = admin.post("/live/test-event", source="web")

    assert (answer.status_code, world.trials) == (303, [("web", "127.0.0.1:8080")])
    assert admin.post("/live/test-event", source="nobody").status_code == 422


def test_refused_requests_are_listed_beside_the_events(world, admin):
    refused = {"status": 401, "text": "invalid write key", "method": "POST", "path": "/v1/track", "key": "abcd…"}
    world.snapshots.write("accept", {"refused": [refused | {"agent": "curl/8", "count": 3, "last_at": 1.0}]})

    page = text_of(admin.get("/live"))
    assert "401 invalid write key POST /v1/track abcd… curl/8 3" in page


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("person", "ana", True), ("company", "acme", True), ("message_id", "m1", True), ("source", "web", True),
        ("state", "delivered", True), ("type", "identify", True), ("person", "bo", False), ("state", "dead", False),
        ("source", "other", False), ("event_name", "Paid", False),
    ],
)  # fmt: skip
def test_the_tail_is_searched_by_every_field(world, admin, field, value, found):
    world.receive(ANA)
    world.settle()

    assert ("/events/custify/m1" in admin.get(f"/live?{field}={value}").text) == found


def test_an_event_shows_call_and_answer_side_by_side_and_lines_to_every_reason(world, admin):
    world.receive(ANA)
    world.settle(answer='{"id":"5e01"}')
    page = admin.get("/events/custify/m1")

    assert "POST /people" in page.text
    assert "5e01" in page.text
    assert page.text.count('<path class="sent"') >= 4
    assert page.text.count('<path class="unsent"') >= 1
    assert "curl -u WRITE_KEY: http://127.0.0.1:8080/v1/identify" in text_of(page)


def test_what_stood_on_the_batch_is_shown_beside_its_event_and_masked_like_it(world, admin):
    world.receive(ANA, context={"groupId": "acme", "traits": {"email": "ana@example.com"}})
    world.settle()

    page = text_of(admin.get("/events/custify/m1"))
    assert "What stood beside it in its batch" in page
    assert '"groupId": "acme"' in page
    assert "/v1/batch -H" in page
    masked = text_of(world.visitor(Role.VIEWER).get("/events/custify/m1"))
    assert "What stood beside it in its batch" in masked
    assert "ana@example.com" not in masked


def test_an_unusable_event_of_a_batch_has_a_page_that_says_why(world, admin):
    world.receive(ANA, None, {"type": "track", "event": "X", "messageId": "m2"})
    world.settle(Outcome.REJECTED, cause="map.no_identity", reason="nobody")

    page = text_of(admin.get("/events/custify/m2"))

    assert "track of no person" in page
    assert "the call has neither anonymousId nor userId, nor has its batch" in page


def test_a_dry_run_says_what_the_settings_of_then_and_of_now_make_of_an_event(world, admin):
    world.receive({"type": "page", "userId": "ana", "messageId": "m1", "name": "Pricing"})
    world.settle(Outcome.FILTERED)
    world.clock.advance(60)
    admin.post("/mapping/custify", **MAPPING | {"page_views": "on"})
    page = text_of(admin.get("/events/custify/m1?rerun=1"))

    assert "Dry run: nothing was sent It would become POST /event." in page
    assert "would do something else" in page
    assert "not sent: page is not sent: page_views is off" in page


def test_a_dry_run_of_an_event_that_means_the_same_says_so(world, admin):
    world.receive(ANA)
    world.settle()

    assert "would do the same" in text_of(admin.get("/events/custify/m1?rerun=1"))


def test_a_replay_takes_the_whole_filter_and_the_count_comes_first(world, admin):
    world.receive(*(ANA | {"messageId": f"m{n}", "userId": f"u{n % 2}"} for n in range(6)))
    world.settle(Outcome.DEAD, cause="custify.refused.422", reason="refused")

    assert "Send 6 events again" in admin.get("/problems/custify/custify.refused.422").text
    page = admin.get("/problems/custify/custify.refused.422?person=u1")
    assert "Send 3 events again" in page.text
    admin.post("/replays", destination="custify", cause="custify.refused.422", person="u1")
    assert "cause custify.refused.422, person u1" in admin.get("/replays").text
    assert "person u1, 3 events" in admin.get("/activity").text


def test_problems_of_every_cause_can_be_sent_again_together(world, admin):
    world.receive(ANA, ANA | {"messageId": "m2"})
    world.settle(Outcome.DEAD, cause="custify.refused.422")

    assert "Send 2 events again" in admin.get("/problems/custify").text


def test_a_held_destination_is_a_problem_with_a_count_and_advice(world, admin):
    world.receive(ANA)
    world.snapshots.write("deliver", {"custify": {"hold_reason": "401", "hold_cause": "custify.key_rejected"}})
    page = text_of(admin.get("/problems"))

    assert "1 events wait ; none is lost" in page
    assert "Enter the key shown in Custify" in page


def test_a_long_wait_is_said_on_every_page_and_a_user_may_end_it(world, admin):
    world.receive(ANA)
    deliver = Pulse(world.snapshots.folder, "deliver", pid=os.getpid(), clock=world.clock)
    deliver.beat()
    until = world.clock.now() + 3_600.0
    world.snapshots.write("deliver", {"custify": {"wait_until": until, "who": "Custify"}})
    said = "Custify asked us to wait until 2023-11-14 23:13:20 UTC"
    for page in ("/", "/problems", "/destinations/custify"):
        assert said in text_of(admin.get(page)), page
    status = world.reader.read().destinations["custify"]
    assert (status.state, status.cause, status.wait_until) == ("throttled", "custify.throttled", until)
    assert "Try now" in admin.get("/destinations/custify").text

    world.clock.advance(3_600.0)
    assert world.reader.read().destinations["custify"].state == "stopped", "nobody is there to go on"


def test_a_destination_no_call_gets_through_to_is_down_and_may_be_tried_now(world, admin):
    world.receive(ANA)
    facts = {"hold_reason": "Custify gives no usable answer: 503", "hold_cause": "custify.unavailable"}
    world.snapshots.write("deliver", {"custify": facts})
    page = text_of(admin.get("/problems"))

    assert world.reader.read().destinations["custify"].state == "down"
    assert "1 events wait ; none is lost" in page
    assert "Try now" in page


def test_a_person_has_a_timeline_with_what_was_taken_last_and_what_waits(world, admin):
    world.receive(ANA)
    world.settle()
    world.receive({"type": "track", "event": "Paid", "userId": "ana", "messageId": "m2"})
    world.settle(limit=0)
    page = text_of(admin.get("/people?person=ana"))

    assert "Last taken identify" in page
    assert "Waiting 1" in page


def test_where_a_value_in_custify_comes_from_is_found_from_the_person(world, admin):
    world.receive(ANA)
    world.settle()
    world.receive(ANA | {"messageId": "m2", "traits": {"plan": "free", "email": "ana@example.com"}})
    world.settle(limit=0)
    page = text_of(admin.get("/people?person=ana&field=plan"))

    assert "plan was last set by identify" in page
    assert "traits.plan , sent as pro" in page
    assert "1 newer would set it and were not taken: identify (waiting)" in page
    assert "has set phone" in text_of(admin.get("/people?person=ana&field=phone"))
    assert "ana@example.com" not in world.visitor(Role.VIEWER).get("/people?person=ana&field=email").text
    assert "was last set by" not in world.visitor(Role.CS).get("/people?person=ana&field=plan").text


def link_of(page) -> str:
    return re.search(r"/shared/[\w-]+", page.text)[0]


def test_a_shared_link_shows_one_person_without_payloads_until_it_is_ended(world, admin):
    world.receive(ANA, {"type": "track", "event": "Paid", "userId": "bo", "messageId": "m2"})
    world.settle()
    link = link_of(admin.post("/links", destination="custify", person="ana", company="", days="7"))
    stranger = world.visitor()

    page = stranger.get(link)
    assert page.status_code == 200
    assert "Last taken" in page.text
    assert "ana@example.com" not in page.text
    assert "Paid" not in page.text
    assert "/events/" not in page.text
    ended = re.search(r"/links/\w+/end", admin.get("/links").text)[0]
    admin.post(ended)
    assert stranger.get(link).status_code == 404
    assert "This link has ended" in stranger.get(link).text


def test_a_shared_link_ends_by_itself_and_with_the_right_of_who_made_it(world, admin):
    world.receive(ANA)
    operator = world.visitor(Role.OPERATOR)
    first = link_of(operator.post("/links", destination="custify", person="ana", days="1"))
    second = link_of(operator.post("/links", destination="custify", person="ana", days="30"))
    world.clock.advance(86_401)
    assert [world.visitor().get(link).status_code for link in (first, second)] == [404, 200]

    world.access.users.put_user(User(name="operator", role=Role.VIEWER))
    assert world.visitor().get(second).status_code == 404


@pytest.mark.parametrize("given", [{"days": "9999"}, {"person": ""}, {"destination": "other"}])
def test_a_link_to_nothing_or_for_ever_is_refused(world, admin, given):
    asked = {"destination": "custify", "person": "ana", "days": "7"} | given

    assert admin.post("/links", **asked).status_code == 422


def test_an_operator_ends_own_links_and_an_administrator_anybodys(world, admin):
    link = link_of(admin.post("/links", destination="custify", person="ana", days="7"))
    ended = re.search(r"/links/\w+/end", admin.get("/links").text)[0]
    world.visitor(Role.OPERATOR).post(ended)
    assert world.visitor().get(link).status_code == 200

    admin.post(ended)
    assert world.visitor().get(link).status_code == 404


def test_a_viewer_sees_what_names_a_person_masked_on_every_page_and_in_the_api(world, admin):
    world.receive(ANA)
    world.settle(
        Outcome.DEAD,
        cause="custify.refused.422",
        reason="ana@example.com is no",
        answer='{"email":"ana@example.com"}',
        looked_up=Call("/event", {"user_id": "ana", "email": "ana@example.com"}).look_ups(),
    )
    viewer = world.visitor(Role.VIEWER)
    token = world.access.issue_token(User(name="viewer", role=Role.VIEWER), "t")
    pages = ["/live", "/events/custify/m1?rerun=1", "/mapping/custify?preview=1&nested=json", "/problems/custify"]
    pages += ["/problems/custify/custify.refused.422", "/people?person=ana&field=email"]
    answers = [viewer.get(path).text for path in pages]
    viewer.client.cookies.clear()
    api = ["/api/v1/events", "/api/v1/events/m1/explain", "/api/v1/destinations/custify/dead/events"]
    api += ["/api/v1/destinations/custify/mapping", "/api/v1/explain?person=ana&field=email"]
    answers += [viewer.client.get(path, headers={"Authorization": f"Bearer {token}"}).text for path in api]

    for path, answer in zip(pages + api, answers, strict=True):
        assert not re.search("ana(@|%40|&#64;)example.com", answer), path
    assert MASK in answers[1]
    assert "pro" in answers[1]
    shown = admin.get("/events/custify/m1").text
    assert "ana@example.com" in shown
    assert "ana%40example.com" in shown


def test_which_fields_are_masked_is_a_setting(tmp_path):
    world = World(tmp_path)
    world.environ["PENSTOCK_MASKED_FIELDS"] = "plan"
    world.set_up()
    world.receive(ANA)

    page = world.visitor(Role.VIEWER).get("/events/custify/m1").text
    assert "pro" not in text_of_pre(page)


def test_an_installation_may_mask_nothing(world, admin, monkeypatch):
    world.receive(ANA)
    monkeypatch.setattr(world.reader, "settings", world.masking(""))

    page = text_of(world.visitor(Role.VIEWER).get("/events/custify/m1"))
    assert "ana@example.com" in page
    assert '"userId": "ana"' in page


def text_of_pre(page: str) -> str:
    return re.search(r'<pre id="payload">.*?</pre>', page, flags=re.DOTALL)[0]


def test_the_mapping_page_says_where_fields_come_from_and_which_traits_go_nowhere(world, admin):
    world.receive(ANA, ANA | {"messageId": "m2", "traits": {"plan": "pro"}})
    page = text_of(admin.get("/mapping/custify"))

    assert "email traits.email always 50 % ana@example.com" in page
    assert "custom_attributes.plan no field of its own traits.plan always 100 %" in page
    assert "phone traits.phone always 0 % never" in page
    assert "traits.tags[…] 1 it is inside traits.tags, an array" in page


def test_the_newest_value_of_a_field_with_several_parts_is_json_and_fields_that_nothing_fills_are_folded(world, admin):
    world.receive(ANA | {"traits": {"company": {"id": "acme"}}})
    page = admin.get("/mapping/custify").text
    folded = " ".join(re.findall(r"<details><summary>.*?</details>", page, flags=re.DOTALL))

    assert '[{"company_id": "acme", "remove": false}]' in text_of(admin.get("/mapping/custify"))
    assert "traits.phone" in folded
    assert ">companies<" not in folded


def test_switches_are_saved_from_the_page_that_showed_their_difference(world, admin):
    world.receive({"type": "page", "userId": "ana", "messageId": "m1"})
    preview = admin.get("/mapping/custify?preview=1&mapping=custify%2F1&nested=drop&page_views=on")
    assert "1 of 1 events would become something else" in text_of(preview)
    admin.post("/mapping/custify", **MAPPING | {"page_views": "on"})

    assert world.desk.settings().destinations["custify"].page_views
    assert world.desk.settings().destinations["custify"].api_key == CUSTIFY["api_key"]


def test_activity_is_what_people_did_and_what_they_changed(world, admin):
    admin.post("/destinations/custify/pause")
    admin.post("/users", name="cleo", role="cs")
    admin.post("/tokens", label="ci", scope="read")
    page = text_of(admin.get("/activity"))

    for sentence in ("admin : custify is paused", "cleo was invited as cs", "token made: ci, scope read"):
        assert sentence in page
    assert "destination custify added" in page
    assert "settings revision 2 in force" in page


def test_deeds_done_through_the_api_are_noted_too(world, admin):
    admin.client.post("/api/v1/destinations/custify/pause", json={})

    assert "custify paused by the API" in admin.get("/activity").text


def test_a_whole_document_is_planned_and_put_through_the_api(world, admin):
    document = admin.client.get("/api/v1/settings").json()
    assert document["destinations"]["custify"]["api_key"] == "(set)"
    document.pop("revision")
    document["destinations"]["custify"]["page_views"] = True

    planned = admin.client.post("/api/v1/settings", json=document | {"dry_run": True}).json()
    assert planned["changes"] == ["destinations.custify.page_views = true"]
    assert not world.desk.settings().destinations["custify"].page_views
    admin.client.post("/api/v1/settings", json=document)
    assert world.desk.settings().destinations["custify"].page_views
    assert world.desk.settings().destinations["custify"].api_key == CUSTIFY["api_key"]


def test_an_address_that_is_none_is_a_page_that_leads_home(world):
    answer = world.visitor().get("/nowhere")

    assert answer.status_code == 404
    assert "There is no page /nowhere" in text_of(answer)


def test_who_may_send_and_what_is_set_on_the_page_of_a_source(world, admin):
    answer = admin.change(
        "/sources/web",
        allowed_origins="https://App.example.com/, https://*.shop.example",
        trust="traits",
        trusted_traits="theme, name",
        quota="on",
        events_per_s_max="50",
        burst_s="120",
        store_share_max="0.25",
    )

    assert answer.status_code == 303
    source = world.desk.settings().sources["web"]
    assert source.allowed_origins == ("https://app.example.com", "https://*.shop.example")
    assert (source.trust, source.trusted_traits, source.quota) == ("traits", ("theme", "name"), "on")
    assert (source.events_per_s_max, source.bytes_per_s_max, source.burst_s) == (50.0, 5_000_000.0, 120.0)
    assert source.store_share == 0.25
    page = admin.get("/sources/web").text
    assert 'value="https://app.example.com, https://*.shop.example"' in page
    assert "every page may send" not in page


@pytest.mark.parametrize("given", [{"allowed_origins": "app.example.com"}, {"burst_s": "1"}, {"trust": "traits"}])
def test_a_bound_that_cannot_work_is_refused_and_the_old_one_stays(world, admin, given):
    before = world.desk.settings()

    assert "expected" in text_of(admin.change("/sources/web", **given))
    assert world.desk.settings() == before


def test_a_page_for_everybody_and_what_may_be_lost_are_said_on_the_page_of_the_source(world, admin):
    world.snapshots.write("accept", {"lost": [("web", "quota", 7), ("web", "origin", 2), ("gone", "share", 1)]})

    page = text_of(admin.get("/sources/web"))

    assert "every page may send with its key" in page
    assert "7 events beyond the quota" in page
    assert "2 requests of browsers from pages that may not send" in page
    status = world.reader.read().sources
    assert {name: dict(source.lost) for name, source in status.items()} == {"web": {"quota": 7, "origin": 2}}
