"""Looking after the store: doctor, backup and restore, put together beside run/wiring.py, for the command line and each start."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from penstock import __version__
from penstock.clock import SystemClock
from penstock.run.at_rest import secret_key, unlock
from penstock.settings import Settings

if TYPE_CHECKING:
    from penstock.buffer.sqlite.delivery.delivery import DeliveryStore
    from penstock.buffer.sqlite.doctor.backup import Manifest
    from penstock.buffer.sqlite.doctor.doctor import Doctor
    from penstock.buffer.sqlite.doctor.restore import Proof, Restored

log = structlog.get_logger()
DAY_S = 86_400


def say_what_is_amiss(settings: Settings, store: "DeliveryStore") -> None:
    """Log what a look at a start finds. Raises BufferUnavailable, StoreDamaged."""
    for gap in store.gaps():
        log.warning("events_missing", first=gap.first, last=gap.last, ended=gap.ended, cannot_be_sent=gap.waiting)
    if store.replays_expired:
        log.warning("replays_expired")
    for finding in open_doctor(settings).at_start():
        log.error("store_in_doubt", file=finding.file, finding=finding.sentence)


def open_doctor(settings: Settings, *, tell: Callable[[str], None] = lambda _: None) -> "Doctor":
    """Return who examines the data folder; `tell` hears what is looked at."""
    from penstock.buffer.sqlite.doctor.doctor import Doctor

    unlock(settings)
    sources_of = {name: settings.sources_of(name) for name in settings.destinations}
    return Doctor(settings.data_dir, sources_of=sources_of, clock=SystemClock(), tell=tell)


def back_up(settings: Settings, to: Path, *, with_key: bool, tell: Callable[[str], None]) -> "Manifest":
    """Copy the data folder's files of one moment. Raises BackupRefused, BufferUnavailable, StoreDamaged."""
    from penstock.buffer.sqlite.doctor import backup

    unlock(settings)
    return backup.back_up(
        settings.data_dir,
        to,
        at=SystemClock().now(),
        version=__version__,
        secret_key=secret_key(settings),
        with_key=with_key,
        tell=tell,
    )


def restore(settings: Settings, from_: Path, *, replace: bool) -> "Restored":
    """Put a set of copies into the data folder, which must not be in use meanwhile. Raises BackupRefused."""
    from penstock.buffer.sqlite.doctor import restore

    stamp = f"{SystemClock().now():.0f}"
    key = secret_key(settings)
    return restore.restore(from_, settings.data_dir, secret_key=key, stamp=stamp, replace=replace)


def prove(settings: Settings, from_: Path, scratch: Path, *, tell: Callable[[str], None]) -> "Proof":
    """Put a set of copies into a folder made for it, and examine it there. Raises BackupRefused."""
    from penstock.buffer.sqlite.doctor import restore

    return restore.prove(from_, scratch, secret_key=secret_key(settings), clock=SystemClock(), tell=tell)


def kept_until(settings: Settings, *, now: float) -> dict[str, Any]:
    """Return what the log is asked to remove, in the words of its `prune`; `now` in seconds since 1970."""
    return {
        "older_than_ms": int((now - settings.retention_days * DAY_S) * 1000),
        "bytes_max": settings.retention_bytes_max,
        "destinations": tuple(settings.destinations),
        "bodies_older_than_ms": int((now - settings.payload_days * DAY_S) * 1000) if settings.payload_days else None,
    }
