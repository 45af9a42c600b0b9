"""What was read of a file stays true until the file is written to: so that asking every second costs two stats."""

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from penstock.clock import Clock

Answer = TypeVar("Answer")
# A file that changed less than this ago may change again within the same tick of its file system's clock.
SETTLED_S = 1.0


class Remembered:
    """Answers about one SQLite file, kept while neither it nor its WAL has changed."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.files, self.clock = (path, path.with_name(f"{path.name}-wal")), clock
        self.seen: object = None
        self.answers: dict[Hashable, object] = {}

    def read(self, question: Hashable, ask: Callable[[], Answer]) -> Answer:
        """Return the answer to a question, asked again only when the file may say something else by now."""
        changed_at = [_changed_at(file) for file in self.files]
        if changed_at != self.seen or abs(self.clock.now() - max(at for at, _ in changed_at)) < SETTLED_S:
            self.answers.clear()
            self.seen = changed_at
        if question not in self.answers:
            self.answers[question] = ask()
        return self.answers[question]  # type: ignore[return-value]


def _changed_at(file: Path) -> tuple[float, int]:
    try:
        facts = file.stat()
    except OSError:
        return 0.0, 0
    return facts.st_mtime, facts.st_size
