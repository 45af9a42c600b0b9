-- Who did what, who came in and looked, who was refused: each sort kept for its own time, what repeats is counted.
CREATE TABLE journal (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    sort   TEXT    NOT NULL,
    period INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    what   TEXT    NOT NULL,
    at     REAL    NOT NULL,
    times  INTEGER NOT NULL,
    UNIQUE (sort, period, who, what)
) STRICT;
CREATE INDEX journal_at ON journal (sort, at);
INSERT INTO journal (sort, period, who, what, at, times)
    SELECT CASE what WHEN 'signed in' THEN 'look' ELSE 'deed' END, CAST(at / 60 AS INTEGER), who, what, max(at), count(*)
    FROM deed GROUP BY 1, 2, 3, 4 ORDER BY max(at), min(rowid);
DROP TABLE deed;
