"""The page about alerts: what is wrong, who is told, what was sent; channels are added, tested, muted and removed there."""

import json
import re

import pytest

from dashboard_world import World, form_of
from penstock.buffer.port.control import Role
from penstock.settings import ALERT_RULES, load
from penstock.settings.revisions import toml_of

SLACK = "https://hooks.slack.com/services/T1/B2/secret-token"


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.admin = world.set_up()
    return world


def add(world, type_: str, **fields: str):
    action = f"/alerts/new/{type_}"
    return world.admin.post(action, **(form_of(world.admin.get(action).text, action) | fields))


def mailed(world, **fields: str):
    usual = {"name": "ops", "to": "ops@example.com", "sender": "p@example.com", "server": "smtp.example.com:587"}
    return add(world, "email", **usual | fields)


def wrong(world) -> None:
    """Let the alarm find that no process of Penstock runs, and tell it."""
    world.alarm.look()
    world.clock.advance(70)
    world.alarm.look()


def test_nobody_is_told_before_a_channel_is_set(world):
    page = world.admin.get("/alerts").text

    assert "No one is told when something is wrong" in page
    assert "Nothing is wrong now" in page


def test_a_channel_of_each_kind_is_added_in_the_browser(world):
    assert mailed(world, secret="mail-password", user="penstock").status_code == 303
    assert add(world, "webhook", name="pager", url="https://hooks.example.com/p").status_code == 303
    assert add(world, "service", name="chat", secret=SLACK).status_code == 303

    page = world.admin.get("/alerts").text
    for text in ("ops@example.com", "https://hooks.example.com", "Slack, Teams and others", "everything"):
        assert text in page
    every = page + "".join(world.admin.get(f"/alerts/channels/{name}").text for name in ("ops", "pager", "chat"))
    assert "mail-password" not in every
    assert "secret-token" not in every
    assert "alert channel chat added" in world.admin.get("/activity").text


