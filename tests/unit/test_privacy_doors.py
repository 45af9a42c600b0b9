"""Who may ask to suppress, erase and export, by which door, and what each door answers."""

import asyncio
import dataclasses
import json
import re

import msgspec
import pytest
from click.testing import CliRunner

from dashboard_world import World
from penstock.buffer.port.control import Role, User
from penstock.buffer.port.traces import Removal
from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
from penstock.buffer.sqlite.log.log import SqliteLog
from penstock.cli import penstock
from penstock.destinations.erasure import Erased
from penstock.erasing.eraser import Eraser
from penstock.inspect.metrics import render_metrics
from penstock.privacy.errands import Errands, follow
from penstock.privacy.receipt import why_not
from penstock.privacy.requests import late_in_words

ANN = {
    "type": "identify",
    "messageId": "m1",
    "userId": "ann-of-acme",
    "traits": {"email": "ann@example.com", "name": "Ann"},
}
BOB = {"type": "track", "messageId": "m2", "userId": "bob", "event": "Seen", "properties": {"by": "ann@example.com"}}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.set_up()
    world.reader.settings = world.desk.settings()
    world.receive(ANN, BOB)
    world.settle()
    return world


def client(world: World, role: Role = Role.ADMIN, name: str = ""):
    user = User(name=name or f"by-{role}", role=role, password_hash="x")
    world.access.users.put_user(user)
    return world.client(headers={"Authorization": f"Bearer {world.access.issue_token(user, 'test')}"})


def bring_to_its_end(world: World) -> None:
    """Let everybody do their part, until nothing is open."""

    async def run() -> None:
        log = SqliteLog(world.folder, clock=world.clock, disk_free_bytes_min=0, waiting_events_max=10**9)
        store, errands = DeliveryStore(world.folder, clock=world.clock), Errands(world.folder, vault=world.desk.vault)
        await log.open()
        await store.open()

        async def gone(_: frozenset[str]) -> Erased:
            return Erased(1, "Custify was read back 1 times and finds none of them")

        eraser = Eraser(
            world.privacy.asking,
            errands=errands,
            searching=world.privacy.searching,
            destinations=lambda: {"custify": gone},
            seal=world.privacy.seal,
            clock=world.clock,
            facts=dict,
        )
        for _ in range(20):
            world.clock.advance(1.0)
            await eraser.step()
            await follow(errands, "accept", Removal, log.remove)
            await follow(errands, "deliver", Removal, store.remove)
        await log.close()
        await store.close()

    asyncio.run(run())


def test_an_erasure_is_asked_for_by_the_dashboard_seen_before_and_proved_after(world):
    admin = world.visitor(Role.ADMIN)

    shown = admin.post("/privacy/preview", user_id="ann-of-acme", anonymous_id="", email="", company_id="").text
    assert "found to be the same: email:ann@example.com" in shown
    assert "events.db: 1 events" in shown
    assert "1 events of other people name them somewhere, and stay" in shown
    assert not list(world.folder.glob("privacy/request-*"))

    answer = admin.post("/privacy/erase", user_id="ann-of-acme")
    page = answer.headers["location"]
    assert "open" in admin.get(page).text
    bring_to_its_end(world)

    text = admin.get(page).text
    assert "Receipt of an erasure" in text
    said = re.sub(r"<code>.*?</code>", "", text, flags=re.DOTALL)  # digests and the signature may have any letters
    assert "ann" not in said.lower().replace("cannot", "").replace("channel", "")
    receipt = admin.get(f"{page}/receipt").json()
    assert why_not(receipt, world.privacy.seal.public_key()) == ""
    assert receipt["receipt"]["removed"]["events"] == 1
    assert "ann" not in json.dumps(receipt["receipt"]["who"])
    shown = admin.post("/privacy/preview", user_id="ann-of-acme").text
    assert "Nothing is held here" in shown


