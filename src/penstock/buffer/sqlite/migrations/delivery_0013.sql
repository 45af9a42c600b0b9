-- From which event on all are found by the e-mail address of their person; the keys of those before are written a slice at a
-- time, the newest first, and until then pages read these events.
CREATE TABLE found_anew (id INTEGER PRIMARY KEY CHECK (id = 1), from_seq INTEGER NOT NULL) STRICT;
INSERT INTO found_anew SELECT 1, coalesce(max(cursor) + 1, 0) FROM destination;
-- Who is parked for longest, and will be given up first.
CREATE INDEX waiting_parked_since ON waiting (destination, parked_at) WHERE blocked = -1;
-- Events that have ended and were parked on their way: they waited for their person, and say nothing of how quick we are.
CREATE TABLE once_parked (
    destination TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (destination, seq)
) STRICT, WITHOUT ROWID;
-- What an attempt sent. `reading` says by which options the event was read: a digest of those in the destination's notes.
-- `body_sum` is the CRC-32 of the bytes; they are kept themselves only where the event, read so, does not give them again.
ALTER TABLE attempt ADD COLUMN reading TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN body_sum INTEGER;
ALTER TABLE attempt ADD COLUMN body BLOB;
