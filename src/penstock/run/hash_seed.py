"""The seed of Python's hashes, one for each data folder: all who serve it hash alike. Apart, for the supervisor needs no more."""

import contextlib
import secrets
from pathlib import Path

import structlog

log = structlog.get_logger()

# The largest PYTHONHASHSEED that Python takes; 0 would let everybody know how it hashes.
HASH_SEED_MAX = 2**32 - 1


def hash_seed(data_dir: Path) -> int:
    """Return the seed of Python's hashes for this data folder, drawn once: what will collide cannot be told from outside."""
    path = data_dir / "hash.seed"
    with contextlib.suppress(FileNotFoundError, ValueError):
        seed = int(path.read_text(encoding="ascii"))
        if 0 < seed <= HASH_SEED_MAX:
            return seed
    # None yet, or one that Python would not take: a new one costs no more than filters made anew.
    seed = 1 + secrets.randbelow(HASH_SEED_MAX)
    try:
        path.touch(mode=0o600)
        path.write_text(f"{seed}", encoding="ascii")
    except OSError as error:
        # A full disk: what it costs is a slower start the next time.
        log.warning("hash_seed_not_written", reason=str(error))
    return seed
