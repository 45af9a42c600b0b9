"""Two lists, people and accounts, and the page of each: everything of theirs, under every name, with what there is to do."""

import html
import re

import pytest

from counting import calls
from dashboard_world import World
from penstock.admin.pages.directory import PAGE
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.buffer.port.search import FOLLOWED_MAX, HITS_MAX, Listing
from penstock.ledger.record import MEMBER, Alias, Delta
from unit.test_privacy_doors import bring_to_its_end


def text_of(answer) -> str:
    """Return what a reader sees, roughly."""
    body = re.sub(r"<(script|title)[^>]*>.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def identify(user: str, name: str, **more):
    return {"type": "identify", "userId": user, "traits": {"name": name, **more}, "messageId": f"i-{user}"}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def admin(world):
    admin = world.set_up()
    world.reader.settings = world.desk.settings()
    world.receive(
        {**identify("ana", "Ana Müller", email="ana@x.io"), "anonymousId": "device-1"},
        identify("bo", "Bo Ek"),
        {"type": "group", "userId": "ana", "groupId": "acme", "traits": {"name": "Acme Corp"}, "messageId": "g1"},
        {"type": "track", "event": "Opened", "userId": "ana", "messageId": "t1"},
    )
    records = {
        "user:ana": Delta(
            fields={"name": "Ana Müller", "email": "ana@x.io"}, companies={"acme": MEMBER}, asserted_at=1.0
        ),
        "email:ana@x.io": Alias("ana"),
        "user:bo": Delta(fields={"name": "Bo Ek"}, asserted_at=1.0),
        "company:acme": Delta(fields={"name": "Acme Corp"}, asserted_at=1.0),
    }
    world.settle(learned={subject: known.learn for subject, known in records.items()})
    return admin


@pytest.mark.parametrize("text", ["Ana", "ana", "MÜLLER", "müll", "x.io", "an"])
def test_people_are_found_by_any_part_of_name_address_or_id(admin, text):
    page = text_of(admin.get(f"/people?q={text}"))

    assert "Ana Müller ana ana@x.io acme" in page
    assert "Bo Ek" not in page


@pytest.mark.parametrize("text", ["corp", "ACM", "acme"])
def test_accounts_are_found_by_any_part_of_name_or_id(admin, text):
    page = text_of(admin.get(f"/accounts?q={text}"))

    assert "Acme Corp acme" in page
    assert "Ana" not in page


def test_the_lists_say_who_was_seen_last_what_was_taken_and_what_waits(world, admin):
    world.receive({"type": "track", "event": "Closed", "userId": "bo", "messageId": "t2"})

    page = text_of(admin.get("/people"))
    assert page.index("Bo Ek") < page.index("Ana Müller"), "last seen first"
    by_name = text_of(admin.get("/people?sort=name"))
    assert by_name.index("Ana Müller") < by_name.index("Bo Ek")
    assert "2023-11-14 22:13:20" in page
    bo = admin.get("/people").text
    row = bo[bo.index("Bo Ek") :]
    assert 'class="number">1</td>' in row[: row.index("</tr>")], "one waits"
    assert "2 events in the last 14 days, 2 of them today" in row[: row.index("</tr>")]


def test_a_long_list_has_pages_on_which_everybody_stands_once(world, admin):
    names = [f"u{number:03}" for number in range(3 * PAGE)]
    world.receive(*(identify(name, name.upper()) for name in names))
    world.receive(*({"type": "track", "event": "X", "userId": n, "messageId": f"x-{n}"} for n in names[:5]))

    found, address = [], "/people"
    while address:
        page = admin.get(address).text
        found += [name for name in [*names, "ana", "bo"] if f"person={name}" in page]
        more = page.rpartition('<a class="button quiet" href="')[2].partition('"')[0].replace("&amp;", "&")
        address = more if ">More</a>" in page else ""
    assert sorted(found) == sorted([*names, "ana", "bo"])


def test_a_persons_page_shows_every_name_and_everything_that_came_under_it(world, admin):
    world.receive(
        {"type": "identify", "traits": {"email": "ana@x.io", "plan": "pro"}, "messageId": "e1", "anonymousId": ""},
        {"type": "track", "event": "Looked", "anonymousId": "device-1", "messageId": "v1"},
    )
    for name in ("ana", "ana@x.io", "device-1"):
        page = admin.get(f"/people?person={name}").text
        for message_id in ("i-ana", "g1", "t1", "e1", "v1"):
            assert f"/events/custify/{message_id}" in page, (name, message_id)
        told = text_of(admin.get(f"/people?person={name}"))
        assert "Ana Müller" in told
        assert "user id ana e-mail ana@x.io visitor device-1" in told
        assert "from which event" in told


def test_an_accounts_page_shows_what_its_people_did(admin):
    page = admin.get("/accounts?company=acme").text

    for message_id in ("i-ana", "g1", "t1"):
        assert f"/events/custify/{message_id}" in page
    assert "/events/custify/i-bo" not in page
    assert "<h1>Acme Corp" in page


def test_what_did_not_get_through_is_sent_again_from_the_page(world, admin):
    world.receive({"type": "track", "event": "Failed", "userId": "ana", "messageId": "f1"})
    world.settle(Outcome.DEAD, cause="custify.refused.422", reason="no")
    page = admin.get("/accounts?company=acme").text

    assert '<a class="button" href="/problems/custify?company=acme">See them, and send them again</a>' in page
    assert "Failed" in admin.get("/problems/custify?company=acme").text
    answer = admin.post("/replays", destination="custify", person="", company="acme")
    assert answer.status_code == 303
    assert "1 events" in text_of(admin.get(answer.headers["location"]))


def test_everything_known_is_sent_again_on_demand(world, admin):
    page = admin.get("/people?person=ana@x.io").text

    assert '<input type="hidden" name="person" value="ana">' in page
    assert admin.post("/ledger/custify/forget", person="ana").status_code == 303


def test_who_may_see_no_names_still_sees_those_of_companies(world, admin):
    world.reader.settings = world.masking("all")
    viewer = world.visitor(Role.VIEWER)
    accounts, people = text_of(viewer.get("/accounts")), text_of(viewer.get("/people"))

    assert "Acme Corp" in accounts
    assert "Müller" not in people
    assert "ana@x.io" not in people
    assert "Müller" not in text_of(viewer.get("/people?q=Müll")), "nor is it found out letter by letter"
    assert (
        "<h1>Acme Corp"
        in viewer.get(
            viewer.get("/accounts").text.partition('data-href="')[2].partition('"')[0].replace("&amp;", "&")
        ).text
    )


def test_an_account_with_more_people_than_a_list_follows_says_so(world, admin):
    members = {f"user:m{n}": Delta(fields={}, companies={"acme": MEMBER}).learn for n in range(FOLLOWED_MAX)}
    world.receive({"type": "track", "event": "X", "userId": "bo", "messageId": "x1"})
    world.settle(learned=members)

    page = text_of(admin.get("/accounts"))
    assert "Acme Corp *" in page
    assert "Of an account marked * the events of 100 of its people are looked at here" in page
    assert "marked *" not in text_of(admin.get("/people"))


def test_a_search_that_leaves_some_out_says_so_and_how_to_see_them(world, admin):
    many = {f"user:same{n:03}": Delta(fields={"name": "Same"}, companies={}).learn for n in range(HITS_MAX)}
    world.receive({"type": "track", "event": "X", "userId": "bo", "messageId": "x1"})
    world.settle(learned=many)

    assert "More may fit than is listed: 200 of a kind at most" in text_of(admin.get("/people?q=same"))
    assert "More letters of the name, e-mail or id leave fewer." in text_of(admin.get("/people?q=same"))
    assert "More may fit" not in text_of(admin.get("/people?q=same1"))


def listing_calls(world, *, waiting: int) -> int:
    """Count what a list of people calls while so many further events of theirs wait."""
    world.receive(
        *(
            {"type": "track", "event": "X", "userId": f"p{n % PAGE}", "messageId": f"w{waiting}-{n}"}
            for n in range(waiting)
        )
    )
    sources = set(world.reader.settings.sources_of("custify"))
    with calls() as found:
        world.store.search.listed("custify", sources, Listing(), now=world.clock.now(), limit=PAGE)
    return found.count


def test_each_event_that_waits_is_looked_at_once_for_all_people_of_a_list(world, admin):
    few = listing_calls(world, waiting=4 * PAGE)
    many = listing_calls(world, waiting=16 * PAGE)

    # To be read and to have its keys named takes some sixty calls; that once for each of the 25 people was four times as many.
    assert (many - few) / (16 * PAGE) < 100


def test_whoever_is_erased_leaves_no_nameless_row_behind(world, admin):
    world.receive({"type": "track", "event": "X", "userId": "gone", "messageId": "x1"})
    request = admin.post("/privacy/erase", user_id="gone").headers["location"]
    bring_to_its_end(world)

    assert "Receipt of an erasure" in admin.get(request).text
    assert 'person="' not in admin.get("/people").text, "no row without a person"
    assert "Bo Ek" in admin.get("/people").text


@pytest.mark.parametrize(
    ("page", "of"), [("/people?person=ana", "person=ana"), ("/accounts?company=acme", "company=acme")]
)
def test_events_of_a_person_or_an_account_are_sent_again_from_their_page(world, admin, page, of):
    link = f"/replays/new?destination=custify&outcome=any&{of}"

    assert html.escape(link) in admin.get(page).text
    assert "It would do this; nothing was sent:" in text_of(admin.get(link))
    assert "/replays/new" not in world.visitor(Role.VIEWER).get(page).text


def test_an_event_that_was_only_asked_about_does_not_say_that_no_call_was_made(world, admin):
    world.receive({"type": "track", "event": "X", "userId": "bo", "messageId": "x1"})
    world.settle(
        Outcome.DEAD, cause="custify.refused.422", reason="refused", looked_up=["/people?user_id=bo"], is_sent=False
    )

    page = text_of(admin.get("/events/custify/x1"))
    assert "No call was made" not in page
    assert "Nothing was sent; what was asked is listed below." in page


def test_cs_sends_one_event_of_a_persons_timeline_again_after_a_look_however_long_its_id(world, admin):
    id_ = "m" * 120
    world.receive({"type": "identify", "userId": "bo", "messageId": id_, "traits": {"plan": "pro"}})
    world.settle()
    cs = world.visitor(Role.CS)

    page = cs.get("/people?destination=custify&person=bo").text
    [address] = re.findall(rf'href="(/replays/new[^"]*message_id={id_})"', page)
    look = cs.get(html.unescape(address)).text
    assert "Send 1 events again" in look
    assert address in admin.get(f"/events/custify/{id_}").text

    cs.post("/replays", destination="custify", outcome="any", message_id=id_)
    assert world.store.orders.replays()[0].selection.message_id == id_
