-- The ledger: what Custify is known to hold, by subject (user:…, email:…, company:…); see ledger/record.py.
CREATE TABLE ledger (
    destination TEXT NOT NULL,
    subject     TEXT NOT NULL,
    record      BLOB NOT NULL,
    PRIMARY KEY (destination, subject)
) STRICT, WITHOUT ROWID;
-- Calls planned, sent and saved, by path.
CREATE TABLE calls (
    destination TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    PRIMARY KEY (destination, path, kind)
) STRICT, WITHOUT ROWID;
-- A parked event stands in no lane, which `blocked` = -1 says; it waits for something to be learned of a subject.
ALTER TABLE waiting ADD COLUMN parked_at REAL;
CREATE INDEX waiting_parked ON waiting (destination, due) WHERE blocked = -1;
CREATE INDEX waiting_once_parked ON waiting (destination, position) WHERE parked_at IS NOT NULL;
CREATE TABLE parked (
    destination TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    position    INTEGER NOT NULL,
    PRIMARY KEY (destination, subject, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX parked_position ON parked (destination, position);
-- What the ledger decided about an event's fields, as JSON, for Explain.
ALTER TABLE outcome ADD COLUMN notes TEXT NOT NULL DEFAULT '';
-- What a destination in shadow mode kept back, so that going live can send it.
CREATE INDEX outcome_shadow ON outcome (destination, seq) WHERE cause = 'mode.shadow';
