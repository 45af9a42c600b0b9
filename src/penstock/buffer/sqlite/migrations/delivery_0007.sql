-- The data folder that the file belongs to, and what it knows of control.db: how many changes of replays were seen, and
-- up to which change they must not go on by themselves, for an older copy of control.db came back.
CREATE TABLE folder (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    identity        TEXT    NOT NULL,
    control_seen    INTEGER NOT NULL DEFAULT 0,
    control_expired INTEGER NOT NULL DEFAULT -1
) STRICT;
INSERT INTO folder (id, identity) VALUES (1, '');
-- The epochs of the log, as far as its events were taken in; see sqlite_epochs.py.
CREATE TABLE epoch (number INTEGER PRIMARY KEY, token TEXT NOT NULL, first_seq INTEGER NOT NULL) STRICT;
-- Where the log ended when the destination was seen to be removed; null while it is in the settings.
ALTER TABLE destination ADD COLUMN left_seq INTEGER;
-- What the steps that made this file said, so that one that was edited after it had run is noticed.
CREATE TABLE migration (number INTEGER PRIMARY KEY, digest TEXT NOT NULL) STRICT;
