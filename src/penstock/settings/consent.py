"""What a person said about the settings file with `penstock apply`: it is meant as it is.

Left in a file of the data folder, for the processes that follow the settings; see settings/follow.py.
"""

from pathlib import Path

from penstock.clock import Dice
from penstock.machine.snapshot import Snapshots
from penstock.settings import Consent, digest_of
from penstock.settings.text import read_bytes

NAME = "apply"


def consent_to_file(data_dir: Path) -> Consent:
    """Return what was said last."""
    said = Snapshots(data_dir).read(NAME)
    return str(said.get("id", "")), str(said.get("file", ""))


def give_consent(data_dir: Path, path: Path | None, *, dice: Dice) -> None:
    """Say that the file is meant as it is now. Raises SettingsError and OSError."""
    Snapshots(data_dir).write(NAME, {"id": dice.fresh_id(), "file": digest_of(read_bytes(path))})
