"""A bad day with the disk: the server is backed up while it runs, its folder is lost, and comes back."""

import shutil

from acceptance.conftest import until
from acceptance.test_commands import penstock_command
from penstock.buffer.sqlite.file import open_writer


def identify(i):
    return {"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "traits": {"name": f"Name {i}"}}


def command(penstock, *arguments):
    return penstock_command(*arguments, "--config", penstock.config, env=penstock.env)


def test_what_was_backed_up_while_the_server_ran_is_proved_and_comes_back(penstock, sandbox, tmp_path):
    penstock.send(*(identify(i) for i in range(30)))
    penstock.until_settled()

    done = command(penstock, "backup", str(tmp_path / "set"))
    assert done.returncode == 0, done.stderr
    proof = command(penstock, "restore", str(tmp_path / "set"), "--prove")
    assert (proof.returncode, b"comes back whole" in proof.stdout) == (0, True), proof.stdout + proof.stderr
    assert b"received 30" in proof.stdout
    assert b"newest event: 30" in proof.stdout
    refused = command(penstock, "restore", str(tmp_path / "set"))
    assert (refused.returncode, b"expected a stopped server" in refused.stderr) == (78, True)

    penstock.send(*(identify(i) for i in range(30, 40)))
    penstock.until_settled()
    penstock.stop()
    again = command(penstock, "restore", str(tmp_path / "set"))
    assert (again.returncode, b"has files already" in again.stderr) == (1, True)
    restored = command(penstock, "restore", str(tmp_path / "set"), "--replace")
    assert restored.returncode == 0, restored.stderr
    penstock.start()
    penstock.until_ready()

    assert penstock.counts()["received"] == 30
    penstock.send(*(identify(i) for i in range(30, 50)))
    assert penstock.until_settled()["received"] == 50
    assert until(lambda: sandbox.person("u49"))
    # An order of the command line that cannot be followed is a mistake of its own kind.
    assert command(penstock, "backup").returncode == 2
    assert command(penstock, "restore", str(tmp_path / "nowhere")).returncode in {1, 78}


def test_copies_by_hand_that_do_not_fit_are_mended_and_said(penstock, sandbox, tmp_path):
    data = penstock.folder / "data"
    penstock.send(*(identify(i) for i in range(10)))
    penstock.until_settled()
    penstock.stop()
    shutil.copy(data / "events.db", tmp_path / "events.db")
    penstock.start()
    penstock.until_ready()
    penstock.send(*(identify(i) for i in range(10, 16)))
    penstock.until_settled()
    penstock.stop()
    shutil.copy(tmp_path / "events.db", data / "events.db")

    penstock.start()
    penstock.until_ready()
    penstock.send(*(identify(i) for i in range(20, 30)))
    penstock.until_settled()

    assert all(sandbox.person(f"u{i}") for i in range(20, 30))
    assert penstock.log.read_text().count("events_missing") >= 1
    assert "events 11 to 16 are missing" in penstock.status()["notices"][0]
    assert b"events 11 to 16 are missing" in command(penstock, "doctor").stdout


def test_files_of_two_folders_end_the_server_with_a_sentence(penstock, tmp_path):
    data = penstock.folder / "data"
    penstock.send(identify(1))
    penstock.until_settled()
    penstock.stop()
    open_writer(tmp_path / "events.db").close()
    shutil.copy(tmp_path / "events.db", data / "events.db")

    penstock.start()

    assert penstock.process.wait(30) == 78
    assert "expected files of one data folder" in penstock.log.read_text()
