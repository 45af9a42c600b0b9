"""The seed of Python's hashes, which lets accept use its stored filters of message ids again after a start."""

import subprocess
import sys

import pytest

from penstock.run.hash_seed import HASH_SEED_MAX, hash_seed


def test_a_folder_keeps_the_seed_that_was_drawn_for_it(tmp_path):
    (tmp_path / "other").mkdir()
    seed = hash_seed(tmp_path)

    assert hash_seed(tmp_path) == seed
    assert hash_seed(tmp_path / "other") != seed
    assert (tmp_path / "hash.seed").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "seed", "0", "-1", str(HASH_SEED_MAX + 1), "12\xff"])
def test_a_seed_that_python_would_not_take_is_drawn_anew(tmp_path, text):
    (tmp_path / "hash.seed").write_bytes(text.encode("latin-1"))

    assert 0 < hash_seed(tmp_path) <= HASH_SEED_MAX
    assert hash_seed(tmp_path) == int((tmp_path / "hash.seed").read_text())


def test_python_takes_the_largest_seed():
    command = [sys.executable, "-c", "pass"]
    assert subprocess.run(command, env={"PYTHONHASHSEED": str(HASH_SEED_MAX)}, check=False).returncode == 0
