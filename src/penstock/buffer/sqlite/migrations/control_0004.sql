-- What people want the ledger to forget; deliver remembers the number of the last order it followed.
CREATE TABLE forget_order (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT NOT NULL,
    prefix      TEXT NOT NULL,
    asked_at    REAL NOT NULL,
    asked_by    TEXT NOT NULL
) STRICT;
CREATE TABLE attribute_approval (
    destination TEXT NOT NULL,
    attribute   TEXT NOT NULL,
    asked_at    REAL NOT NULL,
    asked_by    TEXT NOT NULL,
    PRIMARY KEY (destination, attribute)
) STRICT, WITHOUT ROWID;
-- What a token may do, less than its owner; empty: all that its owner may.
ALTER TABLE credential ADD COLUMN scope TEXT NOT NULL DEFAULT '';
-- What people did that is not a revision of the settings.
CREATE TABLE deed (
    at   REAL NOT NULL,
    who  TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
CREATE INDEX deed_at ON deed (at);
