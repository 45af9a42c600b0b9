-- The day, since 1970, on which something was last learned of a subject; 0: before days were noted. See sqlite_retention.py.
ALTER TABLE ledger ADD COLUMN seen_day INTEGER NOT NULL DEFAULT 0;
