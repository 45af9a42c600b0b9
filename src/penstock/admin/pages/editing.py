"""What pages that change settings share: one revision at a time, and what penstock.toml defines is read-only."""

import re
from collections.abc import Callable
from typing import Any

from penstock.admin.pages.web import Form, Pages, Visit, base_of
from penstock.errors import SettingsError
from penstock.inspect.status import StatusReader
from penstock.settings import Settings
from penstock.settings.revisions import Desk, Document

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}")


class Editing:
    """The way of a form into a new revision of the settings."""

    def __init__(self, pages: Pages, *, desk: Desk, reader: StatusReader) -> None:
        self.pages, self.desk, self.reader = pages, desk, reader

    def change(self, visit: Visit, form: Form, note: str, edit: Callable[[Document], None]) -> Settings:
        """Put an edited document in force. Raises SettingsError, and then nothing changed."""
        settings = self.desk.change(edit, by=visit.user.name, note=note, after=base_of(form))
        # This process shows the change at once; the others follow within a second.
        self.reader.settings = settings
        return settings


def free_name(name: str, taken: Any) -> str:
    """Return a name that can be given. Raises SettingsError."""
    if not NAME.fullmatch(name):
        raise SettingsError("name", expected="letters, digits, spaces, . _ -, at most 63", got=name)
    if name in taken or name == "new":
        raise SettingsError("name", expected="a name that is not taken", got=name)
    return name


def own(document: Document, kind: str, name: str) -> dict[str, Any]:
    """Return the block of something that was set up here. Raises SettingsError."""
    if name not in document[kind]:
        raise SettingsError(
            f"{kind}.{name}", expected="one that was set up here", got="one of penstock.toml", hint="change the file"
        )
    block: dict[str, Any] = document[kind][name]
    return block


def remove(document: Document, kind: str, name: str, end: str) -> None:
    """Take something out of a document, with its connections. Raises SettingsError."""
    own(document, kind, name)
    del document[kind][name]
    document["connections"] = [c for c in document["connections"] if c[end] != name]
