"""Events by the keys under which they are found, the newest first, on SQLite."""

import heapq
import itertools
from collections.abc import Iterable, Iterator

from penstock.buffer.sqlite.connections import SqliteConnection

# Entries read of one key at a time: few at first, for most keys of an account have nothing new.
CHUNKS = (1, 16, 256)
BELOW = "SELECT seq FROM found WHERE key = ? AND seq < ? ORDER BY seq DESC LIMIT ?"


def newest_under(
    delivery: SqliteConnection, keys: Iterable[str], *, before: int, after: int = 0
) -> Iterator[tuple[int, set[str]]]:
    """Yield the places of events between two places that are found under any of some keys, each with those keys."""
    walks = [_walk(delivery, key, before, after) for key in keys]
    for place, found in itertools.groupby(heapq.merge(*walks), key=lambda each: each[0]):
        yield -place, {key for _, key in found}


def _walk(delivery: SqliteConnection, key: str, before: int, after: int) -> Iterator[tuple[int, str]]:
    """Yield the places under one key, negative so that the newest comes first."""
    for limit in itertools.chain(CHUNKS, itertools.repeat(CHUNKS[-1])):
        seqs = [row[0] for row in delivery.execute(BELOW, [key, before, limit])]
        yield from ((-seq, key) for seq in seqs if seq > after)
        if len(seqs) < limit or seqs[-1] <= after:
            return
        before = seqs[-1]
