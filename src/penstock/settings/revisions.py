"""The dashboard's settings: read, changed one revision at a time, checked before they are kept."""

import copy
import dataclasses
import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.buffer.port.control import Revisions
from penstock.errors import SettingsError, SettingsOutdated
from penstock.origin import origin_of
from penstock.settings import AlertChannel, Connection, Destination, Settings, Source, read_table, refuse_unsaid
from penstock.settings.renames import named_back
from penstock.settings.thresholds import NAMES, THRESHOLDS, chosen
from penstock.settings.vault import Vault

Document = dict[str, Any]
EMPTY: Mapping[str, Any] = {"sources": {}, "destinations": {}, "connections": [], "alerts": {}, THRESHOLDS: {}}
SECRET = "api_key"  # noqa: S105 - the name of the field
#: The same of a channel that alerts go to.
CHANNEL_SECRET = "secret"  # noqa: S105 - the name of the field
BASE_URL = next(field.default for field in dataclasses.fields(Destination) if field.name == "base_url")
#: What is told to administrators alone: keys, and the ids of companies.
WRITE_KEYS = (".write_key", ".old_write_key", ".canary_companies")


class Desk:
    """What people set up here. `load` turns a document, with its secrets open, into settings or a SettingsError."""

    def __init__(self, *, revisions: Revisions, vault: Vault, load: Callable[[Mapping[str, Any]], Settings]) -> None:
        self.revisions, self.vault, self.load = revisions, vault, load
        self.changing = threading.Lock()

    def document(self) -> Document:
        """Return the newest revision's document; its secrets stay sealed."""
        newest = self.revisions.newest()
        # A revision of an older Penstock may lack a table.
        return copy.deepcopy({**EMPTY, **(newest.document if newest else {})})

    def settings(self) -> Settings:
        """Return the settings in force: the file's and the dashboard's together. Raises SettingsError."""
        return self.load(opened(self.document(), self.vault))

    def is_ours(self, kind: str, name: str) -> bool:
        """Return whether something was set up here, and not in penstock.toml."""
        return name in self.document()[kind]

    def revision(self) -> int:
        """Return the number of the revision in force; 0 before the first."""
        newest = self.revisions.newest()
        return newest.number if newest else 0

    def change(self, edit: Callable[[Document], None], *, by: str, note: str, after: int | None = None) -> Settings:
        """Edit the document and put it in force. Raises SettingsError, and then everything stays as it was.

        `after` is the revision that the change was decided on. Raises SettingsOutdated when another one is
        in force by now.
        """
        with self.changing:
            number, document = self._based_on(after), self.document()
            edit(document)
            return self._keep(document, by=by, note=note, after=number)

    def preview(self, document: Mapping[str, Any]) -> Settings:
        """Return the settings that a document would give. Raises SettingsError."""
        return self._judged(document, self.document())

    def completed(self, document: Mapping[str, Any]) -> Document:
        """Return a document of a file with what it says nothing of as it is now, secrets open. Raises SettingsError."""
        now = opened(self.document(), self.vault)
        return {"alerts": now["alerts"], THRESHOLDS: now[THRESHOLDS], **document}

    def put(self, document: Mapping[str, Any], *, by: str, note: str, after: int | None = None) -> Settings:
        """Put a whole document in force. Raises SettingsError and SettingsOutdated; then everything stays as it was."""
        with self.changing:
            return self._keep(dict(document), by=by, note=note, after=after)

    def roll_back(self, number: int, *, by: str, after: int | None = None) -> Settings:
        """Put an earlier revision in force again, as a new one. Raises SettingsError and SettingsOutdated."""
        with self.changing:
            earlier = next((r for r in self.revisions.revisions() if r.number == number), None)
            if earlier is None:
                raise SettingsError("revision", expected="the number of a revision", got=number)
            # Its keys go where they went then.
            note, before = f"back to revision {number}", earlier.document
            names = self._named_back(before)
            return self._keep(names, by=by, note=note, before=before, after=after)

    def _named_back(self, earlier: Mapping[str, Any]) -> Document:
        """Return an earlier document; destinations that were renamed since get their names back, and stay what they are."""
        document = copy.deepcopy(dict(earlier))
        clear, now = opened(earlier, self.vault), opened(self.document(), self.vault)
        for name, said in named_back(clear["destinations"], now["destinations"]).items():
            document["destinations"][name]["renamed_from"] = list(said)
        return document

    def _keep(
        self, document: Document, *, by: str, note: str, after: int | None, before: Mapping[str, Any] | None = None
    ) -> Settings:
        self._based_on(after)
        settings = self._judged(document, self.document() if before is None else before)
        self.revisions.save(sealed(document, self.vault), by=by, note=note, after=after)
        return settings

    def _based_on(self, after: int | None) -> int:
        """Return the number of the revision in force. Raises SettingsOutdated when a change is based on another one."""
        number = self.revision()
        if after is not None and after != number:
            raise SettingsOutdated(based_on=after, in_force=number)
        return number

    def _judged(self, document: Mapping[str, Any], before: Mapping[str, Any]) -> Settings:
        clear = opened(document, self.vault)
        settings = self.load(clear)
        keys_stay_with_their_origins(document, before)
        refuse_unsaid(opened(self.document(), self.vault)["destinations"], clear["destinations"])
        return settings


