"""`penstock migrate` and `penstock cluster reseed`, put together: from one machine to an engine, from one to another, and back.

While it goes on, a mark lies in the data folder, beside which nothing starts; interrupted anywhere, the same command goes on.
"""

import asyncio
import contextlib
import dataclasses
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import msgspec

from penstock.buffer.sqlite.doctor.backup import Tell
from penstock.clock import SystemClock
from penstock.errors import BufferUnavailable, MoveRefused, SettingsError, StoreDamaged
from penstock.privacy.requests import write_file
from penstock.run.at_rest import unlock
from penstock.settings import Settings
from penstock.witness.opening import open_witness
from penstock.witness.port import Witness

MARK = "moving.json"
EngineTo = Literal["nats", "postgres", "sqlite"]
#: By engine: what is to be taken away once there is no going back.
COPIES = {
    "nats": "nats stream ls, nats stream rm PENSTOCK_…",
    "postgres": "DROP SCHEMA penstock CASCADE",
}


class Moving(msgspec.Struct, frozen=True):
    """What is going on."""

    source: EngineTo
    to: EngineTo
    #: Which life the streams that are made get.
    life: str


def require_settled(settings: Settings) -> None:
    """Refuse to serve what is being moved, or what follows streams on one machine. Raises SettingsError."""
    from penstock.buffer.sqlite.replica.leaving import views_in

    if (settings.data_dir / MARK).exists():
        moving = _mark_in(settings)
        hint = f"run penstock migrate --to {moving.to if moving else '…'} once more: it goes on where it was"
        raise SettingsError("data_dir", expected="files of one engine", got="a move that was interrupted", hint=hint)
    if settings.engine != "sqlite" or not settings.data_dir.exists():
        return
    unlock(settings)
    with contextlib.suppress(BufferUnavailable, StoreDamaged):  # said by who opens the files
        if following := views_in(settings.data_dir):
            hint = "name the engine in the settings, or run penstock migrate --to sqlite, which brings all of it here"
            got = f"files that follow streams: {', '.join(following)}"
            raise SettingsError("engine", expected="nats or postgres", got=got, hint=hint)


def migrate(settings: Settings, to: EngineTo, *, tell: Tell) -> None:
    """Move the data folder, which must not be in use. Raises MoveRefused, SettingsError, WitnessUnreachable, what files raise."""
    unlock(settings)
    asyncio.run(_migrate(settings, to, tell=tell))


def outlook(settings: Settings, to: EngineTo) -> list[str]:
    """Return what a move would do, in sentences; nothing is changed. Raises as `migrate` does."""
    unlock(settings)
    return asyncio.run(_outlook(settings, to))


def reseed(settings: Settings, *, tell: Tell) -> None:
    """Make the streams anew of the views in this data folder; what the engine has beside that goes. Raises as `migrate` does."""
    unlock(settings)
    asyncio.run(_reseed(settings, tell=tell))


def reseed_outlook(settings: Settings) -> list[str]:
    """Return what the views in this folder have beside the streams, in sentences; nothing is changed. Raises as `migrate` does."""
    unlock(settings)
    return asyncio.run(_reseed_outlook(settings))


async def _migrate(settings: Settings, to: EngineTo, *, tell: Tell) -> None:
    from penstock.buffer.sqlite.replica.leaving import leave
    from penstock.buffer.sqlite.replica.moves import begin

    moving, mark = _moving(settings, to), settings.data_dir / MARK
    if moving.source == moving.to == "sqlite":
        raise MoveRefused(f"{settings.data_dir} is one machine's already")
    write_file(mark, msgspec.json.encode(moving))
    if _follows_source(settings, moving):
        async with _witness(settings, moving.source) as witness:
            await leave(settings.data_dir, witness, clock=SystemClock(), tell=tell)
        tell(f"{moving.source} still has copies of all of it; once you are sure: {COPIES[moving.source]}")
    if to != "sqlite":
        async with _witness(settings, to) as witness:
            await begin(settings.data_dir, witness, life=moving.life, tell=tell)
    mark.unlink()


