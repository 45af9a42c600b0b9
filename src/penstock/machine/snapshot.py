"""What each process knows only in memory (requests, attempts, pace), left in a small file for other processes.

A file, not a socket: reading it cannot slow the process that wrote it, and it tells when that process last lived.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

# A process writes its snapshot this often, and only when it changed.
EVERY_S = 1.0


class Snapshots:
    """The snapshot files of one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "snapshots"
        self.last: dict[str, bytes] = {}

    def write(self, role: str, facts: Mapping[str, object]) -> None:
        """Replace the role's snapshot in one step; unchanged facts touch nothing. Raises OSError."""
        text = msgspec.json.encode(facts)
        if self.last.get(role) == text:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f".{role}.json"
        unfinished.write_bytes(text)
        unfinished.replace(self.folder / f"{role}.json")
        self.last[role] = text

    def mark(self) -> object:
        """Return a value that is another one once a snapshot was written since."""
        marks = []
        for role in ("accept", "deliver", "operate", "key_tests"):
            try:
                marks.append((self.folder / f"{role}.json").stat().st_mtime_ns)
            except OSError:
                marks.append(0)
        return marks

    def read(self, role: str) -> dict[str, object]:
        """Return the role's last snapshot, or {} when there is none that can be read."""
        try:
            facts = msgspec.json.decode((self.folder / f"{role}.json").read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}
        return facts if isinstance(facts, dict) else {}
