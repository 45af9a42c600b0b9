"""A restore that brings no erased person back: the list of who was erased is merged first, and gone through before anything is served."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import BackupRefused, SettingsError
from penstock.identity import USER, VISITOR
from penstock.privacy.suppressed import FILE, SuppressedList, mark_of_list, read_list
from penstock.run.at_rest import secret_key
from penstock.run.care import restore as put_back
from penstock.run.opening import open_searching, open_store, open_suppressed, open_vault
from penstock.settings import Settings
from penstock.timestamps import from_ms, to_text

if TYPE_CHECKING:
    from penstock.buffer.sqlite.doctor.restore import Restored

#: Lies in a data folder until everybody on the list is gone from the files that were put back.
AGAIN = "erase-again.unfinished"


def restore(
    settings: Settings, from_: Path, *, replace: bool, suppressed: Path | None, without_list: bool
) -> tuple["Restored", int]:
    """Put a set back, and erase from it who was erased since it was made; return how many events those had.

    `suppressed` is the present list, where it does not lie in the data folder. Raises BackupRefused, SettingsError,
    BufferUnavailable, StoreDamaged.
    """
    from penstock.buffer.sqlite.at_rest.secret import SecretFile
    from penstock.buffer.sqlite.doctor.backup import SECRET_KEY, copy_file
    from penstock.buffer.sqlite.doctor.restore import read_manifest, require_key

    manifest, own = read_manifest(from_), settings.data_dir / FILE
    lists = [path for path in (suppressed, from_ / FILE) if path is not None and path.exists()]
    if not own.exists() and suppressed is None and lists and not without_list:
        raise BackupRefused(
            f"people were suppressed or erased before {from_} was made, and {own} is not here: who was erased since would come"
            " back; give the present list with --suppressed, or say --without-list"
        )
    key = secret_key(settings)
    require_key(from_, SecretFile(key if key.exists() or SECRET_KEY not in manifest.files else from_ / SECRET_KEY))
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not key.exists() and SECRET_KEY in manifest.files:
        copy_file(from_ / SECRET_KEY, key)
    if lists and not key.exists():
        raise BackupRefused(f"{key} is not here, without which no person on the list is known: bring it back first")
    again = settings.data_dir / AGAIN
    if lists or own.exists():
        again.touch(mode=0o600)
    for path in lists:
        _merge(path, SuppressedList(settings.data_dir, open_vault(settings).derived))
    restored = put_back(settings, from_, replace=replace)
    count = erase_again(settings, since=manifest.at)
    again.unlink(missing_ok=True)
    return restored, count


def require_erased(settings: Settings) -> None:
    """Refuse to serve what a restore put back, and did not go through. Raises SettingsError."""
    if (settings.data_dir / AGAIN).exists():
        hint = "run penstock restore once more: who was erased would be served again"
        raise SettingsError("data_dir", expected="files of one backup", got="a restore that was interrupted", hint=hint)


def erase_again(settings: Settings, *, since: float) -> int:
    """Erase from files not in use the people who were erased after a time, seconds since 1970; return how many events went."""
    people = open_suppressed(settings)
    gone = {digest for digest, at in people.erased.items() if at > to_text(from_ms(round(since * 1000)))}
    names = frozenset(name for name in _everybody(settings) if people.digest_of(name) in gone) if gone else frozenset()
    return asyncio.run(_erase(settings, names)) if names else 0


async def _erase(settings: Settings, names: frozenset[str]) -> int:
    searching, files = open_searching(settings), open_store(settings)
    found = searching.everything(names)
    log = files.log(disk_free_bytes_min=0, waiting_events_max=settings.waiting_events_max)
    store = files.delivery()
    async with contextlib.AsyncExitStack() as stack:
        await log.open()
        stack.push_async_callback(log.close)
        await store.open()
        stack.push_async_callback(store.close)
        await log.remove(found.delivery.removal)
        await store.remove(found.delivery.removal)
    searching.traces.forget_asked(names)
    return found.events


def _everybody(settings: Settings) -> Iterator[str]:
    """Yield every name that stands where people are named: in events, records, ties and search keys."""
    from penstock.buffer.sqlite.privacy.delivery_search import names_in_delivery
    from penstock.buffer.sqlite.privacy.log_search import events_of_all
    from penstock.identity import names_in

    seen = set[str]()
    of_events = (name for _, event in events_of_all(settings.data_dir) for name in names_in(event))
    for name in (*names_in_delivery(settings.data_dir), *of_events):
        for each in (name, VISITOR + name.removeprefix(USER) if name.startswith(USER) else name):
            if each not in seen:
                seen.add(each)
                yield each


def _merge(path: Path, people: SuppressedList) -> None:
    people.look()
    if mark_of_list(path) != people.mark():
        raise BackupRefused(f"{path} was made with another secret.key than the one that is here")
    with contextlib.suppress(FileNotFoundError):
        people.merge(read_list(path))
