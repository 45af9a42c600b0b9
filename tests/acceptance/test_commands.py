"""What a person types: the README's commands, and what they print."""

import json
import re
import signal
import subprocess
import sys

from acceptance.conftest import API_KEY, AS_INSTALLED, until
from ports import free_port


def penstock_command(*arguments, env=None, stdin=b"", timeout=60):
    command = [sys.executable, "-m", "penstock", *map(str, arguments)]
    return subprocess.run(
        command, env=AS_INSTALLED | (env or {}), input=stdin, capture_output=True, timeout=timeout, check=False
    )


def test_the_demo_shows_everything_arriving_and_ends_by_itself():
    env = {f"PENSTOCK_{name}": f"127.0.0.1:{free_port()}" for name in ("LISTEN", "ADMIN_LISTEN", "SANDBOX_LISTEN")}

    done = penstock_command("demo", "--once", env=env)

    assert done.returncode == 0, done.stderr.decode()
    said = done.stdout.decode()
    assert said.startswith("All that was sent has arrived in Custify")
    for line in ("u-ana  Ana Lima <ana@example.com>", "company  acme  Acme", "event    Plan Changed  by u-cy"):
        assert line in said


def test_the_demo_says_so_when_a_port_is_taken(sandbox):
    env = {f"PENSTOCK_{name}": f"127.0.0.1:{free_port()}" for name in ("LISTEN", "ADMIN_LISTEN")}
    env["PENSTOCK_SANDBOX_LISTEN"] = sandbox.url.removeprefix("http://")

    done = penstock_command("demo", "--once", env=env)

    assert done.returncode == 1
    assert "a free port" in done.stderr.decode()


def test_send_status_and_tail_work_together(penstock, sandbox):
    config = ("--config", penstock.config)
    sent = penstock_command(
        "send",
        "identify",
        *config,
        "--source",
        "server",
        "--user-id",
        "ana",
        "--traits",
        '{"name":"Ana"}',
        env=penstock.env,
    )
    assert (sent.returncode, sent.stderr) == (0, b"accepted 1\n")
    penstock.until_settled()

    status = penstock_command("status", *config, env=penstock.env).stdout.decode()
    assert "accepted: server 1" in status
    assert "received 1   waiting 0 (retrying 0, parked 0)   delivered 1" in status
    assert json.loads(penstock_command("status", "--json", *config, env=penstock.env).stdout)["accepted"] == {
        "server": 1
    }
    tail = penstock_command("tail", *config, env=penstock.env).stdout.decode()
    assert [*tail.split()[:1], *tail.split()[2:]] == ["1", "identify", "ana", "delivered"]


def test_send_reads_json_lines_and_says_what_is_wrong(penstock):
    config = ("--config", penstock.config)
    lines = b'{"type":"track","userId":"a","event":"x"}\n\n{"type":"track","userId":"b","event":"x"}\n'

    assert penstock_command("send", *config, env=penstock.env, stdin=lines).stderr == b"accepted 2\n"
    assert penstock_command("send", *config, env=penstock.env, stdin=b"{nope").returncode == 2
    refused = penstock_command("send", *config, env=penstock.env, stdin=b'{"type":"track"}')
    assert (refused.returncode, refused.stderr) == (1, b"penstock: 400 request neither has anonymousId nor userId\n")


def test_send_to_an_address_without_a_server_is_4(penstock):
    env = penstock.env | {"PENSTOCK_LISTEN": f"127.0.0.1:{free_port()}"}

    done = penstock_command("send", "track", "--config", penstock.config, "--user-id", "a", "--event", "x", env=env)

    assert done.returncode == 4
    assert b"is `penstock serve` running?" in done.stderr


def test_validate_says_what_it_found(penstock, tmp_path):
    good = penstock_command("validate", "--config", penstock.config)
    bad = penstock_command("validate", "--config", tmp_path / "none.toml")

    assert (good.returncode, b"3 sources, 1 destinations, 3 connections; usable" in good.stdout) == (0, True)
    assert (bad.returncode, bad.stderr.startswith(b"penstock: config: expected a readable file")) == (78, True)


def test_convert_prints_one_line_per_event_in_order_and_nothing_else():
    lines = [
        b'{"type":"identify","userId":12345678901234567890,"traits":{"plan":"Pro"}}',
        b"not json",
        b'{"type":"track","userId":"a","event":"x","properties":{"broken":"\\ud800"}}',
        b'{"type":"page","userId":"a"}',
    ]

    done = penstock_command("convert", stdin=b"\n".join(lines))

    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [list(line) for line in said] == [["calls"], ["unmappable"], ["calls"], ["unmappable"]]
    assert said[0]["calls"][0]["body"] == {"user_id": "12345678901234567890", "custom_attributes": {"plan": "Pro"}}
    assert (done.returncode, done.stderr) == (0, b"")


