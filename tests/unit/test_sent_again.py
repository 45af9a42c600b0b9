"""Sending again what was taken already: what it would do is said before, and done then, with a fresh id only on request."""

import json

import pytest

from dashboard_world import World
from penstock.buffer.port.backlog import Lease
from penstock.buffer.port.control import Role, User
from penstock.buffer.sqlite.delivery import ledger as of_the_ledger
from penstock.deliver.decide import RetryPolicy
from penstock.deliver.policy import DeliveryPolicy
from penstock.deliver.reads import read
from penstock.deliver.steps import Steps, Trusting
from penstock.destinations.custify.calls import CustifyCall
from penstock.destinations.custify.options import Mapping
from penstock.destinations.plan import AGAIN, Call
from penstock.event import Event, MessageId

TRACK = {"type": "track", "event": "Used", "userId": "ana", "messageId": "t1", "properties": {"company_id": "acme"}}


def identify(number: int, **traits) -> dict:
    return {"type": "identify", "userId": "ana", "messageId": f"i{number}", "traits": traits}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Return a dashboard over events of Ana's that were taken, the last of which says another plan than the first."""
    world = World(tmp_path_factory.mktemp("again"))
    world.admin = world.set_up()
    world.receive(identify(1, plan="old", phone="1"), TRACK, identify(2, plan="new"))
    world.settle()
    world.clock.advance(60)
    token = world.access.issue_token(User(name="admin", role=Role.ADMIN), "test")
    world.headers = {"Authorization": f"Bearer {token}"}
    return world


def asked(world, *, status: int = 200, **order):
    body = {"destination": "custify", "selection": {"outcome": "any"}, **order}
    answer = world.admin.client.post("/api/v1/replays", json=body, headers=world.headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_preview_says_that_tracks_are_ignored_and_that_newer_values_stay(world):
    before = world.store.orders.replays()

    told = asked(world, dry_run=True)["preview"]

    assert (told["looked_at"], told["is_all"], told["is_sure"]) == (3, True, True)
    assert (told["sent"], told["repeats"], told["overtaken"]) == (2, 1, 1)
    assert told["calls"] == {"/people": 2}
    assert [call["body"].get("custom_attributes") for call in told["sample"] if call["message_id"] == "i1"] == [{}]
    assert world.store.orders.replays() == before


@pytest.mark.parametrize("type_", ["track", "identify"])
def test_a_preview_opens_its_files_a_few_times_and_not_once_for_each_person(tmp_path, monkeypatch, type_):
    world = World(tmp_path)
    admin = world.set_up()
    for number in range(40):
        world.receive(TRACK | {"type": type_, "userId": f"u{number}", "messageId": f"t{number}"})
    world.settle()
    opened = []

    def opening(path, **facts):
        opened.append(path.name)
        return snapshot(path, **facts)

    snapshot = of_the_ledger.snapshot
    monkeypatch.setattr(of_the_ledger, "snapshot", opening)
    assert "40 events" in admin.get("/replays/new?destination=custify&outcome=any").text

    assert 1 <= len(opened) <= 4


def test_a_track_counts_twice_only_by_choice(world):
    tracks = {"outcome": "any", "type": "track"}
    told = asked(world, dry_run=True, selection=tracks)["preview"]
    assert (told["sent"], told["repeats"], told["counted_again"], told["unknown_people"]) == (0, 1, 0, 1)

    told = asked(world, dry_run=True, selection=tracks, fresh_ids=True)["preview"]
    assert (told["sent"], told["repeats"], told["counted_again"]) == (1, 0, 1)


async def test_what_is_to_count_twice_is_sent_with_a_fresh_id(memory_lease):
    lease, policy = memory_lease
    [got] = await read([lease], Steps("custify", Trusting()), policy)

    assert got.meaning.calls[0].body["deduplication_id"] == "t1.again-3"


@pytest.fixture
def memory_lease():
    """Return a lease of an event that is to count twice, and how it is read."""
    event = Event(
        source="web", message_id=MessageId("t1"), type="track", user_id="ana", anonymous_id="", company_id="",
        received_at_ms=1_700_000_000_000, request_ip="", body=json.dumps(TRACK).encode(),
    )  # fmt: skip
    lease = Lease(event=event, seq=1, attempt=1, first_failed_at=None, token=1, expires_at=1e12, replay=3, is_anew=True)
    return lease, DeliveryPolicy(options=Mapping(), retry=RetryPolicy())


def test_the_page_shows_what_would_be_done_and_orders_just_that(world):
    page = world.admin.get("/replays/new?destination=custify&outcome=any&type=identify").text
    assert "Send 2 events again" in page
    assert "newer events have said since" in page

    world.admin.post("/replays", destination="custify", outcome="any", type="identify", fresh_ids="on")

    order = world.store.orders.replays()[0]
    assert order.fresh_ids
    assert (order.selection.outcome, order.selection.type) == ("any", "identify")
    assert "they count twice" in world.admin.get("/activity").text
    assert "they count twice" in world.admin.get("/replays").text


def test_the_one_event_of_a_page_can_be_sent_again_though_it_arrived(world):
    page = world.admin.get("/events/custify/t1").text

    assert "/replays/new?destination=custify&amp;outcome=any&amp;message_id=t1" in page


@pytest.mark.parametrize("wrong", ["outcome=nonsense", "since=yesterdayish"])
def test_a_filter_that_is_none_is_said_so(world, wrong):
    answer = world.admin.client.get(f"/replays/new?destination=custify&{wrong}")

    assert answer.status_code == 422
    assert "expected" in answer.text


def test_a_fresh_id_is_the_old_one_with_the_replay_behind_it_and_upserts_have_none():
    track = CustifyCall("/event", {"name": "Used", "deduplication_id": "t1"})

    assert track.anew(f"{AGAIN}7").body["deduplication_id"] == "t1.again-7"
    assert CustifyCall("/people", {"user_id": "ana"}).anew("x").body == {"user_id": "ana"}
    without_id = CustifyCall("/event", {"name": "Used"})
    assert without_id.anew("x") is without_id
    assert Call("webhook", {}).repeat_id == ""