def test_a_receipt_that_was_changed_does_not_verify(world, tmp_path):
    world.privacy.asking.erase(frozenset({"user:ann-of-acme"}), world.reader.settings, by="root")
    bring_to_its_end(world)
    receipt = world.privacy.asking.requests.receipt_of("000001")
    toml = tmp_path / "penstock.toml"
    toml.write_text(f'data_dir = "{world.folder}"\n')
    assert CliRunner().invoke(penstock, ["verify", str(receipt), "--config", str(toml)]).exit_code == 0

    changed = json.loads(receipt.read_text())
    changed["receipt"]["removed"]["events"] += 1
    for text in (json.dumps(changed), "{}", "no JSON"):
        (tmp_path / "changed.json").write_text(text)
        assert (
            CliRunner().invoke(penstock, ["verify", str(tmp_path / "changed.json"), "--config", str(toml)]).exit_code
            == 1
        )


def test_what_is_exported_is_what_an_erasure_finds_and_afterwards_nothing(world, tmp_path):
    toml, out = tmp_path / "penstock.toml", tmp_path.parent / f"{tmp_path.name}-ann.json"
    toml.write_text(f'data_dir = "{world.folder}"\n')
    asked = [str(out), "--email", "Ann@Example.com", "--config", str(toml)]

    assert CliRunner().invoke(penstock, ["person", *asked]).exit_code == 0

    held = json.loads(out.read_text())
    assert held["names"] == ["email:ann@example.com", "user:ann-of-acme"]
    [event] = held["events"]
    assert event["call"] == ANN
    assert event["destinations"]["custify"]["state"] == "delivered"
    assert out.stat().st_mode & 0o077 == 0
    found = client(world).post("/api/v1/privacy/preview", json={"email": ["ann@example.com"]}).json()
    assert found["stores"] == held["counts"]

    world.privacy.asking.erase(frozenset({"email:ann@example.com"}), world.reader.settings, by="root")
    bring_to_its_end(world)
    out.unlink()
    assert CliRunner().invoke(penstock, ["person", *asked]).exit_code == 1
    assert json.loads(out.read_text())["events"] == []


def test_an_export_does_not_lie_in_the_data_folder_where_it_would_outlive_an_erasure(world, tmp_path):
    toml, inside = tmp_path / "penstock.toml", world.folder / "lists" / "ann.json"
    toml.write_text(f'data_dir = "{world.folder}"\n')
    inside.parent.mkdir()

    done = CliRunner().invoke(penstock, ["person", str(inside), "--user-id", "ann-of-acme", "--config", str(toml)])

    assert done.exit_code != 0
    assert "outside of the data folder" in str(done.exception)
    assert not inside.exists()


def test_copies_that_lie_in_the_data_folder_are_named_in_the_receipt(world):
    for name in ("replaced-1", "backups/monday"):
        (world.folder / name).mkdir(parents=True)
        (world.folder / name / "events.db").write_bytes(b"")
    request = world.privacy.asking.erase(frozenset({"user:ann-of-acme"}), world.reader.settings, by="root")
    bring_to_its_end(world)

    left = world.privacy.receipt(request.number)["receipt"]["left"]
    assert "2 copies in the data folder (of a restore, a repair or a backup) were not looked through" in left


def test_nobody_but_an_administrator_asks(world):
    for role in (Role.OPERATOR, Role.VIEWER, Role.CS):
        visitor, program = world.visitor(role), client(world, role)
        assert visitor.get("/privacy").status_code == 403
        assert visitor.post("/privacy/erase", user_id="bob").status_code == 403
        assert program.post("/api/v1/privacy/erase", json={"user_id": ["bob"]}).status_code == 403
        assert program.post("/v2/regulations", json={"regulationType": "suppress", "users": []}).status_code == 403
    stranger = world.client()
    assert stranger.post("/v2/regulations", json={}).status_code == 401
    assert stranger.post("/regulations", json={}).status_code == 401
    assert not world.privacy.requests()


