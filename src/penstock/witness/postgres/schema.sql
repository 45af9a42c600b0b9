-- What Penstock has in PostgreSQL. An administrator runs this file where Penstock's role may not make it at the first start.
-- Each verb that changes something is one function, so one statement: a node that stops in the middle holds no lock.
CREATE SCHEMA IF NOT EXISTS penstock;

CREATE TABLE penstock.version (number int PRIMARY KEY);
INSERT INTO penstock.version VALUES (1);

CREATE TABLE penstock.streams (
    stream text COLLATE "C" PRIMARY KEY,
    pruned bigint NOT NULL DEFAULT 0,
    last bigint NOT NULL DEFAULT 0
);

-- A pruned message leaves its id for a while, without its body.
CREATE TABLE penstock.messages (
    stream text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body bytea NOT NULL,
    PRIMARY KEY (stream, seq),
    UNIQUE (stream, id)
);
-- Bodies come compressed.
ALTER TABLE penstock.messages ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE penstock.leases (
    name text COLLATE "C" PRIMARY KEY,
    owner text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
);

CREATE TABLE penstock.snapshots (
    name text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL,
    place text NOT NULL,
    pieces bigint NOT NULL,
    sha256 text NOT NULL
);

CREATE TABLE penstock.pieces (
    name text COLLATE "C" NOT NULL,
    place text NOT NULL,
    piece bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    body bytea NOT NULL,
    PRIMARY KEY (name, place, piece)
);
ALTER TABLE penstock.pieces ALTER COLUMN body SET STORAGE EXTERNAL;

-- The row of the stream is locked until the commit is everywhere it must be: so no reader ever sees a number before those ahead of it.
CREATE FUNCTION penstock.append(of_stream text, message bytea, message_id text, expected bigint, OUT number bigint, OUT refused bool)
LANGUAGE plpgsql AS $$
DECLARE ends bigint;
BEGIN
    refused := false;
    SELECT last INTO ends FROM penstock.streams WHERE stream = of_stream FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO penstock.streams (stream) VALUES (of_stream) ON CONFLICT DO NOTHING;
        SELECT last INTO ends FROM penstock.streams WHERE stream = of_stream FOR UPDATE;
    END IF;
    SELECT seq INTO number FROM penstock.messages WHERE stream = of_stream AND id = message_id;
    IF FOUND THEN
        RETURN;
    END IF;
    IF expected <> ends THEN
        number := ends;
        refused := true;
        RETURN;
    END IF;
    number := ends + 1;
    INSERT INTO penstock.messages (stream, seq, id, body) VALUES (of_stream, number, message_id, message);
    UPDATE penstock.streams SET last = number WHERE stream = of_stream;
END $$;

CREATE FUNCTION penstock.prune(of_stream text, through bigint, remembered_s float8) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE upto bigint; since bigint;
BEGIN
    SELECT least(through, last), pruned INTO upto, since FROM penstock.streams WHERE stream = of_stream FOR UPDATE;
    IF upto > since THEN
        UPDATE penstock.streams SET pruned = upto WHERE stream = of_stream;
        UPDATE penstock.messages SET body = '' WHERE stream = of_stream AND seq > since AND seq <= upto;
    END IF;
    DELETE FROM penstock.messages
    WHERE stream = of_stream AND seq <= upto AND at < clock_timestamp() - make_interval(secs => remembered_s);
END $$;

CREATE FUNCTION penstock.lease(of_name text, by_owner text, ttl_s float8, OUT owner text, OUT epoch bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO penstock.leases AS held (name, owner, epoch, until)
    VALUES (of_name, by_owner, 1, clock_timestamp() + make_interval(secs => ttl_s))
    ON CONFLICT (name) DO UPDATE
    SET owner = excluded.owner,
        epoch = CASE WHEN held.owner = excluded.owner AND held.until > clock_timestamp() THEN held.epoch ELSE held.epoch + 1 END,
        until = clock_timestamp() + make_interval(secs => ttl_s)
    WHERE held.owner = excluded.owner OR held.until <= clock_timestamp();
    SELECT held.owner, held.epoch INTO lease.owner, lease.epoch FROM penstock.leases AS held WHERE held.name = of_name;
END $$;

CREATE FUNCTION penstock.point(of_name text, as_of bigint, at_place text, of_pieces bigint, of_sha256 text) RETURNS bool
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO penstock.snapshots AS kept (name, number, place, pieces, sha256)
    VALUES (of_name, as_of, at_place, of_pieces, of_sha256)
    ON CONFLICT (name) DO UPDATE
    SET number = excluded.number, place = excluded.place, pieces = excluded.pieces, sha256 = excluded.sha256
    WHERE kept.number < excluded.number OR kept.place = excluded.place;
    RETURN FOUND;
END $$;
