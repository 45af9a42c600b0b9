-- A removed destination whose backlog a person gave up.
ALTER TABLE pause ADD COLUMN discard INTEGER NOT NULL DEFAULT 0;
