-- Whom an e-mail address or a visitor was last seen with, by their lanes; and whether it was more than one.
CREATE TABLE tie (
    destination TEXT    NOT NULL,
    lane        TEXT    NOT NULL,
    person      TEXT    NOT NULL,
    several     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (destination, lane)
) STRICT, WITHOUT ROWID;
INSERT INTO tie SELECT destination, 'anon:' || anonymous_id, 'user:' || user_id, 0 FROM link;
DROP TABLE link;
CREATE INDEX tie_person ON tie (destination, person);
-- The person whom the visitor of an event became; empty for all other events.
ALTER TABLE waiting ADD COLUMN became TEXT NOT NULL DEFAULT '';
ALTER TABLE outcome ADD COLUMN became TEXT NOT NULL DEFAULT '';
