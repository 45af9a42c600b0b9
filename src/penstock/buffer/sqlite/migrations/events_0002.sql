-- Events stand in segments, several to a row: one row, and no index entry, for each event was most of what storing cost.
-- A segment holds the events up to `last_seq`, in order. Sequence numbers are never used twice, also after retention.
CREATE TABLE segment (
    last_seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    count          INTEGER NOT NULL,
    source         TEXT    NOT NULL,
    -- When the first of them came.
    received_at_ms INTEGER NOT NULL,
    -- JSON: where in `bodies` each body ends.
    ends           TEXT    NOT NULL,
    -- JSON: for each [messageId, type, userId, anonymousId, company, receivedAt in ms, request_ip].
    heads          TEXT    NOT NULL,
    bodies         BLOB    NOT NULL
) STRICT;
INSERT INTO segment
    SELECT seq, 1, source, received_at_ms, json_array(length(body)), json_array(json_array(
        message_id, type, user_id, anonymous_id, company_id, received_at_ms, request_ip)), body
    FROM events ORDER BY seq;
DELETE FROM sqlite_sequence WHERE name = 'segment';
INSERT INTO sqlite_sequence SELECT 'segment', seq FROM sqlite_sequence WHERE name = 'events';
DROP TABLE events;
-- The message ids, in runs of some ten thousand. A run is written once, never changed, and goes when its events are gone.
-- Ids of the events behind the last run are in accept's memory only: they are read from the segments after a start.
CREATE TABLE run (last_seq INTEGER, source TEXT, PRIMARY KEY (last_seq, source)) STRICT, WITHOUT ROWID;
-- The ids of a run and source in their order, several to a row, beginning with `first_id`; `ids` and `seqs` are JSON.
CREATE TABLE message (
    run      INTEGER NOT NULL,
    source   TEXT    NOT NULL,
    first_id TEXT    NOT NULL,
    ids      TEXT    NOT NULL,
    seqs     TEXT    NOT NULL,
    PRIMARY KEY (run, source, first_id)
) STRICT, WITHOUT ROWID;
-- Filters that are full, so that a start need not read every id again; of use only to a process that hashes alike.
CREATE TABLE filter (
    last_run INTEGER PRIMARY KEY,
    -- JSON: the runs that it covers.
    runs     TEXT    NOT NULL,
    hashing  INTEGER NOT NULL,
    bits     BLOB    NOT NULL
) STRICT;
