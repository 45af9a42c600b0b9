-- What is wrong, who was told, and what is still to be told. Written by operate alone; nothing of an event is in it.
CREATE TABLE folder (id INTEGER PRIMARY KEY CHECK (id = 1), identity TEXT NOT NULL) STRICT;
INSERT INTO folder VALUES (1, '');
CREATE TABLE migration (number INTEGER PRIMARY KEY, digest TEXT NOT NULL) STRICT;
CREATE TABLE episode (
    rule        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    since       REAL    NOT NULL,
    began_at    REAL    NOT NULL,
    seen        REAL    NOT NULL,
    ended       REAL,
    returns     INTEGER NOT NULL,
    muted_until REAL    NOT NULL,
    sentence    TEXT    NOT NULL,
    advice      TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    PRIMARY KEY (rule, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE telling (
    channel TEXT    NOT NULL,
    rule    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    times   INTEGER NOT NULL,
    last    REAL    NOT NULL,
    PRIMARY KEY (channel, rule, subject)
) STRICT, WITHOUT ROWID;
CREATE TABLE look (at REAL PRIMARY KEY, facts BLOB NOT NULL) STRICT;
CREATE TABLE message (
    place     INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT    NOT NULL UNIQUE,
    channel   TEXT    NOT NULL,
    recipient TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    rule      TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    title     TEXT    NOT NULL,
    sentence  TEXT    NOT NULL,
    advice    TEXT    NOT NULL,
    link      TEXT    NOT NULL,
    mute      TEXT    NOT NULL,
    made_at   REAL    NOT NULL,
    due       REAL    NOT NULL,
    ended_at  REAL,
    tries     INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    answer    TEXT    NOT NULL
) STRICT;
CREATE INDEX message_waiting ON message (channel, recipient, place) WHERE state = 'waiting';