def test_convert_knows_both_mappings_and_the_fallback():
    event = b'{"type":"identify","anonymousId":"a1","timestamp":"2024-05-06T07:08:09Z"}'

    options = ("--mapping", "rudderstack", "--anonymous-fallback")
    assert json.loads(penstock_command("convert", *options, stdin=event).stdout)["calls"][0]["body"]["user_id"] == "a1"
    assert json.loads(penstock_command("convert", stdin=event).stdout) == {
        "unmappable": "the event names no person: it has neither userId nor an email among its traits"
    }


def test_a_wrong_option_is_2():
    assert penstock_command("convert", "--mapping", "other").returncode == 2
    assert penstock_command("fly").returncode == 2


def test_the_sandbox_keeps_its_state_in_a_file(tmp_path):
    from acceptance.conftest import Running, get_json, http

    address = f"127.0.0.1:{free_port()}"
    running = Running(
        tmp_path, "kept", "sandbox", "--data", str(tmp_path / "c.jsonl"), env={"PENSTOCK_SANDBOX_LISTEN": address}
    )
    try:
        until(lambda: get_json(f"http://{address}/_sandbox/state"))
        http("POST", f"http://{address}/people", b'{"user_id":"ana"}', {"Authorization": "Bearer k"})
        assert running.stop() == 0
        running.start()
        assert until(lambda: get_json(f"http://{address}/_sandbox/state"))["people"][0]["user_id"] == "ana"
    finally:
        running.end()


def test_an_event_that_was_delivered_can_be_explained_and_its_field_traced_back(penstock, sandbox):
    config = ("--config", penstock.config)
    sent = (
        "send",
        "identify",
        *config,
        "--source",
        "server",
        "--user-id",
        "ana",
        "--traits",
        '{"plan":"Pro","tags":[1]}',
    )
    penstock_command(*sent, env=penstock.env)
    penstock.until_settled()
    [story] = map(json.loads, penstock_command("tail", "--json", *config, env=penstock.env).stdout.splitlines())

    told = penstock_command("explain", story["message_id"], *config, env=penstock.env)
    traced = penstock_command("explain", "--person", "ana", "--field", "plan", "--json", *config, env=penstock.env)

    assert told.returncode == 0, told.stderr
    assert "attempt 1:" in told.stdout.decode()
    assert "it is inside traits.tags, an array" in told.stdout.decode()
    assert json.loads(traced.stdout)["set_by"]["message_id"] == story["message_id"]
    assert json.loads(traced.stdout)["lines"][0]["source"] == "traits.plan"


def probe_environment(sandbox) -> dict[str, str]:
    return {"CUSTIFY_API_KEY": API_KEY, "CUSTIFY_API_URL": sandbox.url}


def test_probe_asks_first_and_leaves_nothing_in_the_workspace(sandbox, tmp_path):
    environment = probe_environment(sandbox)
    asked = penstock_command("probe", env=environment, stdin=b"n\n")
    assert asked.returncode == 1
    assert b"Is this a test workspace, and may it begin?" in asked.stderr
    assert {call["method"] for call in sandbox.requests()} == {"GET"}

    report = tmp_path / "report.md"
    done = penstock_command(
        "probe",
        "--yes",
        "--report",
        report,
        "--calls-per-second",
        "20",
        "--patience",
        "10",
        env=environment,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr.decode()
    assert "0 answers are otherwise than assumed" in report.read_text()
    assert API_KEY not in report.read_text()
    state = sandbox.state()
    assert (state["people"], state["companies"], state["events"]) == ([], [], [])

    wrong = penstock_command("probe", "--yes", env=environment | {"CUSTIFY_API_KEY": "wrong-key"})
    assert wrong.returncode == 4
    assert b"the key was refused (401)" in wrong.stderr


def test_probe_that_is_interrupted_or_killed_can_be_cleared_up_after(sandbox):
    command = [sys.executable, "-m", "penstock", "probe", "--yes", "--calls-per-second", "100"]
    for number, cleared_up in ((signal.SIGINT, True), (signal.SIGKILL, False)):
        process = subprocess.Popen(command, env=AS_INSTALLED | probe_environment(sandbox), stderr=subprocess.PIPE)
        until(lambda: len(sandbox.state()["people"]) > 2)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert bool(sandbox.state()["people"]) is not cleared_up
    run = re.search(r"--clean-up ([0-9a-f]{8})", said.decode())[1]

    done = penstock_command("probe", "--clean-up", run, "--calls-per-second", "100", env=probe_environment(sandbox))

    assert done.returncode == 0, done.stderr.decode()
    assert (sandbox.state()["people"], sandbox.state()["companies"]) == ([], [])
