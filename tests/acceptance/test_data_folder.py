"""A server that was started with an umask for everybody leaves nothing for everybody."""

import os

from acceptance.conftest import Penstock, until


def test_the_data_folder_of_a_running_server_is_closed_whatever_the_umask(tmp_path, sandbox):
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o777)
    before = os.umask(0)
    try:
        penstock = Penstock(tmp_path, sandbox)
    finally:
        os.umask(before)
    penstock.send({"type": "identify", "userId": "u1"})
    penstock.until_settled()
    until((data / "snapshots" / "deliver.json").exists)
    open_to_others = [path.name for path in [data, *data.rglob("*")] if path.stat().st_mode & 0o077]
    log = penstock.log.read_text()
    penstock.end()

    assert open_to_others == []
    assert "data_folder_tightened" in log