def keys_stay_with_their_origins(document: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Refuse a key that was not entered anew for an origin it was not entered for. Raises SettingsError.

    Those who may change settings need not know the key; sent to a host of theirs, they would.
    """
    kept = {(block.get(SECRET), _origin(block)) for block in before["destinations"].values()}
    for name, block in document["destinations"].items():
        key = block.get(SECRET)
        if isinstance(key, str) and _is_sealed(key) and (key, _origin(block)) not in kept:
            raise SettingsError(
                f"destinations.{name}.{SECRET}",
                expected="the key, entered again",
                got="the one that is kept",
                hint="it was entered for another base_url",
            )
    known = {(block.get(CHANNEL_SECRET), *_way(block)) for block in before.get("alerts", {}).values()}
    for name, block in document.get("alerts", {}).items():
        key = block.get(CHANNEL_SECRET)
        if isinstance(key, str) and _is_sealed(key) and (key, *_way(block)) not in known:
            raise SettingsError(
                f"alerts.{name}.{CHANNEL_SECRET}",
                expected="the secret, entered again",
                got="the one that is kept",
                hint="it was entered for another server or address",
            )


def opened(document: Mapping[str, Any], vault: Vault) -> Document:
    """Return a document with its secrets readable. Raises SettingsError."""
    return _with_secrets(document, vault.open)


def sealed(document: Mapping[str, Any], vault: Vault) -> Document:
    """Return a document with its secrets sealed; those that are already stay as they are."""
    return _with_secrets(document, lambda text: vault.seal(vault.open(text)) if not _is_sealed(text) else text)


def resealed(document: Mapping[str, Any], vault: Vault) -> Document:
    """Return a document with its secrets sealed by the key in use, where a former one did. Raises SettingsError."""
    return _with_secrets(document, lambda text: vault.renewed(text) if _is_sealed(text) else text)


def document_of(file: Path) -> Document:
    """Read sources, destinations, connections and alerts of a file, with its references resolved. Raises SettingsError.

    Without a table of alerts, or a number of theirs, it says nothing of them: files of an older Penstock have none.
    """
    table = read_table(file)
    numbers = {name: table.pop(name) for name in NAMES if name in table}
    if unknown := sorted(table.keys() - EMPTY.keys()):
        raise SettingsError(
            unknown[0],
            expected="sources, destinations, connections, alerts",
            got=unknown[0],
            hint="penstock.toml has the rest",
        )
    document = {key: table.get(key, copy.deepcopy(empty)) for key, empty in EMPTY.items()}
    if "alerts" not in table:
        del document["alerts"]
    del document[THRESHOLDS]
    return document | ({THRESHOLDS: numbers} if numbers else {})


def document_in_force(settings: Settings) -> Document:
    """Return sources, destinations, connections and alerts wherever they were set up, without what is as by default."""
    return {
        "sources": {name: _block_of(source) for name, source in settings.sources.items()},
        "destinations": {name: _block_of(destination) for name, destination in settings.destinations.items()},
        "connections": [_block_of(connection) for connection in settings.connections],
        "alerts": {name: _block_of(channel) for name, channel in settings.alerts.items()},
        THRESHOLDS: chosen(settings),
    }


def toml_of(document: Mapping[str, Any]) -> str:
    """Return a document as TOML. A secret becomes a reference: NAME_API_KEY, of a channel NAME_SECRET, in the environment."""
    lines = [f"{name} = {_quoted(number)}" for name, number in document.get(THRESHOLDS, {}).items()]
    for kind in ("sources", "destinations", "alerts"):
        secret = CHANNEL_SECRET if kind == "alerts" else SECRET
        for name, block in document.get(kind, {}).items():
            lines += ["", f"[{kind}.{_quoted(name)}]"]
            for key, value in block.items():
                reference = "${" + re.sub(r"\W", "_", f"{name}_{secret}").upper() + "}"
                lines.append(f"{key} = {_quoted(reference if key == secret else value)}")
    for connection in document["connections"]:
        lines += ["", "[[connections]]", *(f"{key} = {_quoted(value)}" for key, value in connection.items())]
    return "\n".join(lines).lstrip() + "\n"


def differences(before_: Mapping[str, Any] | None, after_: Mapping[str, Any], *, shows_keys: bool = True) -> list[str]:
    """Return what differs between two documents, one sentence a field; secrets are named, never shown.

    Write keys, and the ids of companies, are shown to those alone who may change them.
    """
    secrets = (f".{SECRET}", f".{CHANNEL_SECRET}")
    hidden = secrets if shows_keys else (*secrets, *WRITE_KEYS)
    before, after = _flat(before_ or EMPTY), _flat(after_)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if name.endswith(hidden):
            lines.append(f"{name} was {'set' if old is None else 'removed' if new is None else 'changed'}")
        elif old is None:
            lines.append(f"{name} = {_quoted(new)}")
        elif new is None:
            lines.append(f"{name} was removed, it was {_quoted(old)}")
        else:
            lines.append(f"{name} = {_quoted(new)}, it was {_quoted(old)}")
    return lines


def _quoted(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {_quoted(each)}" for key, each in value.items()) + "}"
    # JSON's texts, numbers, flags and lists of texts are TOML's.
    return json.dumps(value, ensure_ascii=False)


def _with_secrets(document: Mapping[str, Any], treat: Callable[[str], str]) -> Document:
    changed = copy.deepcopy(dict(document))
    for destination in changed.get("destinations", {}).values():
        if isinstance(destination.get(SECRET), str):
            destination[SECRET] = treat(destination[SECRET])
    for channel in changed.get("alerts", {}).values():
        if isinstance(channel.get(CHANNEL_SECRET), str) and channel[CHANNEL_SECRET]:
            channel[CHANNEL_SECRET] = treat(channel[CHANNEL_SECRET])
    return changed


def _is_sealed(text: str) -> bool:
    return text.startswith("sealed:")


def _origin(block: Mapping[str, Any]) -> str:
    """Return where a block's key goes; both spellings of one origin are one."""
    text = block.get("base_url", BASE_URL)
    try:
        return str(origin_of(text))
    except (ValueError, TypeError):
        return repr(text)


def _way(block: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where the secret of a channel goes, and as what."""
    return tuple(str(block.get(key, "")) for key in ("type", "server", "security", "user", "url"))


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{name}.{key}".lstrip(".")).items()}
    if isinstance(value, list) and name == "connections":
        return {f"connection {c.get('from')} to {c.get('to')}": _events(c) for c in value}
    return {name: value}


def _block_of(thing: Source | Destination | Connection | AlertChannel) -> dict[str, Any]:
    values = {field.name: (getattr(thing, field.name), field.default) for field in dataclasses.fields(thing)}
    return {
        name.rstrip("_"): list(value) if isinstance(value, tuple) else value
        for name, (value, default) in values.items()
        if name != "name" and (value != default or name == "type")
    }


def _events(connection: Mapping[str, Any]) -> str:
    """Return which events pass, as people say it."""
    allow, deny = connection.get("events_allow"), connection.get("events_deny")
    which = f"only {', '.join(allow)}" if allow else f"all but {', '.join(deny)}" if deny else "all events"
    begin = connection.get("deliver_from")
    return f"{which}, from {begin}" if begin else which
