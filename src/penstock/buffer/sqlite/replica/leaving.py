"""Views become the files of one machine again, with all that is in the streams; see moves.py."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from penstock.buffer.sqlite.connections import SqliteConnection, connect_to_read
from penstock.buffer.sqlite.doctor.backup import Tell
from penstock.buffer.sqlite.file import CONTROL, DELIVERY, EVENTS, as_store_errors, open_writer, transaction
from penstock.buffer.sqlite.folder import identity_of
from penstock.buffer.sqlite.log.segments import last_seq
from penstock.buffer.sqlite.replica.events import EventsView
from penstock.buffer.sqlite.replica.follower import FileView
from penstock.buffer.sqlite.replica.lives import Move, Phase, newest_move, say
from penstock.buffer.sqlite.replica.messages import What, chained, encoded, message_of
from penstock.buffer.sqlite.replica.moves import STREAMS
from penstock.buffer.sqlite.replica.place import be_no_view, is_view, life_of, place_of
from penstock.buffer.sqlite.replica.tenure import LeaseKeeper
from penstock.clock import Clock
from penstock.errors import MoveRefused
from penstock.witness.port import NotAppended, Witness

Found = TypeVar("Found")

#: How long it takes until every accept has noticed that the streams are not in use any more, in seconds: each looks once a second.
GRACE_S = 15.0
#: How often the leases of nodes that ended are looked at, until they have run out, and how long between two looks.
LEASE_TRIES, LEASE_REST_S = 8, 2.0
#: Who holds the lease meanwhile.
ONE_MACHINE = "one machine"
# How often all is taken in again, because something came meanwhile.
TRIES = 10


async def leave(folder: Path, witness: Witness, *, clock: Clock, tell: Tell) -> None:
    """Let a folder that nothing else uses have all that the streams have, and follow them no more; no node works any more.

    Raises MoveRefused, ViewRefused, WitnessUnreachable, and what files raise.
    """
    identity, following = identity_of(folder / EVENTS), views_in(folder)
    _, said = await newest_move(witness)
    is_own = said.folder == identity
    if said.phase is not Phase.BEGUN and not is_own:
        raise MoveRefused(
            "another folder took over what was in these streams, or is moved into them: this one is behind it"
        )
    if not following and said.phase is Phase.BEGUN:
        raise MoveRefused(f"{folder} has no files that follow streams")
    # Once one file follows nothing any more, all had been taken in; and what was still being moved in, is in the files.
    if len(following) == len(STREAMS) and said.phase is not Phase.MOVING:
        await _take_in_all(folder, witness, said, clock=clock, tell=tell)
    await say(witness, Move(Phase.MOVED, said.life, identity))
    for file in following:
        opened = contextlib.closing(open_writer(folder / file, follows=True))
        with opened as connection, as_store_errors(file), transaction(connection):
            be_no_view(connection)
        tell(f"{file}: follows no stream any more")


def views_in(folder: Path) -> list[str]:
    """Return which files of a folder follow streams. Raises BufferUnavailable, StoreDamaged."""
    return list(lives_in(folder))


def lives_in(folder: Path) -> dict[str, str]:
    """Return by file that follows a stream: which life of it. Raises BufferUnavailable, StoreDamaged."""
    return {file: found for file, found in _looked_at(folder, life_of) if found is not None}


def places_in(folder: Path) -> dict[str, tuple[int, str]]:
    """Return by file that follows a stream: up to which number, and what it has, in a sentence. Raises as `lives_in`."""
    return {file: found for file, found in _looked_at(folder, _place_and_facts) if found is not None}


def _place_and_facts(connection: SqliteConnection) -> tuple[int, str]:
    facts = "settings and users"
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'segment'").fetchone():
        facts = f"events up to {last_seq(connection)}"
    elif connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'tally'").fetchone():
        ended = connection.execute("SELECT coalesce(sum(count), 0) FROM tally").fetchone()[0]
        facts = f"{ended} outcomes"
    return place_of(connection).number, facts


def _looked_at(folder: Path, look: Callable[[SqliteConnection], Found]) -> Iterator[tuple[str, Found | None]]:
    for file in STREAMS:
        if (folder / file).exists():
            with as_store_errors(file), contextlib.closing(connect_to_read(folder / file)) as connection:
                yield file, look(connection) if is_view(connection) else None


async def require_nobody(witness: Witness, *, tell: Tell) -> None:
    """See that no node holds a lease any more; those of a node that died run out meanwhile. Raises MoveRefused."""
    held: dict[str, str] = {}
    for _ in range(LEASE_TRIES):
        held = {name: each.owner for name, each in (await witness.owners()).items() if ONE_MACHINE not in each.owner}
        if not held:
            return
        tell(f"waiting for {', '.join(f'{name} of {owner}' for name, owner in sorted(held.items()))}")
        await asyncio.sleep(LEASE_REST_S)
    raise MoveRefused(f"nodes still work: {', '.join(sorted(held.values()))}; stop all of them first")


async def _take_in_all(folder: Path, witness: Witness, said: Move, *, clock: Clock, tell: Tell) -> None:
    await require_nobody(witness, tell=tell)
    await say(witness, Move(Phase.MOVED, said.life, identity_of(folder / EVENTS)))
    tell(f"every node is told; events that are on their way are waited for, {GRACE_S:g} s")
    await asyncio.sleep(GRACE_S)
    control, state = (FileView(folder / file, STREAMS[file], witness) for file in (CONTROL, DELIVERY))
    views = (control, state, EventsView(folder / EVENTS, STREAMS[EVENTS], witness))
    keeper = LeaseKeeper(state.stream, witness, node=ONE_MACHINE, clock=clock)
    # The next try is the same owner: nothing else uses this folder.
    keeper.owner = f"{ONE_MACHINE}/{identity_of(folder / EVENTS)}"
    try:
        for view in views:
            view.open()
        if not await keeper.take():
            raise MoveRefused(f"{keeper.holder or 'a node'} took {state.stream} meanwhile: stop it first")
        await _fence(state, epoch=keeper.epoch)
        for _ in range(TRIES):
            if not sum([await view.catch_up() for view in views]):
                break
        else:
            raise MoveRefused("something is written to the streams all the time: stop all nodes first")
    finally:
        for view in views:
            view.close()
        await keeper.give_up()
    for view in views:
        tell(f"{view.path.name}: all of {view.stream} is in it, up to {view.place.number}")


async def _fence(state: FileView, *, epoch: int) -> None:
    """Let no node append to the state any more: one that still would expects another end."""
    while True:
        await state.catch_up()
        said = chained(message_of(What.OWNER, ONE_MACHINE.encode(), schema=state.schema), state.place, epoch=epoch)
        id_ = f"left-{said.chain.hex()}"
        number = await state.witness.append(state.stream, encoded(said), expected=state.place.number, id=id_)
        if not isinstance(number, NotAppended):
            return
