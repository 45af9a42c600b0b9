"""The dashboard's settings as a file: out, looked at, in again."""

import json

from acceptance.conftest import basic, http, until
from acceptance.test_commands import penstock_command

FILE = """
[sources.shop]
type = "web"
write_key = "shop-key"

[destinations.crm]
type = "custify"
api_key = "${CRM_API_KEY}"
base_url = "http://127.0.0.1:9"
page_views = %s

[[connections]]
from = "shop"
to = "crm"
events_deny = ["Noise*"]
"""
SECRET = {"CRM_API_KEY": "a-secret-key"}


def command(penstock, *arguments):
    return penstock_command(*arguments, "--config", penstock.config, env=penstock.env | SECRET)


def test_what_is_applied_is_in_force_at_once_and_comes_out_again(penstock, tmp_path):
    file = tmp_path / "crm.toml"
    file.write_text(FILE % "false")

    planned = command(penstock, "plan", file)
    assert planned.returncode == 1
    assert "destinations.crm.api_key was set" in planned.stdout.decode()
    assert "a-secret-key" not in planned.stdout.decode()
    assert command(penstock, "apply", file).returncode == 0
    until(lambda: "crm" in penstock.status()["destinations"])
    assert command(penstock, "plan", file).stdout == b"nothing would change\n"

    exported = command(penstock, "export").stdout.decode()
    assert 'api_key = "${CRM_API_KEY}"' in exported
    assert "a-secret-key" not in exported
    (tmp_path / "again.toml").write_text(exported)
    assert command(penstock, "plan", tmp_path / "again.toml").stdout == b"nothing would change\n"


def test_a_plan_says_which_of_the_newest_events_would_become_other_calls(penstock, tmp_path):
    file = tmp_path / "crm.toml"
    file.write_text(FILE % "false")
    command(penstock, "apply", file)
    penstock.send({"type": "page", "userId": "bo", "messageId": "of another source"})
    page = json.dumps({"userId": "ana", "name": "Pricing", "messageId": "p1"}).encode()
    until(lambda: http("POST", f"{penstock.url}/v1/page", page, basic("shop-key", ""))[0] == 200)
    file.write_text(FILE % "true")

    planned = command(penstock, "plan", file).stdout.decode()

    assert "destinations.crm.page_views = true, it was false" in planned
    assert "crm: 1 of the newest 1 events would become other calls" in planned
    assert 'name = "Viewed Pricing Page"' in planned


def test_a_file_that_cannot_be_used_is_refused_and_nothing_changes(penstock, tmp_path):
    file = tmp_path / "crm.toml"
    file.write_text((FILE % "false").replace("http://127.0.0.1:9", "http://example.com"))
    refused = command(penstock, "apply", file)
    assert refused.returncode == 78
    assert b"expected https://" in refused.stderr

    file.write_text('listen = "127.0.0.1:1"')
    assert command(penstock, "apply", file).returncode == 78
    assert command(penstock, "export").stdout == b"\n"


def test_what_is_exported_is_valid_and_everything_together_is_a_settings_file(penstock, tmp_path):
    file = tmp_path / "crm.toml"
    file.write_text(FILE % "true")
    command(penstock, "apply", file)
    file.write_bytes(command(penstock, "export").stdout)

    valid = command(penstock, "validate", file)
    assert valid.returncode == 0
    assert b"4 sources, 2 destinations, 4 connections; usable" in valid.stdout
    everything = tmp_path / "everything.toml"
    everything.write_bytes(command(penstock, "export", "--all").stdout)
    keys = SECRET | {"CUSTIFY_API_KEY": "another-secret"}
    alone = penstock_command("validate", "--config", everything, env=penstock.env | keys)
    assert b"4 sources, 2 destinations, 4 connections; usable" in alone.stdout
    assert b"a-secret-key" not in everything.read_bytes()


def test_a_plan_reads_as_many_events_as_it_is_told(penstock, tmp_path):
    file = tmp_path / "crm.toml"
    file.write_text(FILE % "false")
    command(penstock, "apply", file)
    key = basic("shop-key", "")
    for number in range(3):
        page = json.dumps({"userId": "ana", "messageId": f"p{number}"}).encode()
        until(lambda body=page: http("POST", f"{penstock.url}/v1/page", body, key)[0] == 200)
    file.write_text(FILE % "true")

    planned = command(penstock, "plan", "--last", "2", file).stdout.decode()
    assert "crm: 2 of the newest 2 events would become other calls" in planned
