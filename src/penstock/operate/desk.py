"""The dashboard's settings: read, changed one revision at a time, checked before they are kept."""

import copy
import threading
from collections.abc import Callable, Mapping
from typing import Any

from penstock.buffer.control_port import Revision, Revisions
from penstock.errors import SettingsError
from penstock.settings import Settings
from penstock.vault import Vault

Document = dict[str, Any]
EMPTY: Mapping[str, Any] = {"sources": {}, "destinations": {}, "connections": []}
SECRET = "api_key"  # noqa: S105 - the name of the field


class Desk:
    """What people set up here. `load` turns a document, with its secrets open, into settings or a SettingsError."""

    def __init__(self, *, revisions: Revisions, vault: Vault, load: Callable[[Mapping[str, Any]], Settings]) -> None:
        self.revisions, self.vault, self.load = revisions, vault, load
        self.changing = threading.Lock()

    def document(self) -> Document:
        """Return the newest revision's document; its secrets stay sealed."""
        newest = self.revisions.newest()
        return copy.deepcopy(dict(newest.document if newest else EMPTY))

    def settings(self) -> Settings:
        """Return the settings in force: the file's and the dashboard's together. Raises SettingsError."""
        return self.load(opened(self.document(), self.vault))

    def is_ours(self, kind: str, name: str) -> bool:
        """Return whether something was set up here, and not in penstock.toml."""
        return name in self.document()[kind]

    def change(self, edit: Callable[[Document], None], *, by: str, note: str) -> Settings:
        """Edit the document and put it in force. Raises SettingsError, and then everything stays as it was."""
        with self.changing:
            document = self.document()
            edit(document)
            return self._keep(document, by=by, note=note)

    def roll_back(self, number: int, *, by: str) -> Settings:
        """Put an earlier revision in force again, as a new one. Raises SettingsError."""
        with self.changing:
            earlier = next((r for r in self.revisions.revisions() if r.number == number), None)
            if earlier is None:
                raise SettingsError("revision", expected="the number of a revision", got=number)
            return self._keep(dict(earlier.document), by=by, note=f"back to revision {number}")

    def _keep(self, document: Document, *, by: str, note: str) -> Settings:
        settings = self.load(opened(document, self.vault))
        self.revisions.save(sealed(document, self.vault), by=by, note=note)
        return settings


def opened(document: Mapping[str, Any], vault: Vault) -> Document:
    """Return a document with its secrets readable. Raises SettingsError."""
    return _with_secrets(document, vault.open)


def sealed(document: Mapping[str, Any], vault: Vault) -> Document:
    """Return a document with its secrets sealed; those that are already stay as they are."""
    return _with_secrets(document, lambda text: vault.seal(vault.open(text)) if not _is_sealed(text) else text)


def differences(older: Revision | None, newer: Revision) -> list[str]:
    """Return what a revision changed, one sentence a field; secrets are named, never shown."""
    before, after = _flat(older.document if older else EMPTY), _flat(newer.document)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name.endswith(f".{SECRET}"):
            lines.append(f"{name} was {'set' if old is None else 'removed' if new is None else 'changed'}")
        elif old is None:
            lines.append(f"{name} = {new!r}")
        elif new is None:
            lines.append(f"{name} was removed, it was {old!r}")
        else:
            lines.append(f"{name} = {new!r}, it was {old!r}")
    return lines


def _with_secrets(document: Mapping[str, Any], treat: Callable[[str], str]) -> Document:
    changed = copy.deepcopy(dict(document))
    for destination in changed.get("destinations", {}).values():
        if isinstance(destination.get(SECRET), str):
            destination[SECRET] = treat(destination[SECRET])
    return changed


def _is_sealed(text: str) -> bool:
    return text.startswith("sealed:")


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{name}.{key}".lstrip(".")).items()}
    if isinstance(value, list) and name == "connections":
        return {f"connection {c.get('from')} to {c.get('to')}": c for c in value}
    return {name: value}
