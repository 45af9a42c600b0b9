"""Two write keys of a source are taken while applications change over, and each says when it was used last."""

import base64
import html
import re

import pytest
from click.testing import CliRunner

from accept_client import Client
from dashboard_world import World
from penstock.accept.sources import Sources
from penstock.buffer.port.control import Role, User
from penstock.cli import penstock
from penstock.settings import Source

BOTH = {"web": Source(name="web", write_key="new-key", old_write_key="old-key")}


def auth(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def text_of(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.mark.asyncio
async def test_both_keys_are_taken_and_each_use_is_known_to_the_minute():
    client = Client()
    client.gateway.sources.replace(BOTH)
    await client("POST", "/v1/identify", b'{"userId":"ana"}', auth("old-key"))
    old = client.gateway.facts()["keys"]
    client.clock.advance(3 * 60)
    for _ in range(2):
        await client("POST", "/v1/identify", b'{"userId":"ana"}', auth("new-key"))
    both = client.gateway.facts()["keys"]

    assert len(old) == 1
    assert len(both) == 2
    [(digest, at)] = old.items()
    assert both[digest] == at
    assert max(both.values()) - at == 180
    assert at % 60 == 0


def test_nothing_that_is_written_tells_a_key():
    sources = Sources(BOTH)
    sources.find("old-key")

    assert "old-key" not in str(sources.uses(0.0))


def test_a_second_use_in_the_same_minute_changes_nothing_that_is_written():
    sources = Sources(BOTH)
    sources.find("new-key")
    first = dict(sources.uses(120.0))
    sources.find("new-key")

    assert sources.uses(179.9) == first
    sources.find("new-key")
    assert sources.uses(180.0) != first


def test_a_key_that_nobody_has_is_no_use_and_one_that_was_ended_is_forgotten():
    sources = Sources(BOTH)
    sources.find("a-key-of-nobody")
    assert sources.uses(60.0) == {}
    sources.find("old-key")
    assert len(sources.uses(60.0)) == 1

    sources.replace({"web": Source(name="web", write_key="new-key")})
    assert sources.uses(60.0) == {}


@pytest.mark.parametrize("left", [None, [], {"x": "yesterday"}, "text"])
def test_what_a_process_left_is_remembered_by_the_next_whatever_it_is(left):
    before, after = Sources(BOTH), Sources(BOTH)
    before.find("old-key")
    uses = dict(before.uses(600.0))
    after.remember(left)
    assert after.uses(1_200.0) == {}

    after.remember(uses)
    assert after.uses(1_200.0) == uses


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def use(world, key: str) -> None:
    """Let a key be used now, as ingest says it."""
    sources = Sources(world.desk.settings().sources)
    sources.remember(world.snapshots.read("accept").get("keys"))
    sources.find(key)
    world.snapshots.write("accept", {"keys": sources.uses(world.clock.now())})


def test_the_page_of_a_source_says_of_each_key_when_it_was_used_last(world):
    admin = world.set_up()
    assert "not used yet" in text_of(admin.get("/sources/web"))

    use(world, world.desk.settings().sources["web"].write_key)
    admin.post("/sources/web/rotate")
    world.clock.advance(3_600)
    page = text_of(admin.get("/sources/web"))
    assert re.search(r"In use \S+ Copy not used yet Old, still taken \S+ Copy last used 60 min ago", page)

    admin.post("/sources/web/end-old-key")
    assert "Old, still taken" not in text_of(admin.get("/sources/web"))


def test_who_may_not_see_keys_sees_when_they_were_used(world):
    world.set_up()
    key = world.desk.settings().sources["web"].write_key
    use(world, key)
    page = world.visitor(Role.VIEWER).get("/sources/web")

    assert "last used" in text_of(page)
    assert key not in page.text


def test_the_api_and_the_command_line_say_it_too(world, monkeypatch):
    admin = world.set_up()
    use(world, world.desk.settings().sources["web"].write_key)
    admin.post("/sources/web/rotate")
    token = world.access.issue_token(User(name="admin", role=Role.ADMIN), "t")
    client = world.client(headers={"Authorization": f"Bearer {token}"})

    [source] = client.get("/api/v1/sources").json()["sources"]
    assert source["keys"]["write_key"] is None
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:00\.000Z", source["keys"]["old_write_key"])

    monkeypatch.setattr("penstock.run.wiring.status_reader", lambda _: world.reader)
    monkeypatch.setattr("penstock.cli.status.settings_to_look_with", lambda _: world.reader.settings)
    said = CliRunner().invoke(penstock, ["status"]).output
    assert (
        "web: two keys are taken: the key was last used never, as far as is written down, the old key was last used 2"
        in said
    )
