-- How much of each source is stored now, so that one source cannot take the room of all. Kept by whoever changes segments.
CREATE TABLE stored (
    source TEXT    PRIMARY KEY,
    events INTEGER NOT NULL,
    -- Of their frames: compressed, without the index of message ids.
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO stored SELECT source, sum(count), sum(length(frame)) FROM segment GROUP BY source;
CREATE TRIGGER segment_stored AFTER INSERT ON segment BEGIN
    INSERT INTO stored VALUES (NEW.source, NEW.count, length(NEW.frame)) ON CONFLICT (source)
        DO UPDATE SET events = events + excluded.events, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER segment_removed AFTER DELETE ON segment BEGIN
    UPDATE stored SET events = events - OLD.count, bytes = bytes - length(OLD.frame) WHERE source = OLD.source;
END;
