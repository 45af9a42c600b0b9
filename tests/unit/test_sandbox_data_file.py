"""With a data file, what was answered outlives the process."""

import contextlib
import resource
from collections.abc import Iterator

import pytest

from penstock.sandbox.journal import JournalError
from sandbox_client import Sandbox


async def a_busy_day(sandbox: Sandbox) -> None:
    await sandbox.post("/company", {"company_id": "acme", "custom_attributes": {"seats": 3}})
    await sandbox.post("/people", {"user_id": "u1", "email": "a@x.io", "companies": [{"company_id": "acme"}]})
    await sandbox.post("/people", {"user_id": "u2"})
    sandbox.now += 5
    await sandbox.post("/event", {"user_id": "u1", "name": "x\n", "deduplication_id": "m1", "metadata": {"n": 2**70}})
    await sandbox.post("/event", {"user_id": "nobody", "name": "x"})
    await sandbox.post("/people", {"user_id": "u3", "session_count": "refused"})
    await sandbox.delete("/people?user_id=u2")


async def test_a_sandbox_killed_between_two_calls_comes_back_as_it_was(tmp_path):
    killed = Sandbox(data=tmp_path / "new" / "sandbox.jsonl")
    await a_busy_day(killed)

    again = Sandbox(data=tmp_path / "new" / "sandbox.jsonl")

    assert await again.state() == await killed.state()
    assert (await again.get("/company/attributes")).json == (await killed.get("/company/attributes")).json
    await again.post("/event", {"user_id": "u1", "name": "x", "deduplication_id": "m1"})
    assert (await again.state())["counts"]["events"] == 1
    here, there = await again.post("/people", {"user_id": "u4"}), await killed.post("/people", {"user_id": "u4"})
    assert here.json == there.json


async def test_a_last_line_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "sandbox.jsonl"
    await Sandbox(data=path).post("/people", {"user_id": "u1"})
    with path.open("ab") as file:
        file.write(b'{"at":1700000000.0,"op":"person","body":{"user_')

    again = Sandbox(data=path)
    await again.post("/people", {"user_id": "u2"})

    assert [p["user_id"] for p in (await Sandbox(data=path).state())["people"]] == ["u1", "u2"]


@pytest.mark.parametrize("line", [b"hello\n", b'{"at":1,"op":"steal","body":{}}\n', b"\xff\n", b"[1]\n"])
async def test_a_file_that_is_something_else_is_refused_and_left_alone(tmp_path, line):
    path = tmp_path / "sandbox.jsonl"
    path.write_bytes(line + b"more")

    with pytest.raises(JournalError, match=r"sandbox.jsonl, line 1: not a sandbox data file"):
        Sandbox(data=path)

    assert path.read_bytes() == line + b"more"


async def test_a_write_that_cannot_be_applied_is_named(tmp_path):
    path = tmp_path / "sandbox.jsonl"
    path.write_bytes(b'{"at":1.0,"op":"delete_person","body":{"id":"5e0000000000000000000001"}}\n')

    with pytest.raises(JournalError, match="line 1 of the data file cannot be applied"):
        Sandbox(data=path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(JournalError, match="Is a directory"):
        Sandbox(data=tmp_path)


@contextlib.contextmanager
def no_file_grows_beyond(size_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room_bytes", [0, 20])
async def test_a_write_the_disk_has_no_room_for_is_answered_with_503(tmp_path, room_bytes):
    path = tmp_path / "sandbox.jsonl"
    sandbox = Sandbox(data=path)
    await sandbox.post("/people", {"user_id": "u1"})

    with no_file_grows_beyond(path.stat().st_size + room_bytes):
        got = await sandbox.post("/people", {"user_id": "u2"})
    await sandbox.post("/people", {"user_id": "u3"})

    assert (got.status, got.json["code"]) == (503, "Error")
    assert [p["user_id"] for p in (await Sandbox(data=path).state())["people"]] == ["u1", "u3"]


async def test_reset_empties_the_file(tmp_path):
    path = tmp_path / "sandbox.jsonl"
    sandbox = Sandbox(data=path)
    await a_busy_day(sandbox)

    await sandbox.post("/_sandbox/reset")
    assert path.read_bytes() == b""

    await sandbox.post("/people", {"user_id": "u9"})
    assert [p["user_id"] for p in (await Sandbox(data=path).state())["people"]] == ["u9"]
