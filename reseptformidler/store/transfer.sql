-- name: transfer.source
-- Which database this is, and the oldest transaction that may still be under way: every change that this snapshot does
-- not show is that one's or a later one's.
SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || d.oid AS source,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon
FROM pg_database d WHERE d.datname = current_database();

-- name: transfer.schema
-- The migrations that made the tables.
SELECT number, sha256 FROM schema_version ORDER BY number;

-- name: transfer.columns
-- The columns of a table as they are moved; `place` is theirs in the primary key, `kept` is false where an update would
-- be refused.
SELECT a.attname AS name, t.typname AS type, t.oid::bigint AS oid, a.attidentity <> 'a' AS kept,
    array_position(i.indkey::int2[], a.attnum) AS place
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum;

-- name: transfer.leaves
-- Where the rows of a table really stand: its partitions, or itself.
SELECT c.relname AS name, pg_relation_size(c.oid) / current_setting('block_size')::bigint AS blocks
FROM pg_class c
WHERE c.oid = $1::text::regclass AND c.relkind = 'r'
    OR c.oid IN (SELECT relid FROM pg_partition_tree($1::text::regclass) WHERE isleaf)
ORDER BY c.relname;

-- name: transfer.sequences
-- How far each sequence has come.
SELECT sequencename AS name, last_value FROM pg_sequences
WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY 1;

-- name: transfer.set_sequence
-- Go on where the source stopped.
SELECT setval($1::text::regclass, $2::bigint);

-- name: transfer.serving
-- Sessions of processes that serve, relay or sweep.
SELECT count(*) AS sessions FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'reseptformidler';

-- name: transfer.keys
-- All keys, as the key-encryption key of this database wraps them.
SELECT nokkel_id, formal, kek, innpakket, opprettet FROM nokkel ORDER BY nokkel_id;

-- name: transfer.add_keys
-- Keys of the source, wrapped by the key-encryption key of this database.
INSERT INTO nokkel (nokkel_id, formal, kek, innpakket, opprettet) OVERRIDING SYSTEM VALUE
SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[])
ON CONFLICT (nokkel_id) DO NOTHING;
