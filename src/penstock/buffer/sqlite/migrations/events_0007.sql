-- The last moment that was kept, as every clock told it: the times of the role that writes this file go on from there.
CREATE TABLE moment (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    boot       TEXT    NOT NULL,
    since_boot REAL    NOT NULL,
    wall       REAL    NOT NULL,
    steady     REAL    NOT NULL,
    awake      REAL    NOT NULL
) STRICT;
-- When the wall's clock was set, by how much, and where the log ended then: what came before is as old as it was.
CREATE TABLE jump (
    number    INTEGER PRIMARY KEY,
    after_seq INTEGER NOT NULL,
    at        REAL    NOT NULL,
    by_s      REAL    NOT NULL
) STRICT;
