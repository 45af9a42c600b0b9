"""`penstock explain`, as a person meets it: what it prints, and how it ends."""

import json

import pytest
from click.testing import CliRunner

from contract.worlds import SqliteWorld
from penstock.buffer.port.backlog import Ending
from penstock.buffer.port.outcomes import Attempt, Outcome
from penstock.cli import penstock
from penstock.event import Event, MessageId

IDENTIFY = {"type": "identify", "userId": "ana", "messageId": "m1", "traits": {"plan": "Pro", "tags": ["a"]}}
REFUSED = Attempt(at=1_700_000_001.0, method="POST", path="/people", status=422, answer="no such plan", duration_ms=12)
SETTINGS = """
data_dir = "{data}"
[sources.web]
write_key = "w"
[sources.shop]
write_key = "s"
[destinations.custify]
api_key = "k"
[destinations.older]
api_key = "k"
mapping = "rudderstack"
[[connections]]
from = "web"
to = "custify"
[[connections]]
from = "web"
to = "older"
[[connections]]
from = "shop"
to = "older"
"""
HERE = ("--destination", "custify")


def event(name, user="ana", source="web", **fields):
    body = {"messageId": name, "userId": user, "timestamp": "2024-05-06T07:08:09.000Z", **fields}
    return Event(
        source=source,
        message_id=MessageId(name),
        type=fields.get("type", "identify"),
        user_id=user,
        anonymous_id="",
        company_id="",
        received_at_ms=1_700_000_000_000,
        request_ip="127.0.0.1",
        body=json.dumps(body).encode(),
    )


@pytest.fixture
async def world(tmp_path):
    (tmp_path / "penstock.toml").write_text(SETTINGS.format(data=tmp_path))
    world = await SqliteWorld(tmp_path).open()
    yield world
    await world.close()


async def settle(world, outcome, **facts):
    [lease] = await world.lease(1)
    await world.backlog.settle(Ending(lease=lease, outcome=outcome, **facts))


def explain(*arguments, stdin=None, world=None):
    config = ("--config", str(world.folder / "penstock.toml")) if world else ()
    return CliRunner().invoke(penstock, ["explain", *config, *arguments], input=stdin)


def test_a_file_is_explained_without_a_server(tmp_path):
    (tmp_path / "event.json").write_text(json.dumps(IDENTIFY))

    said = explain("--file", str(tmp_path / "event.json"))

    assert said.exit_code == 0
    lines = [" ".join(line.split()) for line in said.stdout.splitlines()]
    assert lines[0] == "POST /people"
    assert 'custom_attributes.plan "Pro" traits.plan sent as it is' in lines
    assert 'traits.tags[0] "a" it is inside traits.tags, an array; only single values are sent from there' in lines


def test_the_event_can_come_from_standard_input_and_go_out_as_json():
    facts = json.loads(explain("--file", "-", "--nested", "json", "--json", stdin=json.dumps(IDENTIFY)).stdout)

    assert facts["calls"][0]["body"]["custom_attributes"] == {"plan": "Pro", "tags": '["a"]'}
    assert {"call": 0, "field": "custom_attributes.tags", "reason": "json"}.items() <= next(
        line for line in facts["lines"] if line["source"] == "traits.tags[0]"
    ).items()


@pytest.mark.parametrize(
    ("options", "event", "expected"),
    [
        (["--mapping", "rudderstack"], IDENTIFY, "it is inside traits.tags, an array"),
        (["--anonymous-fallback"], {"type": "identify", "anonymousId": "a1"}, "user_id"),
        ([], {"type": "page", "userId": "ana"}, "nothing is sent: page is not sent: page_views is off"),
        (["--page-views"], {"type": "page", "userId": "ana", "name": "Home"}, '"Viewed Home Page"'),
    ],
)
def test_the_event_is_read_as_the_options_say(options, event, expected):
    assert expected in explain("--file", "-", *options, stdin=json.dumps(event)).stdout


def test_a_terminal_never_obeys_an_event():
    hostile = "\x1b]0;owned\x07\x9b31m\u202etxt"
    event = IDENTIFY | {"userId": hostile, hostile: hostile, "traits": {hostile: hostile * 10_000, "tags": [hostile]}}

    for said in (explain("--file", "-", stdin=json.dumps(event)), explain("--file", "-", stdin=f'"{hostile}')):
        assert not [char for char in said.output if not char.isprintable() and char != "\n"]
        assert max(map(len, said.output.splitlines())) < 400


@pytest.mark.parametrize("body", ["", "not json", '{"a":1}\n{"b":2}', "[" * 100_000])
def test_a_file_that_is_not_one_event_is_refused(body):
    said = explain("--file", "-", stdin=body)

    assert (said.exit_code, said.stdout) == (1, "")
    assert "not one event as JSON" in said.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["m1", "--file", "-"],
        ["--person", "ana"],
        ["--field", "plan"],
        ["m1", "--mapping", "rudderstack"],
        ["--file", "/no/such/file"],
        ["m1", "--destination", "nowhere"],
    ],
)
async def test_a_question_that_is_none_ends_with_2(world, arguments):
    assert explain(*arguments, world=world).exit_code == 2


