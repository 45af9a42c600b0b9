"""The history: one list of records, in the order in which they happened, kept in a file as JSON lines."""

import collections
import json
import threading
from collections.abc import Iterator
from pathlib import Path


class History:
    """Written by several threads of one process, so that one lock makes one order."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock, self._records, self._counts = threading.Lock(), [], collections.Counter()
        self._file = path.open("a", encoding="utf-8") if path else None

    def note(self, kind: str, **facts: object) -> int:
        """Write down what happened now; return its number."""
        with self._lock:
            number = len(self._records)
            self._records.append({"at": number, "kind": kind, **facts})
            self._counts[kind] += 1
            if self._file:
                self._file.write(json.dumps(self._records[-1]) + "\n")
                self._file.flush()
            return number

    def count(self, kind: str) -> int:
        """Return how many records of a kind there are."""
        return self._counts[kind]

    def records(self) -> list[dict]:
        """Return all that was written so far."""
        with self._lock:
            return list(self._records)

    def close(self) -> None:
        """Let the file go."""
        if self._file:
            self._file.close()


def read(path: Path) -> Iterator[dict]:
    """Yield the records of a file."""
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