def test_with_four_eyes_an_erasure_begins_once_another_administrator_agrees(world):
    world.reader.settings = dataclasses.replace(world.reader.settings, erasure_needs_approval=True)
    one, other = client(world, name="one"), client(world, name="other")

    asked = one.post("/api/v1/privacy/erase", json={"user_id": ["ann-of-acme"]}).json()["request"]
    assert asked["state"] == "proposed"
    bring_to_its_end(world)
    assert not world.privacy.asking.people.has("user:ann-of-acme")
    path = f"/api/v1/privacy/requests/{asked['number']}"
    assert one.post(f"{path}/approve", json={}).status_code == 422

    assert other.post(f"{path}/approve", json={}).json()["request"]["approved_by"] == "other"
    bring_to_its_end(world)
    assert one.get(path).json()["request"]["state"] == "done"
    assert one.get(f"{path}/receipt").json()["receipt"]["approved_by"] == "other"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 422),
        ({"user_id": ["null"]}, 422),
        ({"user_id": [" "]}, 422),
        ({"email": ["nobody"]}, 422),
        ({"name": ["x"]}, 422),
    ],
)
def test_what_is_shared_placeholder_is_refused_and_nothing_happens(world, given, status):
    for verb in ("erase", "suppress", "preview", "person"):
        assert client(world).post(f"/api/v1/privacy/{verb}", json=given).status_code == status
    assert not world.privacy.requests()


def test_a_suppression_is_taken_back(world):
    admin = client(world)
    asked = admin.post("/api/v1/privacy/suppress", json={"user_id": ["bob"]}).json()["request"]
    assert asked["state"] == "done"
    assert world.privacy.asking.people.has("user:bob")

    taken = admin.post(f"/api/v1/privacy/requests/{asked['number']}/cancel", json={}).json()["request"]

    assert taken["state"] == "released"
    assert not world.privacy.asking.people.has("user:bob")


def test_tools_that_speak_rudderstacks_regulations_work_unchanged(world):
    admin = client(world)
    body = {
        "regulationType": "suppress_with_delete",
        "users": [{"userId": "ann-of-acme", "phone": "+49"}, {"userId": "cy"}],
    }

    answer = admin.post("/v2/regulations", json=body)

    assert answer.status_code == 201
    first, second = answer.json()
    assert (first["regulationType"], first["canceled"], first["attributes"]) == (
        "suppress_with_delete",
        False,
        body["users"][0],
    )
    assert {each["id"] for each in admin.get("/v2/regulations").json()["data"]} == {first["id"], second["id"]}
    only = admin.post("/v1/regulations", json={"regulationType": "suppress", "users": [{"userId": "dee"}]}).json()
    assert admin.delete(f"/v2/regulations/{only[0]['id']}").json()["canceled"] is True
    for wrong in (
        {"regulationType": "forget"},
        {"sourceIds": ["web"]},
        {"destinationIds": ["x"]},
        {"users": [{"email": "a@b.c"}]},
    ):
        assert admin.post("/v2/regulations", json=body | wrong).status_code == 422
    assert len(world.privacy.requests()) == 3


def test_tools_that_speak_segments_regulations_work_unchanged(world):
    admin = client(world)
    body = {"regulationType": "SUPPRESS_WITH_DELETE", "subjectType": "USER_ID", "subjectIds": ["ann-of-acme", "cy"]}

    id_ = admin.post("/regulations", json=body).json()["data"]["regulateId"]

    assert admin.get(f"/regulations/{id_}").json()["data"]["regulation"]["overallStatus"] == "RUNNING"
    bring_to_its_end(world)
    assert admin.get(f"/regulations/{id_}").json()["data"]["regulation"]["overallStatus"] == "FINISHED"
    assert admin.post("/regulations", json=body | {"subjectType": "OBJECT_ID"}).status_code == 422


