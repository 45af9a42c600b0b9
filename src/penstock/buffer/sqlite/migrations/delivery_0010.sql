-- Calls of an event are numbered: a row that nothing names cannot be carried to another file.
ALTER TABLE attempt RENAME TO attempt9;
CREATE TABLE attempt (
    destination TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    at          REAL    NOT NULL,
    method      TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    status      INTEGER,
    answer      TEXT    NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (destination, seq, number)
) STRICT, WITHOUT ROWID;
INSERT INTO attempt SELECT destination, seq, row_number() OVER (PARTITION BY destination, seq ORDER BY rowid),
    at, method, path, status, answer, duration_ms FROM attempt9;
DROP TABLE attempt9;