def test_a_channel_of_the_file_shows_whom_it_tells_and_of_what(world):
    table = {
        "type": "email",
        "to": ["ops@example.com"],
        "sender": "p@example.com",
        "server": "127.0.0.1:9",
        "security": "none",
    }
    path = world.folder / "penstock.toml"
    path.write_text("[alerts.ops]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()))
    world.desk.load = lambda document: load(path, world.environ, dashboard=document)
    world.reader.settings = world.desk.settings()

    page = world.admin.get("/alerts/channels/ops").text
    assert "read-only here" in page
    assert "<dd>ops@example.com</dd>" in page
    assert "<dd>everything</dd>" in page


def test_what_cannot_work_is_refused_with_a_sentence(world):
    answer = mailed(world, server="10.0.0.5:25")

    assert answer.status_code == 422
    assert "a mail server of the internet" in answer.text
    assert world.desk.settings().alerts == {}


def test_rules_are_chosen_and_a_secret_that_is_left_empty_stays(world):
    mailed(world, user="u", secret="mail-password")

    world.admin.change("/alerts/channels/ops", **{"rule:disk": "off", "quiet_hours": "22:00-07:00"})

    channel = world.desk.settings().alerts["ops"]
    assert "disk" not in channel.rules
    assert len(channel.rules) == len(ALERT_RULES) - 1
    assert (channel.secret, channel.quiet_hours) == ("mail-password", "22:00-07:00")
    world.admin.change("/alerts/channels/ops", **{"rule:disk": "on"})
    assert world.desk.settings().alerts["ops"].rules == (), "all, also those of a later Penstock"


def test_a_problem_is_shown_muted_and_told_again(world):
    mailed(world)
    wrong(world)

    page = world.admin.get("/alerts").text
    assert "deliver has not started" in page
    assert "told to ops" in page
    form = form_of(page, "/alerts/mute")
    assert world.admin.post("/alerts/mute", **form | {"hours": "8"}).status_code == 303
    assert "Muted for 8 h" in world.admin.get("/alerts").text
    assert "muted: for 8 hours" in world.admin.get("/activity").text
    assert world.admin.post("/alerts/mute", **form | {"hours": "0"}).status_code == 303
    assert "Muted" not in world.admin.get("/alerts").text
    assert world.admin.post("/alerts/mute", **form | {"hours": "9"}).status_code == 422


def test_a_test_waits_in_the_queue_and_on_the_page(world):
    mailed(world)

    world.admin.post("/alerts/channels/ops/test")

    page = world.admin.get("/alerts").text
    assert "a test of ops" in page
    assert "waiting" in page
    assert world.admin.post("/alerts/channels/nobody/test").status_code == 422


def test_a_link_mutes_with_a_click_and_a_confirmation_and_no_sign_in(world):
    mailed(world)
    wrong(world)
    link = world.alarm.book.messages(limit=50)[-1].mute.removeprefix("http://127.0.0.1:8081")
    stranger = world.client("10.9.8.7")

    for _ in range(3):
        asked = stranger.get(link)
    assert asked.status_code == 200
    assert "Mute this problem?" in asked.text
    assert all(each.muted_until == 0 for each in world.alarm.book.memory().episodes.values()), "to look changes nothing"

    assert stranger.post(link, data={"hours": "8"}, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert stranger.post(link, data={"hours": "forever"}).status_code == 404
    done = stranger.post(link, data={"hours": "8"})
    assert done.status_code == 200
    assert "No reminders for 8 hours" in done.text
    muted = [each for each in world.alarm.book.memory().episodes.values() if each.muted_until]
    assert len(muted) == 1
    assert "a holder of a link" in world.admin.get("/activity").text


def test_a_link_that_was_made_up_mutes_nothing_and_says_no_more(world):
    mailed(world)
    wrong(world)
    link = world.alarm.book.messages(limit=1)[0].mute.removeprefix("http://127.0.0.1:8081")

    for made_up in (f"{link[:-3]}AAA", "/alerts/mute/x", "/alerts/mute/AAAA"):
        answer = world.client().get(made_up)
        assert answer.status_code == 404
        assert "deliver" not in answer.text
        assert world.client().post(made_up, data={"hours": "8"}).status_code == 404


@pytest.mark.parametrize(("role", "sees", "changes"), [
    (Role.OPERATOR, 200, 403), (Role.VIEWER, 200, 403), (Role.CS, 403, 403),
])  # fmt: skip
def test_who_may_look_need_not_be_who_may_change(world, role, sees, changes):
    mailed(world)
    visitor = world.visitor(role)

    assert visitor.get("/alerts").status_code == sees
    assert visitor.get("/alerts/new/email").status_code == changes
    assert visitor.post("/alerts/channels/ops/test").status_code == 403
    assert visitor.post("/alerts/channels/ops/remove").status_code == 403


def test_a_viewer_sees_no_address_of_a_person(world):
    mailed(world)
    world.admin.post("/alerts/channels/ops/test")

    page = world.visitor(Role.VIEWER).get("/alerts").text

    assert "ops@example.com" not in page
    assert "(masked)" in page


def test_a_channel_is_removed(world):
    mailed(world)
    form = form_of(world.admin.get("/alerts/channels/ops").text, "/alerts/channels/ops/remove")

    assert world.admin.post("/alerts/channels/ops/remove", **form).status_code == 303
    assert world.desk.settings().alerts == {}


def test_every_rule_is_explained_on_the_page(world):
    page = world.admin.get("/alerts").text

    assert (
        len(
            re.findall(
                r"<dt>(destination|bad events|waiting|silent source|refused|disk|role|store|settings)</dt>", page
            )
        )
        == 9
    )


def test_a_program_is_told_what_is_wrong_and_what_was_sent(world):
    mailed(world)
    wrong(world)

    answer = world.admin.client.get("/api/v1/alerts", params={"limit": 2}, auth=("admin", "file-password")).json()

    assert {each["rule"] for each in answer["alerts"]} == {"role"}
    assert all(each["told"] == ["ops"] and not each["muted"] for each in answer["alerts"])
    assert [each["recipient"] for each in answer["messages"]] == ["ops@example.com"] * 2
    assert answer["next"] == 2
    viewer = world.visitor(Role.VIEWER).get("/api/v1/alerts").text
    assert "ops@example.com" not in viewer


def test_when_rules_speak_is_set_in_the_dashboard_and_what_is_as_by_default_is_not_kept(world):
    admin = world.visitor(Role.ADMIN)
    form = form_of(admin.get("/alerts").text, "/alerts/thresholds")
    assert "Default: 10." in admin.get("/alerts").text

    admin.post("/alerts/thresholds", **form | {"alert_bad_events": "3"})

    assert world.reader.settings.alert_bad_events == 3
    assert world.desk.document()["thresholds"] == {"alert_bad_events": 3}
    assert "3 events died or were rejected" in admin.get("/alerts").text
    assert "alert_bad_events = 3" in toml_of(world.desk.document())


@pytest.mark.parametrize("wrong", ["-1", "many", "1.5"])
def test_a_threshold_that_is_none_is_refused(world, wrong):
    admin = world.visitor(Role.ADMIN)
    form = form_of(admin.get("/alerts").text, "/alerts/thresholds")

    answer = admin.post("/alerts/thresholds", **form | {"alert_bad_events": wrong})

    assert answer.status_code == 422
    assert "alert_bad_events" in answer.text


def test_a_threshold_that_the_environment_sets_is_changed_there(world):
    admin, world.environ["PENSTOCK_ALERT_RESTARTS"] = world.visitor(Role.ADMIN), "7"
    form = form_of(admin.get("/alerts").text, "/alerts/thresholds")

    answer = admin.post("/alerts/thresholds", **form | {"alert_restarts": "2"})

    assert answer.status_code == 422
    assert "the environment" in answer.text
