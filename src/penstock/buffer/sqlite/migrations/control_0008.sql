-- What people looked for and gave a name, each their own. `query` is what stands behind the question mark of its address.
CREATE TABLE saved_view (
    user  TEXT NOT NULL,
    name  TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (user, name)
) STRICT, WITHOUT ROWID;
