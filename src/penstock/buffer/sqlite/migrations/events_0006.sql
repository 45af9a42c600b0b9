-- The data folder that the file belongs to; see sqlite_folder.py. Empty until the file is opened for the first time.
CREATE TABLE folder (id INTEGER PRIMARY KEY CHECK (id = 1), identity TEXT NOT NULL) STRICT;
INSERT INTO folder VALUES (1, '');
-- One for each time that accept began to write: who holds the same epochs speaks of the same events. See sqlite_epochs.py.
CREATE TABLE epoch (
    number    INTEGER PRIMARY KEY,
    token     TEXT    NOT NULL,
    -- Where the log ended, and where it went on; what lies between is missing.
    after_seq INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    at        REAL    NOT NULL
) STRICT;
-- What the steps that made this file said, so that one that was edited after it had run is noticed.
CREATE TABLE migration (number INTEGER PRIMARY KEY, digest TEXT NOT NULL) STRICT;
