"""How a set that was backed up comes back, and the proof that it would."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import msgspec

from penstock.buffer.sqlite.at_rest import ring, sealed_keys
from penstock.buffer.sqlite.at_rest.sealed_keys import synced
from penstock.buffer.sqlite.at_rest.secret import Secret, SecretFile
from penstock.buffer.sqlite.doctor.backup import (
    MANIFEST,
    PRIVACY,
    SECRET_KEY,
    SUPPRESSED,
    Manifest,
    Tell,
    copied,
    copy_file,
    copy_privacy,
    facts_of,
    fingerprint,
    has_room,
    sentences,
)
from penstock.buffer.sqlite.doctor.doctor import Doctor
from penstock.buffer.sqlite.folder import BESIDE, FILES, UNFINISHED, is_unfinished
from penstock.clock import Clock
from penstock.errors import BackupRefused, SettingsError

SIDE_FILES = ("", "-wal", "-shm")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A set that was put back."""

    manifest: Manifest
    #: Where the files that were there went; None when there were none.
    aside: Path | None
    #: API keys were sealed with a key that is not here.
    key_is_missing: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a set turned out to be when it was put back to be examined."""

    manifest: Manifest
    #: Sentences; none when it comes back whole.
    wrong: Sequence[str]


def require_key(from_: Path, vault: Secret) -> None:
    """See that the files of a set can be read with the secret key that is here. Raises BackupRefused."""
    try:
        sealed = sealed_keys.read(from_)
        if sealed is not None:
            sealed_keys.opened(sealed, vault, place=from_)
    except SettingsError as error:
        raise BackupRefused(f"{from_} is encrypted: {error}") from error


def restore(from_: Path, data_dir: Path, *, secret_key: Path, stamp: str, replace: bool) -> Restored:
    """Put a set into a data folder that no process uses. Raises BackupRefused, and nothing was changed then.

    Interrupted, it leaves a mark, beside which nothing starts; run again, it goes on.
    """
    manifest = read_manifest(from_)
    if wrong := differences(from_, manifest):
        raise BackupRefused(f"{from_} is not whole: {'; '.join(wrong)}")
    require_key(from_, SecretFile(secret_key))
    aside = _put_back(from_, data_dir, manifest, secret_key=secret_key, stamp=stamp, replace=replace)
    is_missing = bool(manifest.secret_key) and fingerprint(secret_key) != manifest.secret_key
    return Restored(manifest=manifest, aside=aside, key_is_missing=is_missing)


def prove(from_: Path, scratch: Path, *, secret_key: Path, clock: Clock, tell: Tell) -> Proof:
    """Put a set into a folder made for it and look whether it is whole, adds up, and holds what it says.

    Raises BackupRefused without the secret key that opens it: its own, or the one that is here.
    """
    manifest = read_manifest(from_)
    wrong = differences(from_, manifest)
    if not wrong:
        vault = SecretFile(from_ / SECRET_KEY if (from_ / SECRET_KEY).exists() else secret_key)
        require_key(from_, vault)
        ring.unlock(scratch, vault)
        _put_back(from_, scratch, manifest, secret_key=vault.path, stamp="", replace=False)
        doctor = Doctor(scratch, sources_of={}, clock=clock, tell=tell)
        found = doctor.damaged() or doctor.findings()
        wrong = [f"{finding.file}: {finding.sentence}" for finding in found] or _contradictions(scratch, manifest)
    return Proof(manifest=manifest, wrong=wrong)


def _contradictions(data_dir: Path, manifest: Manifest) -> list[str]:
    facts, said = msgspec.to_builtins(facts_of(data_dir)), msgspec.to_builtins(manifest)
    return [
        f"{name}: {said[name]} was written down, {fact} came back" for name, fact in facts.items() if said[name] != fact
    ]


def read_manifest(from_: Path) -> Manifest:
    """Return what a set says it holds. Raises BackupRefused."""
    try:
        return msgspec.json.decode((from_ / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise BackupRefused(f"{from_ / MANIFEST} cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BackupRefused(f"{from_ / MANIFEST} is not what penstock backup writes: {error}") from error


def differences(from_: Path, manifest: Manifest) -> list[str]:
    """Return which files of a set are not what was written into it."""
    found = []
    for name, written in manifest.files.items():
        path = from_ / name
        if not path.exists():
            found.append(f"{name} is missing")
        elif copied(path) != written:
            found.append(f"{name} is not the file that was written: its size or its checksum differs")
    return found


def _put_back(
    from_: Path, data_dir: Path, manifest: Manifest, *, secret_key: Path, stamp: str, replace: bool
) -> Path | None:
    """Copy the files of a set; return where those that were there went, if there were any."""
    names = (*FILES, BESIDE, sealed_keys.FILE)
    present = [
        path for name in names for path in data_dir.glob(f"{name}*") if path.name.removeprefix(name) in SIDE_FILES
    ]
    if present and not replace and not is_unfinished(data_dir):
        raise BackupRefused(f"{data_dir} has files already: {', '.join(sorted(path.name for path in present))}")
    with sentences(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        has_room(data_dir, sum(written.size_bytes for written in manifest.files.values()))
        (data_dir / UNFINISHED).touch()
        synced(data_dir)
        aside = _move_aside(present, data_dir / f"replaced-{stamp}")
        # The list of the set was merged with the one that is here before; see run/restoring.py.
        copy_privacy(from_, data_dir)
        for name in (name for name in manifest.files if not is_of_privacy(name)):
            # A key that is kept elsewhere does not come to lie beside what it opens.
            if name != SECRET_KEY or (secret_key == data_dir / name and not secret_key.exists()):
                copy_file(from_ / name, data_dir / f"{name}.restoring")
                (data_dir / f"{name}.restoring").replace(data_dir / name)
        synced(data_dir)
        (data_dir / UNFINISHED).unlink()
        synced(data_dir)
    return aside


def is_of_privacy(name: str) -> bool:
    """Return whether a file of a set is about suppressed or erased people: the one that is here counts, and is added to."""
    return name == SUPPRESSED or name.startswith(f"{PRIVACY}/")


def _move_aside(files: Sequence[Path], aside: Path) -> Path | None:
    if not files:
        return None
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in files:
        path.rename(aside / path.name)
    return aside
