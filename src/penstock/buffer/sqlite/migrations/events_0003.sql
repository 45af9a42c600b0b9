-- The events of a segment are compressed together: `packed` holds what stood in several columns. See buffer/packing.py.
CREATE TABLE packed_segment (
    last_seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    count          INTEGER NOT NULL,
    source         TEXT    NOT NULL,
    -- When the first of them came.
    received_at_ms INTEGER NOT NULL,
    packed         BLOB    NOT NULL
) STRICT;
INSERT INTO packed_segment
    SELECT last_seq, count, source, received_at_ms, packed_columns(source, ends, heads, bodies)
    FROM segment ORDER BY last_seq;
DELETE FROM sqlite_sequence WHERE name = 'packed_segment';
INSERT INTO sqlite_sequence SELECT 'packed_segment', seq FROM sqlite_sequence WHERE name = 'segment';
DROP TABLE segment;
ALTER TABLE packed_segment RENAME TO segment;
