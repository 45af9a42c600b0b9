-- The last moment that was kept, as every clock told it: the times of the role that writes this file go on from there.
CREATE TABLE moment (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    boot       TEXT    NOT NULL,
    since_boot REAL    NOT NULL,
    wall       REAL    NOT NULL,
    steady     REAL    NOT NULL,
    awake      REAL    NOT NULL
) STRICT;
