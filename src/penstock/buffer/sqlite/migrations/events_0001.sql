-- What accept writes: every event, as it came. Sequence numbers are never used twice, also after retention.
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    source         TEXT    NOT NULL,
    message_id     TEXT    NOT NULL,
    type           TEXT    NOT NULL,
    user_id        TEXT    NOT NULL,
    anonymous_id   TEXT    NOT NULL,
    company_id     TEXT    NOT NULL,
    received_at_ms INTEGER NOT NULL,
    request_ip     TEXT    NOT NULL,
    body           BLOB    NOT NULL
) STRICT;
-- The same id is stored once per source.
CREATE UNIQUE INDEX events_message ON events (message_id, source);
-- How many were ever stored; retention does not lower it.
CREATE TABLE accepted (source TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