def _moving(settings: Settings, to: EngineTo) -> Moving:
    """Return the move that was interrupted, or is given up; else a new one."""
    found = _mark_in(settings)
    if found is None:
        return Moving(_engine_of(settings), to, secrets.token_hex(8))
    if found.to == to:
        return found
    if to != "sqlite":
        hint = f"finish it, or give it up with --to sqlite, before you move to {to}"
        raise MoveRefused(f"a move to {found.to} was interrupted: {hint}")
    source = found.source if _follows_source(settings, found) else found.to
    return Moving(source, to, secrets.token_hex(8))


def _engine_of(settings: Settings) -> EngineTo:
    """Return which engine the files of the folder follow."""
    from penstock.buffer.sqlite.replica.leaving import views_in

    if not views_in(settings.data_dir):
        return "sqlite"
    named = [name for name, url in (("nats", settings.nats_url), ("postgres", settings.postgres_url)) if url]
    if settings.engine != "sqlite":
        return settings.engine
    if len(named) == 1:
        return "nats" if named == ["nats"] else "postgres"
    hint = "name the engine that this folder's files follow; it is changed after the move"
    raise SettingsError("engine", expected="nats or postgres", got=settings.engine, hint=hint)


def _follows_source(settings: Settings, moving: Moving) -> bool:
    """Return whether files still follow the streams that they are moved away from."""
    from penstock.buffer.sqlite.replica.leaving import lives_in

    if moving.source == "sqlite":
        return False
    is_given_up = moving.to == "sqlite"
    lives = lives_in(settings.data_dir)
    return is_given_up or any(life != moving.life for life in lives.values())


async def _outlook(settings: Settings, to: EngineTo) -> list[str]:
    from penstock.buffer.sqlite.replica.moves import STREAMS

    moving, said = _moving(settings, to), []
    for engine in dict.fromkeys(each for each in (moving.source, moving.to) if each != "sqlite"):
        async with _witness(settings, engine) as witness:
            spans = [f"{stream} up to {(await witness.span(stream)).last}" for stream in STREAMS.values()]
            holders = sorted({each.owner for each in (await witness.owners()).values()})
        said.append(f"{engine} answers: {', '.join(spans)}; {', '.join(holders) or 'no node'} works with it")
    for file in STREAMS:
        path = settings.data_dir / file
        said.append(f"{file}: {path.stat().st_size if path.exists() else 0} bytes")
    said.append(f"all of it would go from {moving.source} to {moving.to}; meanwhile nothing is accepted")
    return said


async def _reseed(settings: Settings, *, tell: Tell) -> None:
    from penstock.buffer.sqlite.replica.leaving import require_nobody
    from penstock.buffer.sqlite.replica.moves import begin

    engine, mark = settings.engine, settings.data_dir / MARK
    if engine == "sqlite":
        raise MoveRefused("one machine has no streams")
    found = _mark_in(settings)
    if found is not None and found.to != engine:
        raise MoveRefused(f"a move to {found.to} was interrupted: finish it first")
    moving = found or Moving(engine, engine, secrets.token_hex(8))
    async with _witness(settings, engine) as witness:
        await require_nobody(witness, tell=tell)
        write_file(mark, msgspec.json.encode(moving))
        await begin(settings.data_dir, witness, life=moving.life, tell=tell, is_over=True)
    mark.unlink()


async def _reseed_outlook(settings: Settings) -> list[str]:
    from penstock.buffer.sqlite.replica.leaving import places_in
    from penstock.buffer.sqlite.replica.moves import STREAMS

    said = []
    async with _witness(settings, settings.engine) as witness:
        for file, (number, facts) in places_in(settings.data_dir).items():
            span = await witness.span(STREAMS[file])
            said.append(f"{file}: follows {STREAMS[file]} up to {number}, which ends with {span.last}; {facts}")
    return said


@contextlib.asynccontextmanager
async def _witness(settings: Settings, engine: EngineTo) -> AsyncIterator[Witness]:
    changes: Mapping[str, Any] = {"engine": engine}
    witness = await open_witness(dataclasses.replace(settings, **changes))
    if witness is None:
        raise MoveRefused("one machine has no streams")
    try:
        yield witness
    finally:
        await witness.close()


def _mark_in(settings: Settings) -> Moving | None:
    try:
        return msgspec.json.decode((settings.data_dir / MARK).read_bytes(), type=Moving)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise MoveRefused(f"{settings.data_dir / MARK} is not what penstock migrate writes: {error}") from error
