"""Views that people saved, in control.db."""

from collections.abc import Sequence
from pathlib import Path

from penstock.buffer.port.views import SavedView
from penstock.buffer.sqlite.control.changing import behind_others
from penstock.buffer.sqlite.control.journal import SqliteJournal
from penstock.buffer.sqlite.file import snapshot
from penstock.clock import Clock
from penstock.errors import SettingsError

VIEWS_MAX = 50
VIEWS = "SELECT user, name, query FROM saved_view WHERE user = ? ORDER BY name COLLATE NOCASE"
OTHERS = "SELECT count(*) FROM saved_view WHERE user = ? AND name <> ?"


class SqliteViews:
    """control.db in a data folder; see port/views.py."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self.file = SqliteJournal(data_dir, clock=clock)

    def views(self, user: str) -> Sequence[SavedView]:
        """Return a user's views, by name."""
        with snapshot(self.file.path) as control:
            rows = control.execute(VIEWS, [user]).fetchall() if control else []
        return [SavedView(user=user, name=name, query=query) for user, name, query in rows]

    @behind_others
    def save(self, view: SavedView) -> None:
        """Keep a view in the place of the one with its name. Raises SettingsError."""
        with self.file.transaction() as control:
            if control.execute(OTHERS, [view.user, view.name]).fetchone()[0] >= VIEWS_MAX:
                raise SettingsError("name", expected=f"{VIEWS_MAX} views at most", got="one more", hint="remove one")
            control.execute("INSERT OR REPLACE INTO saved_view VALUES (?, ?, ?)", [view.user, view.name, view.query])

    @behind_others
    def remove(self, user: str, name: str) -> None:
        """Remove a view, if there is one of that name."""
        with self.file.writing() as control:
            control.execute("DELETE FROM saved_view WHERE user = ? AND name = ?", [user, name])
