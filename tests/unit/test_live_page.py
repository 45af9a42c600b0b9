"""Live: what is filtered, when it came and how it stands, in the columns a person chose; views with names; and as a file."""

import csv
import datetime as dt
import html
import io
import json
import re

import pytest

from dashboard_world import Visitor, World
from penstock.buffer.port.control import Role
from penstock.buffer.port.outcomes import Outcome
from penstock.inspect.export import COLUMNS
from penstock.ledger.record import MEMBER, Delta

DAY = 86_400


def track(number: int, user: str = "ana", **more):
    return {"type": "track", "event": "Opened", "userId": user, "messageId": f"m{number}", **more}


def text_of(answer) -> str:
    body = re.sub(r"<(script|title)[^>]*>.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def other_browser(world) -> Visitor:
    """Return one that nobody chose columns in."""
    visitor = Visitor(world.client())
    visitor.sign_in("admin")
    return visitor


def found(answer) -> list[str]:
    """Return the events of a page, as their rows lead to them."""
    return re.findall(r'<tr data-href="/events/custify/([^"]+)"', answer.text)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Return a dashboard with three days of events: delivered, dead, and waiting."""
    world = World(tmp_path_factory.mktemp("live"))
    world.set_up()
    world.reader.settings = world.desk.settings()
    world.receive(track(1, properties={"company_id": "acme"}), track(2, "bo"))
    world.settle(learned={"user:ana": Delta(fields={"name": "Ana"}, companies={"acme": MEMBER}, asserted_at=1.0).learn})
    world.clock.advance(DAY)
    world.receive(track(3), {**track(4), "event": '=HYPERLINK("http://x")'})
    world.settle(Outcome.DEAD, cause="custify.refused.422", reason="-1+2")
    world.clock.advance(DAY)
    world.receive(track(5, "bo"))
    world.admin = world.visitor(Role.ADMIN)
    return world


def iso(world, seconds: float) -> str:
    return dt.datetime.fromtimestamp(world.clock.now() + seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_stretch_of_time_is_chosen_by_name_or_from_moment_to_moment(world):
    get = world.admin.get

    assert found(get("/live")) == ["m5", "m4", "m3", "m2", "m1"]
    assert found(get("/live?range=1h")) == ["m5"]
    assert found(get("/live?range=7d")) == ["m5", "m4", "m3", "m2", "m1"]
    middle = f"since={iso(world, -1.5 * DAY)}&until={iso(world, -0.5 * DAY)}"
    assert found(get(f"/live?{middle}")) == ["m4", "m3"]
    assert found(get(f"/live?{middle}&person=bo")) == []
    assert found(get(f"/live?until={iso(world, -1.5 * DAY)}")) == ["m2", "m1"]


def test_a_time_that_is_none_says_what_was_expected(world):
    answer = world.admin.get("/live?since=yesterday")

    assert answer.status_code == 422
    assert "a date such as" in text_of(answer)


def test_the_histogram_counts_what_is_filtered_by_outcome(world):
    whole, bad = text_of(world.admin.get("/live")), text_of(world.admin.get("/live?state=dead"))

    assert "5 events: 2 delivered 2 not taken 1 waiting" in whole
    assert "2 events: 2 not taken" in bad
    assert "1 event: 1 delivered" in text_of(world.admin.get("/live?message_id=m1"))
    assert "2 events: 1 delivered 1 waiting" in text_of(world.admin.get("/live?person=bo"))


def test_every_bar_leads_to_what_came_in_its_time(world):
    page = world.admin.get("/live?state=dead").text
    [link] = {html.unescape(each) for each in re.findall(r'<a href="([^"]+)">only these</a>', page)}

    assert "state=dead" in link
    assert found(world.admin.get(link)) == ["m4", "m3"]


@pytest.mark.parametrize(
    ("state", "names"),
    [("waiting", ["m5"]), ("dead", ["m4", "m3"]), ("delivered", ["m2", "m1"]), ("parked", []), ("erased", [])],
)
def test_every_way_an_event_may_stand_is_in_the_filter(world, state, names):
    assert f'<option value="{state}"' in world.admin.get("/live").text
    assert found(world.admin.get(f"/live?state={state}")) == names


def test_people_and_accounts_are_links_also_in_other_columns(world):
    page = world.admin.get("/live").text

    assert 'href="/people?destination=custify&amp;person=ana">ana</a>' in page
    assert 'href="/accounts?destination=custify&amp;company=acme">acme</a>' in page


def test_columns_are_kept_in_the_address_and_by_the_browser(world):
    visitor = other_browser(world)
    head = re.compile(r'<th scope="col">([^<]+)</th>(?!.*only these)', re.DOTALL)

    chosen = visitor.get("/live?choose=1&column=received&column=message_id&column=nonsense")
    assert head.findall(chosen.text)[-3:] == ["Received", "Event", "messageId"]
    assert head.findall(visitor.get("/live").text)[-3:] == ["Received", "Event", "messageId"], "this browser remembers"
    assert head.findall(world.admin.get("/live").text)[-2:] == ["Outcome", "Why"], "another one does not"
    given = visitor.get("/live?column=account")
    assert head.findall(given.text)[-2:] == ["Event", "Account"]
    assert "penstock_columns" not in given.headers.get("set-cookie", ""), "who opens an address keeps their own"


def test_a_view_is_saved_under_a_name_and_its_owner_alone_sees_it(world):
    other = world.visitor(Role.OPERATOR)
    admin = world.admin
    admin.post("/live/views", name="<b>silent", query="state=dead&company=a%26b")

    page = admin.get("/live").text
    assert '<a href="/live?state=dead&amp;company=a%26b">&lt;b&gt;silent</a>' in page
    assert "silent" not in other.get("/live").text
    admin.post("/live/views", name="<b>silent", query="state=waiting")
    assert "state=dead&amp;company" not in admin.get("/live").text, "the same name is the same view"
    other.post("/live/views/remove", name="<b>silent")
    assert "silent" in admin.get("/live").text
    admin.post("/live/views/remove", name="<b>silent")
    admin.get("/live")
    assert "silent" not in admin.get("/live").text


@pytest.mark.parametrize(
    "given", [{"name": ""}, {"name": "x" * 61}, {"name": "a\tb"}, {"name": "x", "query": "a" * 3_000}]
)
def test_a_view_has_a_name_and_an_address_of_some_length(world, given):
    assert world.admin.post("/live/views", **({"query": "state=dead"} | given)).status_code == 422


def test_there_are_so_many_views_at_most(world):
    visitor = world.visitor(Role.OPERATOR)
    answers = [visitor.post("/live/views", name=f"v{n}", query="").status_code for n in range(51)]

    assert answers == [303] * 50 + [422]
    assert visitor.post("/live/views", name="v7", query="state=dead").status_code == 303


def test_the_address_of_a_view_can_be_copied_and_leads_to_it(world):
    page = other_browser(world).get("/live?choose=1&column=why&state=dead&before=4").text
    address = html.unescape(re.search(r'<pre id="address"><code>([^<]+)</code>', page)[1])

    assert address == "http://testserver/live?column=why&state=dead"


def rows(answer) -> list[dict[str, str]]:
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("path", ["/live/export", "/api/v1/events/export"])
def test_all_that_is_filtered_comes_as_a_table_or_as_lines(world, path):
    table = world.admin.get(f"{path}?format=csv")
    lines = world.admin.get(f"{path}?format=jsonl&person=bo")

    assert [row["message_id"] for row in rows(table)] == ["m5", "m4", "m3", "m2", "m1"]
    assert tuple(rows(table)[0]) == COLUMNS
    last = rows(table)[-1]
    assert (last["state"], last["company_id"], last["attempts"], last["last_status"]) == (
        "delivered",
        "acme",
        "1",
        "200",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", last["received_at"])
    assert [json.loads(line)["message_id"] for line in lines.text.splitlines()] == ["m5", "m2"]
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert table.headers["cache-control"] == "no-store"
    name = r'attachment; filename="events-custify-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.csv"'
    assert re.fullmatch(name, table.headers["content-disposition"])


def test_no_cell_of_the_table_is_a_formula(world):
    dead = {row["message_id"]: row for row in rows(world.admin.get("/live/export?state=dead"))}

    assert dead["m4"]["event"] == '\'=HYPERLINK("http://x")'
    assert dead["m4"]["reason"] == "'-1+2"


def test_a_file_has_what_its_reader_may_see_and_is_noted_as_a_look(world):
    plain = world.reader.settings
    world.reader.settings = world.masking("all")
    viewer = world.visitor(Role.VIEWER)
    for kind in ("csv", "jsonl"):
        for path in ("/live/export", "/api/v1/events/export"):
            assert "ana" not in viewer.get(f"{path}?format={kind}").text
    assert world.visitor(Role.CS).get("/live/export").status_code == 403
    world.reader.settings = plain
    world.admin.get("/live/export")
    world.access.audit.flush()
    assert "saw events, as a file" in world.admin.get("/activity/look").text


def test_a_file_of_another_kind_is_refused(world):
    assert world.admin.get("/live/export?format=xlsx").status_code == 422
    assert world.admin.get("/api/v1/events/export?format=xlsx").status_code == 400
    assert world.admin.get("/api/v1/events?since=soon").status_code == 400


def test_the_api_takes_times_as_dates_and_as_seconds(world):
    since = world.clock.now() - DAY / 2

    for text in (str(since), iso(world, -DAY / 2)):
        answer = world.admin.get(f"/api/v1/events?since={text}").json()
        assert [event["message_id"] for event in answer["events"]] == ["m5"]


def test_the_mapping_has_the_same_figures_on_its_page_and_in_the_api(world):
    answer = world.admin.get("/api/v1/destinations/custify/mapping?range=24 h").json()
    rates = {use["field"]: (use["filled"], use["calls"]) for use in answer["fields"] if use["path"] == "/event"}
    page = text_of(world.admin.get("/mapping/custify?range=24+h"))

    assert (answer["range"], answer["looked_at"], answer["is_whole"]) == ("24 h", 3, True)
    assert rates["name"] == (3, 3)
    assert "3 events" in page
    assert world.admin.get("/api/v1/destinations/custify/mapping?range=7 d").json()["looked_at"] == 5
    assert world.admin.get("/api/v1/destinations/custify/mapping?range=1 y").status_code == 400
