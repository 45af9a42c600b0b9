"""Events as requests that are small enough. Pure."""

import dataclasses
from collections.abc import Iterator, Sequence

# SDKs send half a megabyte at a time; a larger request has to wait for its turn.
PIECE_BYTES_MAX, PIECE_EVENTS_MAX = 500_000, 1_000
OPENING, CLOSING = b'{"batch":[', b"]}"


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """Some events in a row: the number of the first, counted from 1, how many, and the request's body."""

    first: int
    count: int
    body: bytes


def pieces_of(events: Sequence[bytes], *, bytes_max: int, events_max: int) -> Iterator[Piece]:
    """Yield requests with all events in their order; one that is too large alone is a request alone."""
    bytes_max, events_max = min(bytes_max, PIECE_BYTES_MAX), min(events_max, PIECE_EVENTS_MAX)
    first, size = 0, len(OPENING + CLOSING)
    for number, event in enumerate(events):
        if number > first and (size + len(event) + 1 > bytes_max or number - first == events_max):
            yield _piece(events, first, number)
            first, size = number, len(OPENING + CLOSING)
        size += len(event) + 1
    if events:
        yield _piece(events, first, len(events))


def _piece(events: Sequence[bytes], first: int, end: int) -> Piece:
    return Piece(first + 1, end - first, OPENING + b",".join(events[first:end]) + CLOSING)
