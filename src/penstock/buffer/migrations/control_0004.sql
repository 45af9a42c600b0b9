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
