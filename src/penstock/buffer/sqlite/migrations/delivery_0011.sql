-- Where those stand that were never tried follows from the log: `cursor` is how far all has ended or stands here, `head` how far
-- the log was read when something was written last.
ALTER TABLE destination ADD COLUMN head INTEGER NOT NULL DEFAULT 0;
