"""A start on a disk without room, or without inodes: the status is served and says why, and nothing is lost."""

import contextlib
import subprocess

import pytest

from acceptance.conftest import get_json, http, until


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own for a data folder."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = "size=24m,nr_inodes=200"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("a disk of its own can be mounted by root alone")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def identify(i):
    return {"type": "identify", "userId": f"u{i}", "messageId": f"m{i}", "traits": {"name": f"Name {i}"}}


def fill_bytes(disk) -> None:
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(b"x" * 4096):
            pass


def fill_inodes(disk) -> None:
    with contextlib.suppress(OSError):
        for number in range(1_000):
            (disk / f"filler{number}").touch()


def make_room(disk) -> None:
    for path in disk.glob("filler*"):
        path.unlink()


@pytest.mark.parametrize(
    ("fill", "said"), [(fill_bytes, "is full"), (fill_inodes, "has no inodes left")], ids=["bytes", "inodes"]
)
def test_a_start_without_room_serves_the_status_and_goes_on_by_itself(start, small_disk, fill, said):
    data = small_disk / "data"
    penstock = start(env={"PENSTOCK_DATA_DIR": str(data)}, top="disk_free_bytes_min = 100_000")
    penstock.send(*(identify(i) for i in range(5)))
    penstock.until_settled()
    penstock.stop()
    fill(small_disk)
    penstock.start()

    status = until(lambda: get_json(f"{penstock.admin_url}/api/v1/status"), s_max=60)
    assert any(said in notice for notice in status["notices"]), status
    if fill is fill_bytes:
        assert until(lambda: http("GET", f"{penstock.url}/readyz")[0] == 503)
    # Without inodes, a log whose files are all there goes on taking events; what was taken arrives.
    is_taken = until(lambda: penstock.send(identify(6))[0]) == 200
    assert not (is_taken and fill is fill_bytes)
    assert "Traceback" not in penstock.log.read_text()
    assert "process_ended" not in penstock.log.read_text()

    make_room(small_disk)
    until(lambda: penstock.send(identify(7))[0] == 200, s_max=40)
    counts = penstock.until_settled(s_max=60)
    assert counts["received"] == 6 + is_taken
    penstock.stop()
