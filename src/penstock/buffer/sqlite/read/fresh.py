"""Events behind the cursor of a destination, by the keys under which they are found: the file may not have those yet."""

import collections
import itertools
from collections.abc import Iterable

from penstock.buffer.port.query import keys_of
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.log.segments import events_before
from penstock.event import Event

UNTIL = 2**62


class FreshEvents:
    """The newest events behind a place in the log, each read once for all that are asked about."""

    def __init__(self, events: SqliteConnection, *, after: int, read_max: int) -> None:
        read = itertools.islice(events_before(events, UNTIL), read_max)
        newest = itertools.takewhile(lambda each: each[0] > after, read)
        #: By their place, the newest first.
        self.events: dict[int, tuple[Event, set[str]]] = {seq: (event, keys_of(event)) for seq, event in newest}
        self._places = collections.defaultdict[str, list[int]](list)
        for seq, (_, keys) in self.events.items():
            for key in keys:
                self._places[key].append(seq)

    def newest(self, keys: Iterable[str]) -> int:
        """Return the place of the newest event that is found under any of some keys; 0 without one."""
        return max((self._places[key][0] for key in keys if key in self._places), default=0)

    def under(self, keys: Iterable[str]) -> list[int]:
        """Return the places of the events that are found under any of some keys, the newest first."""
        return sorted({seq for key in keys for seq in self._places.get(key, ())}, reverse=True)
