"""Who may read what lies in the data folder: the user Penstock runs as, and nobody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from penstock.machine.private import tighten


def modes(folder: Path) -> dict[str, int]:
    places = {".": folder} | {str(path.relative_to(folder)): path for path in folder.rglob("*")}
    return {name: path.lstat().st_mode & 0o777 for name, path in places.items() if not path.is_symlink()}


def command(folder: Path, *words: str, text: str = "") -> None:
    environ = os.environ | {"PENSTOCK_DATA_DIR": str(folder / "data"), "K": "k"}
    program = [sys.executable, "-m", "penstock", *words]
    subprocess.run(program, check=True, env=environ, cwd=folder, umask=0, input=text, text=True, capture_output=True)


@pytest.fixture
def open_folder(tmp_path) -> Path:
    """Return a data folder as an older Penstock left it, with an umask that lets everybody read."""
    (tmp_path / "snapshots").mkdir()
    names = ["events.db", "events.db-wal", "delivery.db.damaged-2026", "accept.lock", "secret.key", "hash.seed",
             "snapshots/accept.json", "notes.txt"]  # fmt: skip
    for name in names:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o666)
    (tmp_path / "snapshots").chmod(0o777)
    tmp_path.chmod(0o777)
    return tmp_path


def test_whatever_a_command_makes_is_for_its_user_alone(tmp_path):
    (tmp_path / "file.toml").write_text('[destinations.c]\ntype = "custify"\napi_key = "${K}"\n')
    command(tmp_path, "apply", "file.toml")

    made = modes(tmp_path / "data")
    assert {"control.db", "secret.key"} <= made.keys()
    assert made.pop(".") == 0o700
    assert made.pop("snapshots") == 0o700
    assert set(made.values()) == {0o600}


def test_a_folder_that_was_left_open_is_closed_and_said_so(open_folder):
    with structlog.testing.capture_logs() as logs:
        tighten(open_folder)

    after = modes(open_folder)
    assert after.pop("notes.txt") == 0o666, "it is not ours"
    assert {after.pop("."), after.pop("snapshots")} == {0o700}
    assert set(after.values()) == {0o600}
    [said] = logs
    assert said["event"] == "data_folder_tightened"
    assert "events.db-wal" in said["files"]


def test_a_folder_that_is_closed_is_not_spoken_of(open_folder):
    tighten(open_folder)
    with structlog.testing.capture_logs() as logs:
        tighten(open_folder)

    assert logs == []


def test_a_link_is_not_followed(open_folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "theirs"
    elsewhere.write_text("")
    elsewhere.chmod(0o644)
    (open_folder / "copy.db").symlink_to(elsewhere)
    tighten(open_folder)

    assert elsewhere.stat().st_mode & 0o777 == 0o644


def test_a_folder_of_another_user_is_used_and_complained_about(open_folder, monkeypatch):
    def refuse(self, mode):
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)
    with structlog.testing.capture_logs() as logs:
        tighten(open_folder)

    assert [each["event"] for each in logs] == ["data_folder_open"]
