"""The settings in force while a process runs: penstock.toml as it is believed, and the dashboard's on top.

Editors, `cp` and templating tools truncate a file before they write it: a look in between finds an empty file, or
half of one, and both may be valid. So a change is believed once two looks see the same; and a file that lost every source
is not believed before a person says so, for what SDKs send to a source that is gone they throw away.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from penstock.errors import SettingsError
from penstock.settings.load import File, read_file, settings_of
from penstock.settings.renames import refuse_unsaid
from penstock.settings.table import Settings
from penstock.settings.text import read_bytes

#: What was said with `penstock apply`: a text that is new each time, and the digest of the file they meant.
Consent = tuple[str, str]

EMPTIED = SettingsError(
    "control.db",
    expected="the settings of the dashboard, as before",
    got="none",
    hint="what was set up there holds until a restart; put the file back, see penstock restore",
)


class Following:
    """What one process believes. Raises SettingsError at first; later, what cannot be used leaves all as it was."""

    def __init__(
        self,
        path: Path | None,
        *,
        dashboard: Callable[[Settings], Mapping[str, Any] | None],
        consent: Callable[[Path], Consent],
        environ: Mapping[str, str] = os.environ,
        handed_on: Mapping[str, Any] | None = None,
    ) -> None:
        """`handed_on` is what `to_hand_on` returned to the process before this one, which died."""
        self.path, self.environ, self.dashboard, self.consent = path, environ, dashboard, consent
        self.file = file_at_start(path, environ, handed_on=handed_on)
        #: What the dashboard said last; None: nothing was ever set up there.
        self.document: Mapping[str, Any] | None = handed_on["document"] if handed_on else None
        #: By whether the dashboard has a say: what was put together last, and of what. Most looks find the same again.
        self.made: dict[bool, tuple[File, Mapping[str, Any] | None, Settings]] = {}
        self.settings = self._in_force(self.file)
        #: What the last look saw, when it was not what is believed.
        self.seen: File | str | None = None
        #: Why the file as it is now is not followed.
        self.problem: SettingsError | None = None
        self.consented = tuple(handed_on["consented"]) if handed_on else consent(self.settings.data_dir)

    def look(self, *, asked: bool = False) -> tuple[Settings, SettingsError | None]:
        """Return the settings in force, and why newer ones are not, if there are any.

        A person who asks says that the file is whole: one look is enough. Raises BufferUnavailable and StoreDamaged.
        """
        for file in (self._look_at_file(asked=asked), self.file):
            try:
                self.settings, self.file = self._in_force(file), file
                break
            except SettingsError as error:
                # With the file as it was before, what changed in the dashboard may be usable still.
                self.problem = self.problem or error
        if self.is_emptied:
            self.problem = self.problem or EMPTIED
        return self.settings, self.problem

    def to_hand_on(self) -> dict[str, Any]:
        """Return what the next process of this role is to believe, if this one dies: secrets and all."""
        return {
            "table": self.file.table,
            "variables": sorted(self.file.variables),
            "consented": self.consented,
            "document": self.document,
        }

    def with_dashboard(self, document: Mapping[str, Any]) -> Settings:
        """Return the settings that the file, as it is believed, and another document would give. Raises SettingsError."""
        return settings_of(self.file, self.environ, dashboard=document)

    def _look_at_file(self, *, asked: bool) -> File:
        """Return what is to be believed of the file now: what it was, or what it became."""
        now, refusal, digest = self._read()
        consented = self.consent(self.settings.data_dir)
        if now == self.file:
            self.seen, self.problem, self.consented = None, None, consented
            return self.file
        seen, self.seen = self.seen, f"{digest} {refusal}" if now is None else now
        if not asked and seen != self.seen:
            return self.file
        is_consented = consented != self.consented and consented[1] == digest
        self.problem = refusal or (None if is_consented or now is None else _doubt(self.file, now, str(self.path)))
        if now is None or self.problem is not None:
            return self.file
        self.consented = consented
        return now

    def _read(self) -> tuple[File | None, SettingsError | None, str]:
        """Return what the file says, or why that cannot be told, and its digest."""
        digest = ""
        try:
            raw = read_bytes(self.path)
            digest = digest_of(raw)
            return read_file(self.path, self.environ, raw=raw), None, digest
        except SettingsError as error:
            return None, error, digest

    def _in_force(self, file: File) -> Settings:
        settings = self._together(file, None)
        document = self.dashboard(settings)
        # Revisions are never taken away: a file without any was emptied, or is being copied just now.
        self.is_emptied = document is None and self.document is not None
        document = self.document if self.is_emptied else document
        in_force = self._together(file, document) if document else settings
        self.document = document
        return in_force

    def _together(self, file: File, document: Mapping[str, Any] | None) -> Settings:
        made = self.made.get(document is not None)
        if made is None or made[0] is not file or made[1] != document:
            made = self.made[document is not None] = (
                file, document, settings_of(file, self.environ, dashboard=document)
            )  # fmt: skip
        return made[2]


def file_at_start(
    path: Path | None, environ: Mapping[str, str] = os.environ, *, handed_on: Mapping[str, Any] | None = None
) -> File:
    """Return what is to be believed of the file before there was time for two looks. Raises SettingsError.

    Who starts Penstock means the file as it is; a process that died did not ask anybody, and goes on with what was handed on.
    """
    if handed_on:
        return File(table=handed_on["table"], variables=frozenset(handed_on["variables"]))
    return read_file(path, environ)


def digest_of(raw: bytes) -> str:
    """Return what a file is known by in a consent."""
    return hashlib.sha256(raw).hexdigest()


def _doubt(before: File, now: File, path: str) -> SettingsError | None:
    """Return why a file that does not change any more is not followed before it is said to be meant."""
    try:
        refuse_unsaid(*(file.table.get("destinations", {}) for file in (before, now)))
    except SettingsError as error:
        return error
    return _loss(before, now, path)


def _loss(before: File, now: File, path: str) -> SettingsError | None:
    """Return why a file that does not change any more is not followed: what is gone may not have been meant."""
    is_empty = bool(before.table) and not now.table
    if not is_empty and (now.table.get("sources") or not before.table.get("sources")):
        return None
    return SettingsError(
        "config",
        expected="sources, as before",
        got=path,
        hint=f"it {'is empty' if is_empty else 'lost every source'}; if that is meant, run penstock apply, or restart",
    )
