CREATE SEQUENCE IF NOT EXISTS plimsoll_idempotency_tokens;

CREATE TABLE IF NOT EXISTS plimsoll_idempotency (
    -- SHA-256 of scope and key.
    key bytea PRIMARY KEY,
    -- SHA-256 of the request.
    fingerprint bytea NOT NULL,
    -- Which lease holds it: no two leases ever have the same.
    token bigint NOT NULL,
    -- Until when a key under way is not to be taken over.
    leased_until timestamptz NOT NULL,
    -- From when on anybody may have the key.
    forgotten_at timestamptz NOT NULL,
    -- NULL: under way. 0: done, and the answer was not kept.
    status smallint,
    header_names text[],
    header_values bytea[],
    body bytea
);

CREATE INDEX IF NOT EXISTS plimsoll_idempotency_forgotten_at ON plimsoll_idempotency (forgotten_at);

-- SHA-256 of the scope, to hold one client to its share. NULL where there is none.
ALTER TABLE plimsoll_idempotency ADD COLUMN IF NOT EXISTS scope bytea;

CREATE INDEX IF NOT EXISTS plimsoll_idempotency_scope
    ON plimsoll_idempotency (scope, forgotten_at) WHERE scope IS NOT NULL;
