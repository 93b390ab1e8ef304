-- name: refnr.issue
-- Make reference numbers known; those that are known already stay as they are.
INSERT INTO refnr (refnr, innhold) SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT DO NOTHING
RETURNING 1;
