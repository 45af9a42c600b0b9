"""Views that people saved: what they looked for, under a name of theirs."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """A filter with a name."""

    user: str
    name: str
    #: What stands behind the question mark of its address.
    query: str


class SavedViews(Protocol):
    """The views of all users; a user has their own alone."""

    def views(self, user: str) -> Sequence[SavedView]:
        """Return a user's views, by name."""

    def save(self, view: SavedView) -> None:
        """Keep a view in the place of the one with its name. Raises SettingsError for one more than a user may have."""

    def remove(self, user: str, name: str) -> None:
        """Remove a view, if there is one of that name."""
