"""Channels that cannot work are told when they are set, and their secrets are kept as all are."""

import pytest

from dashboard_world import World
from penstock.buffer.port.control import Role
from penstock.errors import SettingsError
from penstock.settings import load
from penstock.settings.quiet_hours import is_quiet
from penstock.settings.revisions import document_in_force, document_of, toml_of

EMAIL = {
    "type": '"email"', "to": '["ops@example.com"]', "sender": '"penstock@example.com"', "server": '"smtp.example.com:587"',
}  # fmt: skip
WEBHOOK = {
    "type": '"webhook"',
    "url": '"https://hooks.example.com/x"',
    "secret": '"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"',
}
SERVICE = {"type": '"service"', "secret": '"https://hooks.slack.com/services/T1/B2/abc"'}


def loaded(tmp_path, block: dict, **changed: str):
    lines = [f"{key} = {value}" for key, value in (block | changed).items()]
    file = tmp_path / "penstock.toml"
    file.write_text("\n".join(["[alerts.ops]", *lines]))
    return load(file, {})


@pytest.mark.parametrize("block", [EMAIL, WEBHOOK, SERVICE])
def test_a_channel_of_each_kind_can_be_set(tmp_path, block):
    channel = loaded(tmp_path, block, quiet_hours='"22:00-07:00"').alerts["ops"]

    assert channel.enabled
    assert "abc" not in repr(channel), "a secret is in no log"


@pytest.mark.parametrize(("block", "key", "value", "said"), [
    (EMAIL, "to", "[]", "1 to 20 e-mail addresses"),
    (EMAIL, "to", '["ops@example.com\\nBcc: x@y.z"]', "an address such as"),
    (EMAIL, "sender", '""', "an address such as"),
    (EMAIL, "server", '"smtp.example.com"', "host:port"),
    (EMAIL, "server", '"10.0.0.5:25"', "a mail server of the internet"),
    (EMAIL, "security", '"none"', "a mail server of the internet"),
    (EMAIL, "user", '"penstock"', "user and secret, or neither"),
    (EMAIL, "rules", '["disks"]', "destination, bad_events"),
    (EMAIL, "quiet_hours", '"22-7"', "hours such as 22:00-07:00"),
    (EMAIL, "quiet_hours", '"22:00-22:00"', "end at another time"),
    (EMAIL, "timezone", '"Mars/Olympus"', "a time zone"),
    (EMAIL, "too", '"x"', "a known setting"),
    (WEBHOOK, "url", '"http://hooks.example.com/x"', "https://"),
    (WEBHOOK, "url", '"https://metadata.google.internal/x"', "a host of the internet"),
    (WEBHOOK, "secret", '"short"', "whsec_"),
    (SERVICE, "secret", '"syslog://"', "the address that the service shows"),
    (SERVICE, "secret", '"json://127.0.0.1"', "the address that the service shows"),
    (SERVICE, "secret", '"mmost://chat.example.com/x"', "the address that the service shows"),
    (SERVICE, "secret", '""', "the address that the service shows"),
])  # fmt: skip
def test_a_channel_that_cannot_work_is_told(tmp_path, block, key, value, said):
    with pytest.raises(SettingsError, match=said) as error:
        loaded(tmp_path, block, **{key: value})

    assert error.value.name.startswith("alerts.ops.")


def test_no_mistake_repeats_a_secret(tmp_path):
    with pytest.raises(SettingsError) as error:
        loaded(tmp_path, SERVICE, secret='"telegram-secret-token"')

    assert "telegram" not in str(error.value)


def test_a_rule_cannot_ask_for_less_than_nothing():
    with pytest.raises(SettingsError, match="alert_bad_events: expected 0 or more"):
        load(None, {"PENSTOCK_ALERT_BAD_EVENTS": "-1"})


def test_quiet_hours_are_those_of_a_zone_and_may_pass_midnight():
    at = 1_700_000_000.0  # 22:13:20 UTC, 23:13:20 in Berlin

    assert is_quiet("22:00-07:00", "UTC", at)
    assert not is_quiet("23:00-07:00", "UTC", at)
    assert is_quiet("23:00-07:00", "Europe/Berlin", at)
    assert is_quiet("08:00-22:14", "UTC", at)
    assert not is_quiet("08:00-22:13", "UTC", at)
    assert not is_quiet("", "UTC", at)


def test_a_secret_is_sealed_and_stays_with_where_it_was_entered_for(tmp_path):
    world = World(tmp_path)
    world.visitor(Role.ADMIN)
    block = {
        "type": "email", "to": ["ops@example.com"], "sender": "a@example.com", "server": "smtp.example.com:587",
        "user": "u", "secret": "mail-password",
    }  # fmt: skip
    world.desk.change(lambda document: document["alerts"].update(ops=block), by="admin", note="")

    assert b"mail-password" not in (tmp_path / "control.db").read_bytes()
    assert "mail-password" not in str(world.desk.document())
    assert world.desk.settings().alerts["ops"].secret == "mail-password"
    world.desk.change(lambda document: document["alerts"]["ops"].update(to=["b@example.com"]), by="admin", note="")
    with pytest.raises(SettingsError, match="entered for another server"):
        world.desk.change(
            lambda document: document["alerts"]["ops"].update(server="evil.example.com:587"), by="x", note=""
        )


def test_an_export_names_a_variable_in_place_of_a_secret(tmp_path):
    text = toml_of(document_in_force(loaded(tmp_path, SERVICE)))

    assert "[alerts." in text
    assert "${OPS_SECRET}" in text
    assert "slack" not in text


def test_a_program_that_knows_nothing_of_channels_leaves_them_as_they_are(tmp_path):
    world = World(tmp_path)
    admin = world.set_up()
    block = {"type": "service", "secret": "https://hooks.slack.com/services/T1/B2/abc"}
    world.desk.change(lambda document: document["alerts"].update(ops=block), by="admin", note="")
    shown = admin.client.get("/api/v1/settings", auth=("admin", "file-password")).json()

    document = {key: shown[key] for key in ("sources", "destinations", "connections")}
    answer = admin.client.post("/api/v1/settings", json=document, auth=("admin", "file-password"))

    assert answer.status_code == 200, answer.text
    assert shown["alerts"]["ops"]["secret"] != block["secret"]
    assert world.desk.settings().alerts["ops"].secret == block["secret"]
    answer = admin.client.post("/api/v1/settings", json=document | {"alerts": {}}, auth=("admin", "file-password"))
    assert answer.status_code == 200, answer.text
    assert world.desk.settings().alerts == {}


def test_a_file_of_an_older_penstock_leaves_channels_as_they_are_and_an_empty_table_removes_them(tmp_path):
    world = World(tmp_path)
    world.set_up()
    block = {"type": "service", "secret": "https://hooks.slack.com/services/T1/B2/abc"}
    world.desk.change(lambda document: document["alerts"].update(ops=block), by="admin", note="")
    file = tmp_path / "old.toml"
    file.write_text('[sources.web]\ntype = "web"\nwrite_key = "k"\n')

    world.desk.put(world.desk.completed(document_of(file)), by="ci", note="")
    assert world.desk.settings().alerts["ops"].secret == block["secret"]
    assert "abc" not in str(world.desk.document()), "sealed again"

    file.write_text(file.read_text() + "[alerts]\n")
    world.desk.put(world.desk.completed(document_of(file)), by="ci", note="")
    assert world.desk.settings().alerts == {}
