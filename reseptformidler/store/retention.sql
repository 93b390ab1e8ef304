-- name: retention.delete_expired
-- Prescriptions past Utloper, at once (rules.md K3), unless one is under dispensing; their documents by cascade, the
-- delivered messages about them too, and one row of history for each. What a message that is still owed, or stranded,
-- carries with it is kept for it alone (OFFSET: found row by row through utboks_resept).
-- Rows that others hold wait for the next round.
WITH old AS (
    SELECT resept_id, versjon, status FROM resept
    WHERE utloper < $1 AND status IN ('E', 'A', 'X') AND las_her IS NULL
    ORDER BY utloper LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM resept r USING old WHERE r.resept_id = old.resept_id
), kept AS (
    INSERT INTO utboks_dokument (resept_id, msg_id, dokument)
    SELECT d.resept_id, d.msg_id, d.dokument FROM resept_dokument d JOIN old USING (resept_id)
    WHERE EXISTS (SELECT FROM utboks u WHERE u.resept_id = d.resept_id AND u.status <> 'S' OFFSET 0)
), unowed AS (
    DELETE FROM utboks u USING old WHERE u.resept_id = old.resept_id AND u.status = 'S'
), event AS (
    INSERT INTO historikk (tidspunkt, resept_id, versjon, hendelse, fra, til)
    SELECT $3, resept_id, versjon + 1, $4, status, $5 FROM old
)
SELECT resept_id FROM old;

-- name: retention.delete_closed
-- Finished and recalled prescriptions when their time is over (K2), in the same way.
WITH old AS (
    SELECT resept_id, versjon, status FROM resept
    WHERE lukket < $1
    ORDER BY lukket LIMIT $2 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM resept r USING old WHERE r.resept_id = old.resept_id
), kept AS (
    INSERT INTO utboks_dokument (resept_id, msg_id, dokument)
    SELECT d.resept_id, d.msg_id, d.dokument FROM resept_dokument d JOIN old USING (resept_id)
    WHERE EXISTS (SELECT FROM utboks u WHERE u.resept_id = d.resept_id AND u.status <> 'S' OFFSET 0)
), unowed AS (
    DELETE FROM utboks u USING old WHERE u.resept_id = old.resept_id AND u.status = 'S'
), event AS (
    INSERT INTO historikk (tidspunkt, resept_id, versjon, hendelse, fra, til)
    SELECT $3, resept_id, versjon + 1, $4, status, $5 FROM old
)
SELECT resept_id FROM old;

-- name: retention.delete_delivered
-- What was delivered after its prescription had been deleted: no copy stays behind.
WITH old AS (
    SELECT opprettet, msg_id, avsender, lopenr FROM utboks u
    WHERE status = 'S' AND resept_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM resept r WHERE r.resept_id = u.resept_id)
    LIMIT $1 FOR UPDATE SKIP LOCKED
)
DELETE FROM utboks u USING old
WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (old.opprettet, old.msg_id, old.avsender, old.lopenr)
RETURNING 1;

-- name: retention.delete_unowed_documents
-- What was kept for messages that were owed, once none is and none is stranded.
DELETE FROM utboks_dokument d USING (
    SELECT resept_id, msg_id FROM utboks_dokument k
    WHERE NOT EXISTS (SELECT FROM utboks u WHERE u.resept_id = k.resept_id AND u.status <> 'S' OFFSET 0)
    LIMIT $1 FOR UPDATE SKIP LOCKED
) old
WHERE d.resept_id = old.resept_id AND d.msg_id = old.msg_id
RETURNING 1;

-- name: retention.delete_stranded
-- What is stranded no more: its partition was dropped, or a relay of an older release delivered it after all.
DELETE FROM utboks_strandet s USING (
    SELECT opprettet, msg_id, avsender, lopenr FROM utboks_strandet k
    WHERE NOT EXISTS (
        SELECT FROM utboks u
        WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (k.opprettet, k.msg_id, k.avsender, k.lopenr)
          AND u.status = 'F'
    )
    LIMIT $1 FOR UPDATE SKIP LOCKED
) old
WHERE (s.opprettet, s.msg_id, s.avsender, s.lopenr) = (old.opprettet, old.msg_id, old.avsender, old.lopenr)
RETURNING 1;

-- name: retention.delete_claims
-- Claims whose repeats are no longer answered.
DELETE FROM krav k USING (
    SELECT msg_id, avsender FROM krav WHERE mottatt < $1 ORDER BY mottatt LIMIT $2 FOR UPDATE SKIP LOCKED
) old
WHERE k.msg_id = old.msg_id AND k.avsender = old.avsender
RETURNING 1;

-- name: retention.delete_searches
-- The oldest of an operator's searches that began before that moment, with what it found.
WITH old AS (
    SELECT sok_id FROM innholdssok WHERE startet < $1 ORDER BY sok_id LIMIT 1
), found AS (
    DELETE FROM innholdssok_treff t USING old WHERE t.sok_id = old.sok_id
)
DELETE FROM innholdssok s USING old WHERE s.sok_id = old.sok_id RETURNING 1;

-- name: retention.partitions
-- The partitions of a table, without its default one.
SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = $1::text::regclass AND c.relname <> $1 || '_default' ORDER BY 1;
