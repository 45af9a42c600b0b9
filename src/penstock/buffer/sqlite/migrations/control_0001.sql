-- What people asked of deliver. Written by operate and the command line, read by deliver.
CREATE TABLE replay_order (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    destination TEXT    NOT NULL,
    selection   TEXT    NOT NULL,
    asked_at    REAL    NOT NULL,
    asked_by    TEXT    NOT NULL,
    stopped     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE pause (
    destination TEXT PRIMARY KEY,
    since       REAL NOT NULL,
    asked_by    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
