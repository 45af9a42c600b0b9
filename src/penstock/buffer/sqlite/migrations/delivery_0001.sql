-- What deliver writes: per destination, how far the log was read, what waits, and how events ended.
CREATE TABLE destination (
    name          TEXT    PRIMARY KEY,
    cursor        INTEGER NOT NULL DEFAULT 0,
    next_position INTEGER NOT NULL DEFAULT 1,
    received      INTEGER NOT NULL DEFAULT 0,
    notes         TEXT    NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;
-- Events without an outcome. `position` is the order within lanes; `blocked` counts the lanes with something earlier.
CREATE TABLE waiting (
    destination     TEXT    NOT NULL,
    position        INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    lanes           TEXT    NOT NULL,
    blocked         INTEGER NOT NULL,
    due             REAL    NOT NULL,
    attempt         INTEGER NOT NULL DEFAULT 1,
    first_failed_at REAL,
    received_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (destination, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_ready ON waiting (destination, due, position) WHERE blocked = 0;
CREATE INDEX waiting_retrying ON waiting (destination, seq) WHERE attempt > 1;
CREATE INDEX waiting_seq ON waiting (seq);
-- Who stands where in which lane.
CREATE TABLE place (
    destination TEXT    NOT NULL,
    lane        TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    PRIMARY KEY (destination, lane, position)
) STRICT, WITHOUT ROWID;
-- The user an anonymous id was last seen with.
CREATE TABLE link (
    destination  TEXT NOT NULL,
    anonymous_id TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    PRIMARY KEY (destination, anonymous_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE outcome (
    destination TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    at          REAL    NOT NULL,
    PRIMARY KEY (destination, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE tally (
    destination TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (destination, outcome)
) STRICT, WITHOUT ROWID;
CREATE TABLE attempt (
    destination TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    at          REAL    NOT NULL,
    method      TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    status      INTEGER,
    answer      TEXT    NOT NULL,
    duration_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX attempt_event ON attempt (destination, seq);
