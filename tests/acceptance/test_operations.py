"""What operators do with a running Penstock: change its settings, end it, look at it while something is wrong."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from acceptance.conftest import AS_INSTALLED, basic, http, until
from acceptance.test_commands import penstock_command
from ports import free_port

README = (Path(__file__).parents[2] / "README.md").read_text()


def identify(number: int) -> dict:
    return {"type": "identify", "userId": f"u{number}", "messageId": f"m{number}"}


def logged(penstock, event: str) -> list[str]:
    return [line for line in penstock.log.read_text().splitlines() if f'"{event}"' in line]


# --- settings ---------------------------------------------------------------------------------------------------------


def test_a_settings_file_that_was_emptied_is_not_followed_until_it_is_said_to_be_meant(penstock):
    whole = penstock.config.read_text()
    penstock.config.write_text("")
    until(lambda: len(logged(penstock, "settings_refused")) == 3)

    assert penstock.send(identify(1))[0] == 200
    assert "penstock apply" in penstock.status()["settings_problem"]
    assert penstock.until_settled()["outcomes"]["delivered"] == 1
    # As it was: nothing to follow, and nothing to complain of.
    shutil.copy(write(penstock, whole), penstock.config)
    until(lambda: not penstock.status()["settings_problem"])

    penstock.config.write_text("")
    until(lambda: penstock.status()["settings_problem"])
    applied = penstock_command("apply", "--config", penstock.config, env=penstock.env)

    assert applied.returncode == 0, applied.stderr
    until(lambda: penstock.send(identify(2))[0] == 401)


def write(penstock, text: str) -> Path:
    fresh = penstock.folder / "fresh.toml"
    fresh.write_text(text)
    return fresh


def test_no_request_is_refused_while_the_settings_are_written_again_and_again(penstock):
    text = penstock.config.read_text()
    statuses = set()
    for number in range(60):
        with penstock.config.open("w") as file:
            statuses.add(penstock.send(identify(number))[0])
            file.write(text[: len(text) // 2])
            file.flush()
            statuses.add(penstock.send(identify(number))[0])
            file.write(text[len(text) // 2 :])

    assert statuses == {200}
    assert logged(penstock, "settings_changed") == []


def test_a_hang_up_reads_the_settings_and_stops_no_process(penstock):
    roles = {child.pid for child in psutil.Process(penstock.process.pid).children()}
    penstock.config.write_text(penstock.config.read_text().replace("server-key", "another-key"))

    penstock.process.send_signal(signal.SIGHUP)

    until(lambda: http("POST", f"{penstock.url}/v1/track", b'{"userId":"a"}', basic("another-key", ""))[0] == 200)
    assert len(logged(penstock, "reload_asked")) == 1
    assert {child.pid for child in psutil.Process(penstock.process.pid).children()} == roles


def test_a_hang_up_at_the_very_start_ends_no_process(start):
    penstock = start()
    penstock.stop()
    penstock.start()
    until(lambda: len(psutil.Process(penstock.process.pid).children()) == 3)

    penstock.process.send_signal(signal.SIGHUP)
    penstock.until_ready()

    assert len(logged(penstock, "process_ended")) == 0


def test_who_looks_is_answered_while_the_settings_file_is_broken(penstock):
    penstock.send(identify(1))
    penstock.until_settled()
    penstock.config.write_text(penstock.config.read_text() + "\nthis is = not toml [\n")

    for command in ("status", "tail", "dead", ("explain", "m1")):
        words = (command,) if isinstance(command, str) else command
        done = penstock_command(*words, "--config", penstock.config, env=penstock.env)
        assert done.returncode == 0, done.stderr
        assert b"penstock: config: expected TOML" in done.stderr
    status = penstock_command("status", "--json", "--config", penstock.config, env=penstock.env)
    assert json.loads(status.stdout)["destinations"]["custify"]["outcomes"]["delivered"] == 1
    assert all(secret not in left.read_bytes() for secret in (b"server-key", b"sandbox-api-key")
               for left in (penstock.folder / "data" / "snapshots").iterdir())  # fmt: skip


def test_validate_lists_every_mistake(tmp_path):
    config = tmp_path / "penstock.toml"
    config.write_text('listn = "x"\n[sources.web]\nwrite_key = ""\ntype = "site"\n')

    name = "PENSTOCK_ADMIN_LISTN"
    done = penstock_command("validate", "--config", config, env={name: "x"})

    assert done.returncode == 78
    assert done.stderr.decode().splitlines() == [
        f"penstock: {name}: expected a known setting, got '{name}'. Hint: did you mean PENSTOCK_ADMIN_LISTEN?",
        "penstock: listn: expected a known setting, got 'listn'. Hint: did you mean listen?",
        "penstock: sources.web.type: expected 'web' or 'mobile' or 'server', got 'site'.",
        "penstock: sources.web.write_key: expected a key, got ''.",
    ]


def test_the_file_of_the_readme_works_as_it_is_printed(tmp_path, start):
    [text] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    [key] = re.findall(r'rudderanalytics\.load\("([^"]+)"', README)
    (tmp_path / "penstock.toml").write_text(text)
    environ = {name: value for name, value in AS_INSTALLED.items() if not name.startswith("PENSTOCK_")}
    command = [sys.executable, "-m", "penstock", "validate"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, b"penstock.toml: 1 sources, 1 destinations, 1 connections; usable\n")

    penstock = start()
    # Nothing of this test calls Custify itself.
    penstock.config.write_text(text.replace("https://api.custify.com", penstock.sandbox.url))

    until(lambda: http("POST", f"{penstock.url}/v1/track", b'{"userId":"a","event":"x"}', basic(key, ""))[0] == 200)


@pytest.mark.parametrize("folder", ["/proc/self/data", "file/data", "file"])
def test_a_data_folder_that_cannot_be_made_or_written_is_78_and_a_sentence(tmp_path, folder):
    (tmp_path / "file").write_text("")
    ports = {f"PENSTOCK_{name}": f"127.0.0.1:{free_port()}" for name in ("LISTEN", "ADMIN_LISTEN")}
    for role in ((), ("--role", "accept")):
        done = penstock_command("serve", *role, env=ports | {"PENSTOCK_DATA_DIR": str(tmp_path / folder)}, timeout=20)

        assert done.returncode == 78
        assert done.stderr.startswith(b"penstock: data_dir: expected a folder that can be made and written")
        assert done.stderr.count(b"\n") == 1


# --- commands ---------------------------------------------------------------------------------------------------------


def test_send_takes_files_of_any_size_and_sends_them_in_pieces(penstock):
    line = b'{"type":"track","userId":"u%d","event":"Used","properties":{"text":"%s"}}\n'
    lines = b"".join(line % (number % 50, b"x" * 160) for number in range(30_000))
    assert len(lines) > 6_900_000

    done = penstock_command("send", "--source", "server", "--config", penstock.config, env=penstock.env, stdin=lines)

    assert (done.returncode, done.stderr) == (0, b"accepted 30000\n")
    assert penstock.status()["accepted"] == {"server": 30_000}


def test_what_send_could_send_is_told_from_what_it_could_not(penstock):
    good, large = b'{"type":"track","userId":"a","event":"x"}\n', b'{"userId":"a","event":"%s"}\n' % (b"x" * 4_200_000)

    done = penstock_command("send", "--config", penstock.config, env=penstock.env, stdin=good + large + good)

    assert done.returncode == 5
    assert done.stderr == b"penstock: events 2 to 2: 413 request size exceeds max limit\naccepted 2 of 3\n"


def test_nothing_is_sent_while_a_line_is_no_json(penstock):
    done = penstock_command("send", "--config", penstock.config, env=penstock.env, stdin=b'{"userId":"a"}\n\n{nope\n')

    assert done.returncode == 2
    assert b"line 3: expected JSON" in done.stderr
    assert penstock.status()["accepted"] == {}


def test_tail_says_when_what_who_and_of_which_company(penstock):
    penstock.send(
        {"type": "track", "userId": "ana", "event": "Plan changed", "properties": {"company_id": "acme"}},
        {"type": "group", "userId": "bo", "groupId": "globex"},
    )
    until(lambda: penstock.counts()["received"] == 2)

    lines = penstock_command("tail", "--config", penstock.config, env=penstock.env).stdout.decode().splitlines()

    assert re.match(r" +1  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  track Plan changed +ana +acme +\w+", lines[0])
    assert re.match(r" +2  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  group +bo +globex +\w+", lines[1])


def test_the_version_is_answered_either_way():
    [asked, spelt] = [penstock_command(word).stdout for word in ("--version", "version")]

    assert asked == spelt
    assert re.fullmatch(rb"\d+\.\d+\.\d+\n", asked)


def test_a_demo_that_is_ended_leaves_nothing_behind(tmp_path):
    names = ("LISTEN", "ADMIN_LISTEN", "SANDBOX_LISTEN")
    env = AS_INSTALLED | {f"PENSTOCK_{name}": f"127.0.0.1:{free_port()}" for name in names} | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "penstock", "demo"]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:
        parent = psutil.Process(demo.pid)
        # The sandbox, and the server with its three roles.
        until(lambda: len(parent.children(recursive=True)) == 5)
        family = parent.children(recursive=True)

        demo.send_signal(signal.SIGTERM)

        assert demo.wait(60) == 0
    assert psutil.wait_procs(family, timeout=5)[1] == []
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_is_ended_while_it_starts_leaves_nothing_behind(tmp_path):
    names = ("LISTEN", "ADMIN_LISTEN", "SANDBOX_LISTEN")
    env = AS_INSTALLED | {f"PENSTOCK_{name}": f"127.0.0.1:{free_port()}" for name in names} | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "penstock", "demo"]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:
        parent = psutil.Process(demo.pid)
        until(parent.children)
        family = parent.children(recursive=True)

        demo.send_signal(signal.SIGTERM)

        assert demo.wait(60) == 0
    assert psutil.wait_procs(family, timeout=20)[1] == []


# --- what a person sees -----------------------------------------------------------------------------------------------


class Terminal:
    """`penstock serve` at a terminal."""

    def __init__(self, folder: Path) -> None:
        self.addresses = {name: f"127.0.0.1:{free_port()}" for name in ("LISTEN", "ADMIN_LISTEN")}
        self.ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "penstock", "serve"]
        env = AS_INSTALLED | {f"PENSTOCK_{name}": each for name, each in self.addresses.items()}
        self.process = subprocess.Popen(command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        os.set_blocking(self.ours, False)
        self.said = ""

    def reads(self, text: str) -> bool:
        with contextlib.suppress(BlockingIOError):
            self.said += os.read(self.ours, 65_536).decode().replace("\r\n", "\n")
        return text in self.said


def test_a_person_at_a_terminal_reads_where_it_is_and_how_to_get_in(tmp_path):
    terminal = Terminal(tmp_path)
    try:
        until(lambda: terminal.reads("Ctrl-C ends it."), what=terminal.said)
        ingest, admin = terminal.addresses["LISTEN"], terminal.addresses["ADMIN_LISTEN"]
        assert f"SDKs send to   http://{ingest}\n  Dashboard      http://{admin}\n" in terminal.said
        [link] = re.findall(r"Sign in with   (\S+)\n", terminal.said)
        assert http("GET", link)[0] == 200
        assert "first_sign_in" not in terminal.said

        # The window is closed: nobody is there to ask for a reload.
        os.close(terminal.ours)
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.process.wait(40) == 0
    finally:
        terminal.process.terminate()
        terminal.process.wait(40)


def test_programs_read_the_log_as_before(penstock):
    lines = penstock.log.read_text().splitlines()

    assert [json.loads(line) for line in lines]
    assert len(logged(penstock, "first_sign_in")) == 1


# --- clients that hang up ---------------------------------------------------------------------------------------------


def test_a_client_that_hangs_up_is_no_error_of_ours(penstock):
    body = b'{"userId":"a","event":"x"}'
    key = basic("server-key", "")["Authorization"].encode()

    def send(path: bytes, length: int, sent: bytes, *, reset: bool) -> None:
        host, _, port = penstock.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            head = b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n"
            client.sendall(head % (path, key, length) + sent)
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    for reset in (False, True):
        for path in (b"/v1/track", b"/v1/batch", b"/beacon/v1/batch?writeKey=server-key"):
            send(path, len(body) + 10, body, reset=reset)
            send(path, 300_000, body, reset=reset)
            send(path, len(body), body, reset=reset)
    assert penstock.send(identify(1))[0] == 200

    def counted() -> list:
        snapshot = penstock.folder / "data" / "snapshots" / "accept.json"
        return json.loads(snapshot.read_text())["requests"] if snapshot.exists() else []

    # Half bodies are the sender's.
    until(lambda: sum(count for _, code, count in counted() if code == 400) >= 6)
    assert {code for _, code, _ in counted()} == {200, 400}
    assert logged(penstock, "request_crashed") == []
