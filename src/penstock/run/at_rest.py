"""Whether the files of a data folder are encrypted, as the settings want it; and where the key lies that opens them."""

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from penstock.errors import SettingsError
from penstock.settings import Settings
from penstock.settings.vault import Vault

if TYPE_CHECKING:
    from penstock.buffer.sqlite.control.control import SqliteControl

log = structlog.get_logger()


def secret_key(settings: Settings) -> Path:
    """Return where the key lies that seals secrets at rest."""
    return Path(settings.secret_key_file) if settings.secret_key_file else settings.data_dir / "secret.key"


def is_beside(settings: Settings) -> bool:
    """Return whether the secret key lies in the data folder: who has the one has the other."""
    return secret_key(settings).resolve().is_relative_to(settings.data_dir.resolve())


def encrypts_new(settings: Settings) -> bool:
    """Return whether a folder without files is to have encrypted ones."""
    return settings.encryption == "on" or (settings.encryption == "auto" and not is_beside(settings))


def unlock(settings: Settings) -> Vault:
    """Say where the secret key of the data folder lies, and return what it opens.

    Raises SettingsError when the files are encrypted and it is not the key that opens them.
    """
    from penstock.buffer.sqlite.at_rest import ring

    vault = Vault(secret_key(settings))
    ring.unlock(settings.data_dir, vault, encrypts_new=encrypts_new(settings))
    return vault


def require(settings: Settings) -> None:
    """See that the files are as the settings want them, and that the secret key in use seals their key. Raises SettingsError."""
    from penstock.buffer.sqlite.at_rest import ring, turning
    from penstock.buffer.sqlite.at_rest.secret import fingerprint_of

    vault, folder = unlock(settings), settings.data_dir
    turning.require_whole(folder)
    is_encrypted = bool(ring.keys_in(folder).to)
    if settings.encryption == "off" and is_encrypted:
        raise SettingsError(
            "encryption", expected="a folder in the clear", got="an encrypted one", hint="run penstock encrypt --undo"
        )
    if settings.encryption == "on" and not is_encrypted and any(folder.glob("*.db")):
        raise SettingsError(
            "encryption", expected="an encrypted folder", got="one in the clear", hint="run penstock encrypt"
        )
    if turning.reseal(folder, vault):
        log.info("encryption_key_sealed_anew", secret_key=fingerprint_of(vault.all()[0]))


def seal_anew(settings: Settings, control: "SqliteControl") -> None:
    """Seal with the key in use what a former one still opens: secrets entered in the dashboard, names in requests about people.

    So a key that leaked opens nothing of a later copy of the folder. Raises SettingsError, BufferUnavailable.
    """
    from penstock.buffer.sqlite.at_rest.secret import fingerprint_of
    from penstock.privacy.errands import Errands
    from penstock.privacy.requests import Requests
    from penstock.settings.revisions import resealed

    vault = unlock(settings)
    if count := control.treat(lambda document: resealed(document, vault)):
        log.info("secrets_sealed_anew", revisions=count, secret_key=fingerprint_of(vault.all()[0]))
    try:
        named = Requests(settings.data_dir, vault=vault, clock=control.clock).reseal()
        named += Errands(settings.data_dir, vault=vault).reseal()
    except (SettingsError, OSError) as error:
        # The former key still opens them; the next start tries again.
        reason = error.without_value() if isinstance(error, SettingsError) else type(error).__name__
        log.warning("requests_not_sealed_anew", reason=reason)
    else:
        if named:
            log.info("requests_sealed_anew", requests=named, secret_key=fingerprint_of(vault.all()[0]))


def standing(settings: Settings) -> str:
    """Return whether the files are encrypted, and which secret key opens them. Raises SettingsError."""
    from penstock.buffer.sqlite.at_rest import sealed_keys

    sealed = sealed_keys.read(settings.data_dir)
    return f"encrypted; the secret key {sealed.secret_key} opens it" if sealed else "in the clear"


def notices(settings: Settings) -> list[str]:
    """Return what people must know of an encrypted folder, as sentences. Raises SettingsError."""
    from penstock.buffer.sqlite.at_rest import sealed_keys, turning

    folder = settings.data_dir
    if sealed_keys.read(folder) is None:
        return []
    found = []
    if is_beside(settings):
        found.append(
            f"the files of {folder} are encrypted, and {secret_key(settings)}, which opens them, lies beside them: that protects"
            " nothing; keep it on another disk, and name it with secret_key_file"
        )
    if left := turning.left_in_the_clear(folder):
        found.append(f"not encrypted: {', '.join(left)}; remove what is not needed any more")
    return found
