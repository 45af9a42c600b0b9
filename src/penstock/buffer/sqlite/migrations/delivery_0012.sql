-- Charts are split by source, and reach further back than minutes are kept: what these come to is kept by the hour.
-- Of what was counted before, nobody knows the source.
ALTER TABLE minute RENAME TO minute11;
CREATE TABLE minute (
    destination TEXT    NOT NULL,
    minute      INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (destination, minute, source, outcome)
) STRICT, WITHOUT ROWID;
INSERT INTO minute SELECT destination, minute, '', outcome, count FROM minute11;
DROP TABLE minute11;
CREATE TABLE hour (
    destination TEXT    NOT NULL,
    hour        INTEGER NOT NULL,
    source      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (destination, hour, source, outcome)
) STRICT, WITHOUT ROWID;
