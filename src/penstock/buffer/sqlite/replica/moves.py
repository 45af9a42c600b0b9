"""Files of one machine become views of streams, streams are made anew of a view, and views become the files of one machine.

    begin   say "moving" ──▶ each stream: a message "begun", the file as its snapshot, all before it pruned ──▶ say "begun"
    leave   say "moved" ──▶ take in what is left, fence ──▶ each file follows no stream any more

Whatever is done is found by looking at the streams and the files, so each of it may be broken off anywhere, and goes on when it is
asked for once more. What is said stands in a stream of its own: nodes that find anything but "begun" there do not work.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from penstock.buffer.sqlite.doctor.backup import Tell
from penstock.buffer.sqlite.file import (
    CONTROL,
    DELIVERY,
    EVENTS,
    SCHEMAS,
    as_store_errors,
    bring_forward,
    open_writer,
    transaction,
)
from penstock.buffer.sqlite.folder import identity_of
from penstock.buffer.sqlite.replica import snapshots
from penstock.buffer.sqlite.replica.lives import Move, Phase, newest_move, say
from penstock.buffer.sqlite.replica.messages import ViewPlace, What, encoded, message_of, place_behind
from penstock.buffer.sqlite.replica.place import begin_life, life_of, place_of
from penstock.errors import MoveRefused
from penstock.witness.port import NotAppended, Witness

#: By file: its stream. In the order in which they are moved: nodes need settings first, and events last.
STREAMS: Mapping[str, str] = MappingProxyType({CONTROL: "CONTROL", DELIVERY: "STATE", EVENTS: "EVENTS"})


async def begin(folder: Path, witness: Witness, *, life: str, tell: Tell, is_over: bool = False) -> None:
    """Make the streams of the files of a folder that nothing else uses; `life` tells this try, and those that go on with it.

    What the streams have goes, if `is_over`; else it is refused. Raises MoveRefused, WitnessUnreachable, and what files raise.
    """
    await _require_free(witness, life=life, is_over=is_over)
    identity = made_whole(folder)
    await say(witness, Move(Phase.MOVING, life, identity))
    for file, stream in STREAMS.items():
        size = (folder / file).stat().st_size if (folder / file).exists() else 0
        tell(f"{file}: {size} bytes go into the stream {stream}")
        number = await _seed(folder / file, stream, witness, life=life)
        tell(f"{file}: its snapshot is there, as {stream} {number}")
    await say(witness, Move(Phase.BEGUN, life, identity))


def made_whole(folder: Path) -> str:
    """Make the files that a folder lacks, and bring all to their schema; return its identity. Raises what files raise."""
    for file in STREAMS:
        opened = contextlib.closing(open_writer(folder / file, follows=True))
        with opened as connection, as_store_errors(file), transaction(connection):
            bring_forward(connection, folder / file, len(SCHEMAS[file]))
    return identity_of(folder / EVENTS)


async def _require_free(witness: Witness, *, life: str, is_over: bool) -> None:
    _, move = await newest_move(witness)
    if is_over or move.life == life or move.phase is Phase.MOVED:
        return
    if move.phase is Phase.MOVING:
        raise MoveRefused("another folder is being moved into these streams: go on there, or give it up there first")
    for stream in STREAMS.values():
        span = await witness.span(stream)
        if span.last:
            raise MoveRefused(f"the stream {stream} has messages already, up to {span.last}: another folder's")


async def _seed(path: Path, stream: str, witness: Witness, *, life: str) -> int:
    """Let a stream begin with a file; return at which number."""
    with as_store_errors(path.name), contextlib.closing(open_writer(path)) as connection:
        if life_of(connection) != life:
            place = await _begun(path, stream, witness, life=life)
            with transaction(connection):
                begin_life(connection, stream, place, life)
        number = place_of(connection).number
    kept = await witness.get_snapshot(stream)
    if kept is None or kept.number < number:
        await snapshots.put(path, stream, witness)
    await witness.prune(stream, through=number)
    return number


async def _begun(path: Path, stream: str, witness: Witness, *, life: str) -> ViewPlace:
    """Say that the stream begins here, with a number beyond all that was kept of it."""
    said = message_of(What.BEGUN, life.encode(), schema=len(SCHEMAS[path.name]))
    kept, number = await witness.get_snapshot(stream), 0
    while number <= (kept.number if kept else 0):
        last = (await witness.span(stream)).last
        found = await witness.append(stream, encoded(said), expected=last, id=f"begun-{life}-{stream}-{last}")
        if isinstance(found, NotAppended):
            raise MoveRefused(f"a node writes to the stream {stream}: stop all nodes first")
        number = found
    return place_behind(ViewPlace(), said, number)