def test_the_command_line_shows_first_and_asks(world, tmp_path):
    toml = tmp_path / "penstock.toml"
    toml.write_text(f'data_dir = "{world.folder}"\n')
    who = ["--user-id", "ann-of-acme", "--config", str(toml)]

    shown = CliRunner().invoke(penstock, ["erase", *who, "--dry-run"])
    assert "found to be the same: email:ann@example.com" in shown.output
    assert CliRunner().invoke(penstock, ["erase", *who], input="n\n").exit_code == 1
    assert not world.privacy.requests()

    assert CliRunner().invoke(penstock, ["erase", *who, "--yes"]).exit_code == 0
    listed = CliRunner().invoke(penstock, ["erase", "--list", "--json", "--config", str(toml)]).output
    assert json.loads(listed)["state"] == "open"
    assert "ann" not in listed
    assert CliRunner().invoke(penstock, ["suppress", "--user-id", "0", "--config", str(toml)]).exit_code != 0


def test_a_request_on_the_disk_names_no_person(world):
    world.privacy.asking.erase(
        frozenset({"user:ann-of-acme", "email:ann@example.com"}), world.reader.settings, by="root"
    )

    for path in (world.folder / "privacy").rglob("*"):
        assert path.is_dir() or b"ann" not in path.read_bytes()
    assert msgspec.json.decode((world.folder / "privacy" / "request-000001.json").read_bytes())["state"] == "open"


def test_an_erasure_past_its_deadline_is_a_notice_and_a_figure(world):
    world.privacy.asking.erase(frozenset({"user:ann-of-acme"}), world.reader.settings, by="root")
    requests = world.privacy.asking.requests
    world.reader.late_erasures = lambda: late_in_words(requests)
    assert b"penstock_erasures_late 0.0" in render_metrics(reader=world.reader, snapshots=world.reader.snapshots)

    world.clock.advance(31 * 86_400.0)

    assert "erasure 000001 is past its deadline: it is open; see the page Privacy" in world.reader.read().notices
    assert b"penstock_erasures_late 1.0" in render_metrics(reader=world.reader, snapshots=world.reader.snapshots)


def test_a_check_of_the_status_names_an_erasure_that_is_late(world, tmp_path):
    toml = tmp_path / "penstock.toml"
    toml.write_text(f'data_dir = "{world.folder}"\n')
    world.privacy.asking.erase(frozenset({"user:ann-of-acme"}), world.reader.settings, by="root")

    checked = CliRunner().invoke(penstock, ["status", "--check", "--config", str(toml)])

    # By the machine's clock the request of this world is years old.
    assert checked.exit_code == 1
    assert "erasure 000001 is past its deadline" in checked.output.replace("Erasure", "erasure")


def test_an_id_that_the_settings_call_a_placeholder_leads_from_nobody_to_nobody(world):
    """Everybody who tried the demo has its user id; the address of one of them must not take all the others along."""
    admin = world.visitor(Role.ADMIN)
    tried = (
        {"type": "identify", "userId": "demo-user", "traits": {"email": f"{who}@x.io"}, "messageId": who}
        for who in "ab"
    )
    world.receive(*tried, {"type": "track", "userId": "demo-user", "event": "Tried", "messageId": "c"})
    alone = {
        "type": "identify",
        "userId": "demo-user",
        "traits": {"email": "cy@x.io"},
        "anonymousId": "v1",
        "messageId": "d",
    }
    world.receive(alone)
    world.reader.settings = dataclasses.replace(world.reader.settings, placeholder_ids=("Demo-User",))

    shown = admin.post("/privacy/preview", email="cy@x.io").text
    assert "demo-user" not in shown
    assert "events.db: 1 events" in shown
    refused = admin.post("/privacy/preview", user_id="demo-user")
    assert refused.status_code == 422
    assert "those of placeholder_ids" in refused.text


def test_an_id_that_is_a_placeholder_by_default_is_refused_also_where_the_setting_leaves_it_out(world):
    """Nothing would be found by it, and nobody is told that nothing is held."""
    world.reader.settings = dataclasses.replace(world.reader.settings, placeholder_ids=())

    assert world.visitor(Role.ADMIN).post("/privacy/preview", user_id="guest").status_code == 422