def test_without_a_destination_nothing_stored_can_be_explained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert explain("m1").exit_code == 2


async def test_a_stored_event_is_explained_for_each_destination_with_its_attempts(world):
    await world.append(event("m1", traits={"plan": "Pro", "email": None}))
    await settle(world, Outcome.DEAD, reason="Custify refused it", attempts=[REFUSED])

    said = explain("m1", world=world)

    assert said.exit_code == 0
    assert "custify (custify/1): identify m1 from web, received 2023-11-14T22:13:20.000Z\n" in said.stdout
    assert ": Custify refused it\n" in said.stdout
    assert "attempt 1: 2023-11-14T22:13:21.000Z  POST /people  422  12 ms  no such plan\n" in said.stdout
    assert "set when it was accepted: type, request_ip, receivedAt\n" in said.stdout
    assert "older (rudderstack): identify m1" in said.stdout


async def test_a_stored_event_as_json_holds_the_same(world):
    await world.append(event("m1", traits={"plan": "Pro"}))
    await settle(world, Outcome.DELIVERED)

    [told] = json.loads(explain("m1", "--json", "--destination", "custify", world=world).stdout)["destinations"]

    assert (told["destination"], told["message_id"], told["state"]) == ("custify", "m1", "delivered")
    assert told["explanation"]["calls"][0]["body"]["custom_attributes"] == {"plan": "Pro"}


async def test_an_event_that_was_not_stored_or_goes_elsewhere_is_not_found(world):
    await world.append(event("m1", source="shop"))

    assert explain("m2", world=world).exit_code == 1
    assert explain("m1", "--destination", "custify", world=world).exit_code == 1
    assert explain("m1", "--destination", "older", world=world).exit_code == 0


async def test_the_event_that_last_set_a_field_is_named_and_those_that_did_not_arrive(world):
    await world.append(event("m1", traits={"plan": "Free"}), event("m2", traits={"plan": "Pro"}))
    await settle(world, Outcome.DELIVERED)
    await settle(world, Outcome.DELIVERED)
    await world.append(
        event("m3", traits={"phone": "5"}),
        event("m4", "bo", traits={"plan": "Other"}),
        event("m5", traits={"plan": "Max"}),
    )
    await settle(world, Outcome.DELIVERED)

    said = explain("--person", "ana", "--field", "plan", *HERE, world=world)

    assert said.exit_code == 0
    assert said.stdout.startswith("not (yet) at custify: identify m5 from web")
    assert "plan of ana at custify was last set by identify m2 from web" in said.stdout
    assert said.stdout.split("\n")[-2].split() == [
        "custom_attributes.plan",
        '"Pro"',
        "traits.plan",
        *["sent", "as", "it", "is"],
    ]


async def test_a_person_is_found_by_their_email_too_and_a_field_by_its_whole_name(world):
    await world.append(event("m1", traits={"email": "ana@example.com", "sessionCount": "3"}))
    await settle(world, Outcome.NO_OP)

    for field in ("session_count", "email"):
        told = json.loads(explain("--person", "ana@example.com", "--field", field, "--json", *HERE, world=world).stdout)
        assert told["set_by"]["message_id"] == "m1"
        assert [line["field"] for line in told["lines"]] == [field]


async def test_the_company_a_person_belongs_to_comes_from_a_group_call(world):
    await world.append(event("m1", type="group", groupId="acme"))
    await settle(world, Outcome.DELIVERED)

    told = json.loads(explain("--person", "ana", "--field", "companies", "--json", *HERE, world=world).stdout)

    assert [(line["field"], line["source"]) for line in told["lines"]] == [
        ("companies[0].company_id", "groupId"),
        ("companies[0].remove", None),
    ]


async def test_a_field_that_was_never_set_ends_with_1_and_says_how_far_it_looked(world):
    await world.append(event("m1", traits={"plan": "Pro"}), *(event(f"n{n}") for n in range(5)))
    for _ in range(6):
        await settle(world, Outcome.DELIVERED)

    said = explain("--person", "ana", "--field", "plan", "--newest", "5", *HERE, world=world)

    assert (said.exit_code, said.stdout) == (1, "plan of ana at custify: none of the newest 5 events set it\n")
    assert explain("--person", "ana", "--field", "plan", "--newest", "6", *HERE, world=world).exit_code == 0


def test_an_event_with_very_many_values_is_explained_page_by_page():
    event = json.dumps(IDENTIFY | {"traits": {f"k{n}": n for n in range(3_000)}})

    first, second = (explain("--file", "-", *more, stdin=event).stdout for more in ((), ("--from", "200")))

    assert "the most telling ones first" in first
    assert "the rest: --from 200" in first
    assert "the rest: --from 400" in second
    assert "traits.k0" in first
    assert "traits.k0" not in second
    assert max(len(first), len(second)) < 60_000
