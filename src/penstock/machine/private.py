"""The data folder is for the user Penstock runs as, and for no other: it holds events of people, and keys.

The command line sets an umask for files that are made, SQLite's and ours alike; this mends what was made before, by an
older Penstock or by hand.
"""

import errno
import fnmatch
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import structlog

from penstock.errors import SettingsError

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
    "encryption.key",
    "*.db.turned",
    "suppressed.list",
    "privacy",
    "hash.seed",
    "snapshots",
)


# A disk without room is no mistake of the settings: what is there can be served, and the rest is refused with 503.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def require_folder(data_dir: Path) -> None:
    """Make the data folder if it is missing, and see that files can be made in it. Raises SettingsError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            return
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise SettingsError(
                "data_dir",
                expected="a folder that can be made and written",
                got=str(data_dir),
                hint=f"{error.strerror}; let the user that Penstock runs as write there, or name another folder",
            ) from error


def tighten(data_dir: Path) -> None:
    """Take what others may do from the folder and from our files in it; what cannot be done is logged."""
    require_folder(data_dir)
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
            # A volume of another user, or a file system without modes.
            refused.append(path.name)
    if tightened:
        log.warning("data_folder_tightened", data_dir=str(data_dir), files=sorted(tightened))
    if refused:
        log.warning("data_folder_open", data_dir=str(data_dir), files=sorted(refused))


def _places(data_dir: Path) -> Iterator[Path]:
    # The folder may be reached by a link; what is meant is where it leads.
    yield data_dir.resolve()
    yield from (path for path in data_dir.glob("*") if any(fnmatch.fnmatch(path.name, ours) for ours in OURS))
    for folder in ("snapshots", "privacy"):
        yield from (data_dir / folder).rglob("*")
