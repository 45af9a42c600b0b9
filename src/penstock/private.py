"""The data folder is for the user Penstock runs as, and for nobody else: it holds events of people, and keys.

The command line sets an umask for files that are made, SQLite's and ours alike; this mends what was made before, by an
older Penstock or by hand.
"""

import fnmatch
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

log = structlog.get_logger()

FOREIGN = stat.S_IRWXG | stat.S_IRWXO
# What Penstock makes; other files that lie there are their owner's business.
OURS = (
    "*.db",
    "*.db-*",
    "*.db.damaged-*",
    "*.db.restoring",
    "replaced-*",
    "*.lock",
    "secret.key",
    "hash.seed",
    "snapshots",
)


def tighten(data_dir: Path) -> None:
    """Make the folder, or take what others may do from it and from our files in it; what cannot be done is logged."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    tightened, refused = [], []
    for path in _places(data_dir):
        try:
            mode = path.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & FOREIGN:
                path.chmod(stat.S_IMODE(mode) & ~FOREIGN)
                tightened.append(path.name)
        except FileNotFoundError:
            continue  # a process that is still running replaced it
        except OSError:
            # A volume that belongs to somebody else, or a file system without modes.
            refused.append(path.name)
    if tightened:
        log.warning("data_folder_tightened", data_dir=str(data_dir), files=sorted(tightened))
    if refused:
        log.warning("data_folder_open", data_dir=str(data_dir), files=sorted(refused))


def _places(data_dir: Path) -> Iterator[Path]:
    # The folder may be reached by a link; what is meant is where it leads.
    yield data_dir.resolve()
    yield from (path for path in data_dir.glob("*") if any(fnmatch.fnmatch(path.name, ours) for ours in OURS))
    yield from (data_dir / "snapshots").glob("*")
