-- How events ended in each minute since 1970, for charts; kept for two days.
CREATE TABLE minute (
    destination TEXT    NOT NULL,
    minute      INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (destination, minute, outcome)
) STRICT, WITHOUT ROWID;
