"""The events that a replay may take, in the order of the log, on SQLite: by the best index there is for its selection."""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from penstock.buffer.port.log import SEQ_MAX
from penstock.buffer.port.outcomes import is_replayable
from penstock.buffer.port.selection import Selection
from penstock.buffer.rules.whose import Chosen
from penstock.buffer.sqlite.connections import SqliteConnection
from penstock.buffer.sqlite.delivery.feeds import place_of
from penstock.buffer.sqlite.log.ids import places_of
from penstock.buffer.sqlite.log.segments import last_seq
from penstock.buffer.sqlite.rows import selectable

# Names of people that are followed one by one; of an account with more, all that ended is looked at instead.
KEYS_MAX = 300
# A segment has one time for all of its events, and a request may take that long.
SLACK_S = 60.0
ENDED_AT = "SELECT seq, outcome, cause, at FROM outcome WHERE destination = ? AND seq = ?"
ENDED_AFTER = """
SELECT seq, outcome, cause, at FROM outcome WHERE destination = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""
BEHIND = "SELECT seq FROM found WHERE key = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?"


class Looked(NamedTuple):
    """Events that a selection may take, as far as their ends tell."""

    #: Place in the log and outcome.
    rows: Sequence[tuple[int, str]]
    #: All up to here were looked at; None: all there are.
    next_seq: int | None


def look(
    delivery: SqliteConnection,
    events: SqliteConnection,
    destination: str,
    chosen: Chosen,
    *,
    after_seq: int,
    limit: int,
    file: str = "main",
) -> Looked:
    """Return the next events that a selection may take; looks at `limit` at most.

    `file` is the name by which the connection to events.db has it attached.
    """
    selection = chosen.selection
    if not selection.outcome:
        rows = selectable(delivery, destination, selection, after_seq=after_seq, limit=limit)
        return Looked(rows, rows[-1][0] if len(rows) == limit else None)
    first, last = _span(events, selection, file=file)
    after = max(after_seq, first)
    places = _places(delivery, events, chosen, after=after, last=last, limit=limit)
    if places is None:
        found = delivery.execute(ENDED_AFTER, [destination, after, last, limit]).fetchall()
        next_seq = found[-1][0] if len(found) == limit else None
    else:
        each = (delivery.execute(ENDED_AT, [destination, seq]).fetchone() for seq in places)
        found = [row for row in each if row is not None]
        next_seq = places[-1] if len(places) == limit else None
    return Looked([(seq, outcome) for seq, outcome, *end in found if _takes(selection, outcome, *end)], next_seq)


def places_under(
    delivery: SqliteConnection, keys: Iterable[str], *, after: int, last: int = SEQ_MAX, limit: int
) -> list[int]:
    """Return the first places behind one, and up to another, of events that are found under any of some keys."""
    walks: list[Iterator[int]] = [
        iter([row[0] for row in delivery.execute(BEHIND, [key, after, last, limit])]) for key in sorted(keys)
    ]
    merged = (seq for seq, _ in itertools.groupby(heapq.merge(*walks)))
    return list(itertools.islice(merged, limit))


def _places(
    delivery: SqliteConnection, events: SqliteConnection, chosen: Chosen, *, after: int, last: int, limit: int
) -> list[int] | None:
    """Return the places that an index tells; None where all that ended must be looked at."""
    if id_ := chosen.selection.message_id:
        return sorted(seq for seq in places_of(events, id_) if after < seq <= last)[:limit]
    keys = chosen.keys
    # Of the oldest events, the keys by e-mail address may not be written yet.
    is_written = not delivery.execute("SELECT from_seq FROM found_anew").fetchone()[0]
    if 0 < len(keys) <= KEYS_MAX and is_written:
        return places_under(delivery, keys, after=after, last=last, limit=limit)
    return None


def _span(events: SqliteConnection, selection: Selection, *, file: str) -> tuple[int, int]:
    """Return behind which place, and up to which, the events of a selection came."""
    end = last_seq(events, file=file)

    def place(at: float) -> int:
        return place_of(events, max(0, int(at * 1000)), last=end)

    first = 0 if selection.since is None else place(selection.since - SLACK_S)
    return first, SEQ_MAX if selection.until is None else place(selection.until + SLACK_S)


def _takes(selection: Selection, outcome: str, cause: str, at: float) -> bool:
    is_before = selection.ended_before is None or at < selection.ended_before
    return is_before and is_replayable(outcome, cause, wanted=selection.cause, ended=selection.outcome)
