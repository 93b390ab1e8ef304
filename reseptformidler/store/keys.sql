-- name: keys.search
-- The one key of the keyed hashes.
SELECT nokkel_id, kek, innpakket FROM nokkel WHERE formal = 'sok';

-- name: keys.add_search
-- Two processes that start at once on an empty database: the first one's key counts.
INSERT INTO nokkel (formal, kek, innpakket, opprettet) VALUES ('sok', $1, $2, $3)
ON CONFLICT (formal) WHERE formal = 'sok' DO NOTHING;

-- name: keys.add_data
-- A data key of one process for one day.
INSERT INTO nokkel (formal, kek, innpakket, opprettet) VALUES ('data', $1, $2, $3) RETURNING nokkel_id;

-- name: keys.fetch
-- Data keys that other processes made.
SELECT nokkel_id, kek, innpakket FROM nokkel WHERE nokkel_id = ANY ($1::int[]) AND formal = 'data';

-- name: keys.to_rewrap
-- What another key-encryption key than the newest wraps.
SELECT nokkel_id, formal, kek, innpakket FROM nokkel WHERE kek <> $1 ORDER BY nokkel_id LIMIT $2 FOR UPDATE;

-- name: keys.rewrap
-- The same key, wrapped anew.
UPDATE nokkel n SET kek = $1, innpakket = ny.innpakket
FROM unnest($2::int[], $3::bytea[]) AS ny (nokkel_id, innpakket) WHERE n.nokkel_id = ny.nokkel_id;
