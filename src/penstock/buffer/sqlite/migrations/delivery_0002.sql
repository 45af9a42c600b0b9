-- Causes, priorities and replays.
ALTER TABLE outcome ADD COLUMN cause TEXT NOT NULL DEFAULT '';
UPDATE outcome SET cause = 'unknown' WHERE outcome IN ('dead', 'rejected');
CREATE INDEX outcome_cause ON outcome (destination, cause, seq) WHERE outcome IN ('dead', 'rejected');
CREATE INDEX outcome_replayable ON outcome (destination, seq) WHERE outcome IN ('dead', 'rejected');
-- 0 live, 1 replay, 2 backfill. `position` of the later ones is larger, so that they stand behind in every lane.
ALTER TABLE waiting ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
-- The replay that put the event back; 0 for none.
ALTER TABLE waiting ADD COLUMN job INTEGER NOT NULL DEFAULT 0;
DROP INDEX waiting_ready;
CREATE INDEX waiting_ready ON waiting (destination, priority, due, position) WHERE blocked = 0;
CREATE INDEX waiting_job ON waiting (job) WHERE job > 0;
-- How far a replay has come: the place in the log up to which dead and rejected events were looked at.
CREATE TABLE replay (
    job         INTEGER PRIMARY KEY,
    destination TEXT    NOT NULL,
    cursor      INTEGER NOT NULL DEFAULT 0,
    replayed    INTEGER NOT NULL DEFAULT 0,
    is_read     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE replay_tally (
    job     INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (job, outcome)
) STRICT, WITHOUT ROWID;
