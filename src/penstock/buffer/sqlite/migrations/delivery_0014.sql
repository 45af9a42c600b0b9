-- How an event had ended before a replay put it back, and whether a person wants that it counts once more: what a destination
-- took is newer than what came before it, also while it is being sent again.
ALTER TABLE waiting ADD COLUMN was TEXT NOT NULL DEFAULT '';
ALTER TABLE waiting ADD COLUMN is_anew INTEGER NOT NULL DEFAULT 0;
