-- The dashboard's settings, as revisions that can be compared and taken back; secrets in them are sealed.
CREATE TABLE revision (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    at       REAL    NOT NULL,
    changed_by TEXT  NOT NULL,
    note     TEXT    NOT NULL,
    document TEXT    NOT NULL
) STRICT;
-- Who may sign in. An empty hash: no password was chosen yet.
CREATE TABLE user (
    name          TEXT PRIMARY KEY,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- Sessions, invitations and API tokens; only a hash of each is kept.
CREATE TABLE credential (
    hash       TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    user       TEXT NOT NULL,
    label      TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_user ON credential (user, kind);
