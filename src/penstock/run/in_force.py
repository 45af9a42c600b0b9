"""Which settings are in force: those of the file, of the environment and of the dashboard, put together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.clock import sleep
from penstock.errors import BufferUnavailable, SettingsError
from penstock.run.opening import open_control, open_vault
from penstock.run.process import OPEN_AGAIN_S, complain
from penstock.settings import Following, Settings, data_dir_of
from penstock.settings.consent import consent_to_file
from penstock.settings.last_known import last_known
from penstock.settings.revisions import opened


def following_at_start(
    role: str, path: Path | None, alone: Settings, *, handed_on: Mapping[str, Any] | None = None
) -> Following:
    """Return the settings; while control.db cannot be read, only who looks at the store goes on without it.

    A source that only the dashboard knows would be a stranger to accept, and its SDKs would drop their events. `alone` is
    what the settings file says without the dashboard, and `handed_on` what the process before this one believed of it.
    """
    complaint = ""
    while True:
        try:
            # A file of an older Penstock would look empty to its first reader.
            open_control(alone).bring_up_to_date()
        except BufferUnavailable as error:
            complaint = complain(error, complaint)
        try:
            return follow(path, handed_on=handed_on)
        except BufferUnavailable as error:
            complaint = complain(error, complaint)
            if role == "operate":
                return Following(path, dashboard=_set_up_if_readable, consent=consent_to_file, handed_on=handed_on)
        sleep(OPEN_AGAIN_S)


def _set_up_if_readable(settings: Settings) -> Mapping[str, object] | None:
    try:
        return _set_up_in_dashboard(settings)
    except BufferUnavailable:
        return None  # said already; the status is served all the same


def settings_in_force(path: Path | None) -> Settings:
    """Return what penstock.toml, the environment and the dashboard say together. Raises SettingsError."""
    return follow(path).settings


def follow(path: Path | None, *, handed_on: Mapping[str, Any] | None = None) -> Following:
    """Return the settings, as one who looks again and again believes them. Raises SettingsError."""
    return Following(path, dashboard=_set_up_in_dashboard, consent=consent_to_file, handed_on=handed_on)


def _set_up_in_dashboard(settings: Settings) -> Mapping[str, object] | None:
    newest = open_control(settings).newest()
    return opened(newest.document, open_vault(settings)) if newest else None


def settings_to_look_with(path: Path | None) -> tuple[Settings, SettingsError | None]:
    """Return the settings in force; while they cannot be used, what a server had in force last, and why.

    Raises SettingsError when there is nothing of a server to look at.
    """
    try:
        return settings_in_force(path), None
    except SettingsError as error:
        # Without the key that opens the files there is nothing to look at.
        known = None if error.name == "secret_key_file" else last_known(data_dir_of(path))
        if known is None:
            raise
        return known, error
