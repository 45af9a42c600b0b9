-- What a token may do, less than its owner; empty: all that its owner may.
ALTER TABLE credential ADD COLUMN scope TEXT NOT NULL DEFAULT '';
-- What people did that is not a revision of the settings.
CREATE TABLE deed (
    at   REAL NOT NULL,
    who  TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
CREATE INDEX deed_at ON deed (at);
