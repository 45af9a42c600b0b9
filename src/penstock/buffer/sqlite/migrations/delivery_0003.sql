-- Where to find events: by person (p:), company (c:) and name of a track call (e:). Written as events are taken in.
CREATE TABLE found (
    key TEXT    NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key, seq)
) STRICT, WITHOUT ROWID;
-- Retention walks through the table a little at a time: how far it came.
CREATE TABLE found_swept (id INTEGER PRIMARY KEY CHECK (id = 1), key TEXT NOT NULL, seq INTEGER NOT NULL) STRICT;
INSERT INTO found_swept VALUES (1, '', 0);
