"""Which life of the streams is in use, and whether nodes may work at all: said in a stream of its own.

Streams are made of the files of one machine, are made anew of a view, and are left for one machine (moves.py). Each time they have
another life: numbers of a former one say nothing in it, and a view of a former one begins with a snapshot.
"""

import enum

import msgspec

from penstock.errors import MoveRefused, ViewRefused
from penstock.witness.port import NotAppended, Span, Streams

MOVES = "MOVES"


class Phase(enum.StrEnum):
    """What is going on with the streams."""

    #: They are being made of files: no node works.
    MOVING = "moving"
    #: They are in use.
    BEGUN = "begun"
    #: One machine has it all: no node works any more.
    MOVED = "moved"


class Move(msgspec.Struct, frozen=True, array_like=True):
    """The last thing that was said, and of which life of the streams."""

    phase: Phase = Phase.BEGUN
    life: str = ""
    #: Which data folder did it.
    folder: str = ""


async def newest_move(witness: Streams) -> tuple[int, Move]:
    """Return what was said last, and its number; 0 of streams that were never moved, which are in use. Raises WitnessUnreachable."""
    number, move, span = 0, Move(), await witness.span(MOVES)
    number = span.pruned
    while number < span.last:
        entries = await witness.read(MOVES, after=number)
        if isinstance(entries, Span):
            raise ViewRefused(MOVES, expected="what was said of the streams", got=f"a stream up to {entries.last}")
        for entry in entries:
            number, move = entry.number, msgspec.msgpack.decode(entry.message, type=Move)
    return number, move


async def life_in_use(witness: Streams) -> str:
    """Return which life of the streams nodes work in. Raises ViewRefused when they may not work, WitnessUnreachable."""
    _, move = await newest_move(witness)
    if move.phase is Phase.BEGUN:
        return move.life
    got = {
        Phase.MOVING: "a move that is under way",
        Phase.MOVED: "streams that one machine took over, which has all that was in them",
    }[move.phase]
    hint = "wait until penstock migrate is done, or run it once more where it was interrupted"
    raise ViewRefused(MOVES, expected="streams that are in use", got=got, hint=hint)


async def say(witness: Streams, move: Move) -> None:
    """Let every node know, once. Raises MoveRefused, WitnessUnreachable."""
    number, said = await newest_move(witness)
    if said == move and number:
        return
    id_ = f"{move.phase}-{move.life}-{number}"
    found = await witness.append(MOVES, msgspec.msgpack.encode(move), expected=number, id=id_)
    if isinstance(found, NotAppended):
        raise MoveRefused("another one moves the same streams at this moment")
