-- What people decided about problems: who sees to one, and which are done with. `last_seq` and `at` tell when it happens again.
CREATE TABLE issue (
    destination TEXT    NOT NULL,
    cause       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    owner       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    at          REAL    NOT NULL,
    changed_by  TEXT    NOT NULL,
    last_seq    INTEGER NOT NULL,
    PRIMARY KEY (destination, cause)
) STRICT, WITHOUT ROWID;
