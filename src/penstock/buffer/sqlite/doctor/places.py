"""Do places and waiting events of a destination fit together? For the doctor: each table is gone through once."""

import json

from penstock.buffer.rules.lanes import POSITIONS_OF_A_PRIORITY
from penstock.buffer.sqlite.connections import SqliteConnection

# By position: in how many lanes an event stands, and in how many of them another event is in front.
STANDS = """
CREATE TEMP TABLE stands AS SELECT position, count(*) AS lanes, sum(is_behind) AS behind FROM (
    SELECT position, coalesce(lane = lag(lane) OVER (ORDER BY lane, position), 0) AS is_behind
    FROM place WHERE destination = ?
) GROUP BY position ORDER BY position
"""
WRONG = """
SELECT count(*) FROM waiting LEFT JOIN temp.stands USING (position) WHERE destination = ?1 AND blocked <> -1 AND (
    json_array_length(waiting.lanes) <> coalesce(stands.lanes, 0) OR blocked < coalesce(behind, 0)
    OR (?2 AND position < ?3 AND blocked <> coalesce(behind, 0))
)
"""
ORPHANS = """
SELECT count(*) FROM place LEFT JOIN waiting USING (destination, position) WHERE destination = ? AND (
    waiting.position IS NULL OR blocked = -1
    OR NOT EXISTS (SELECT 1 FROM json_each(waiting.lanes) AS own WHERE own.value = place.lane)
)
"""
IN_FRONT = "SELECT 1 FROM place WHERE destination = ? AND lane = ? AND position < ? LIMIT 1"


def wrong(connection: SqliteConnection, name: str) -> int:
    """Return how many waiting events do not stand where they should, or count wrongly who is in front."""
    connection.execute("DROP TABLE IF EXISTS temp.stands")
    connection.execute(STANDS, [name])
    connection.execute("CREATE UNIQUE INDEX temp.stands_position ON stands (position)")
    # An event may also wait for one under way that passed it; the file alone does not tell.
    is_exact = not _can_pass(connection, name)
    count: int = connection.execute(WRONG, [name, is_exact, POSITIONS_OF_A_PRIORITY]).fetchone()[0]
    connection.execute("DROP TABLE temp.stands")
    return count


def orphans(connection: SqliteConnection, name: str) -> int:
    """Return how many places belong to no waiting event."""
    count: int = connection.execute(ORPHANS, [name]).fetchone()[0]
    return count


def place_anew(connection: SqliteConnection, name: str) -> None:
    """Give every waiting event its places as its lanes say."""
    connection.execute("DELETE FROM place WHERE destination = ?", [name])
    select = "SELECT position, lanes FROM waiting WHERE destination = ? AND blocked <> -1"
    rows = connection.execute(select, [name]).fetchall()
    for position, lanes in rows:
        places = [(name, lane, position) for lane in json.loads(lanes)]
        connection.executemany("INSERT INTO place VALUES (?, ?, ?)", places)
    for position, lanes in rows:
        in_front = (connection.execute(IN_FRONT, [name, lane, position]).fetchone() for lane in json.loads(lanes))
        update = "UPDATE waiting SET blocked = ? WHERE destination = ? AND position = ?"
        connection.execute(update, [sum(row is not None for row in in_front), name, position])


def _can_pass(connection: SqliteConnection, name: str) -> bool:
    """Return whether there are replayed events, or some that were parked: others may have passed those."""
    replayed = "SELECT 1 FROM waiting WHERE destination = ? AND position >= ? LIMIT 1"
    parked = "SELECT 1 FROM waiting WHERE destination = ? AND parked_at IS NOT NULL LIMIT 1"
    is_replayed = connection.execute(replayed, [name, POSITIONS_OF_A_PRIORITY]).fetchone()
    return is_replayed is not None or connection.execute(parked, [name]).fetchone() is not None
