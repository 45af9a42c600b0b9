-- The data folder that the file belongs to, and how often replays were asked for, stopped or resumed: an older copy is known
-- by a smaller number.
CREATE TABLE folder (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    identity TEXT    NOT NULL,
    changes  INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO folder (id, identity) VALUES (1, '');
ALTER TABLE replay_order ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
-- What the steps that made this file said, so that one that was edited after it had run is noticed.
CREATE TABLE migration (number INTEGER PRIMARY KEY, digest TEXT NOT NULL) STRICT;
