-- name: load.resepter
-- Every prescription that a batch asks for: by id, by patient (active ones; of $3 the others too), by reference
-- number, by emergency search. The ids are found in the indexes alone, then each row is read once. With them the cards
-- of the patients in $6: rows without status, whose resept_id is the card's id.
WITH found AS (
    SELECT unnest($1::uuid[]) AS resept_id
    UNION
    SELECT r.resept_id FROM resept r WHERE r.pasient = ANY ($2::bytea[]) AND r.status = 'E'
    UNION
    SELECT r.resept_id FROM resept r WHERE r.pasient = ANY ($3::bytea[]) AND r.status <> 'E'
    UNION
    SELECT r.resept_id FROM resept r WHERE r.refnr = ANY ($4::bytea[])
    UNION
    SELECT r.resept_id FROM resept r WHERE r.nodsok = ANY ($5::bytea[])
)
SELECT r.resept_id, r.versjon, r.mottatt, r.status, r.pasient, r.refnr, r.nodsok, r.innhold
FROM found JOIN resept r USING (resept_id)
UNION ALL
SELECT kort_id, versjon, NULL, NULL, pasient, NULL, NULL, innhold FROM pasientkort WHERE pasient = ANY ($6::bytea[]);

-- name: load.dokumenter
-- The messages that belong to prescriptions, together for each, oldest first.
SELECT resept_id, msg_id, annullert_av, utlevering, dokument
FROM resept_dokument WHERE resept_id = ANY ($1::uuid[]) ORDER BY resept_id, mottatt, msg_id;

-- name: load.kort_endret
-- The cards that concern an organisation and have changed, or whose patients were given prescriptions, after a moment.
SELECT k.kort_id AS resept_id, k.versjon, k.pasient, k.innhold FROM pasientkort k
WHERE k.parter @> ARRAY[$1::text] AND (
    k.endret > $2
    OR EXISTS (SELECT FROM resept r WHERE r.pasient = k.pasient AND r.status = 'E' AND r.mottatt > $2)
    OR EXISTS (SELECT FROM resept r WHERE r.pasient = k.pasient AND r.status <> 'E' AND r.mottatt > $2)
);

-- name: load.kort_dokumenter
-- The messages that cards hold, with the cards as they are at the same moment: a list may be replaced between two reads.
SELECT k.kort_id AS resept_id, k.versjon, k.pasient, k.innhold, d.msg_id, d.dokument
FROM pasientkort k JOIN pasientkort_dokument d USING (kort_id) WHERE k.kort_id = ANY ($1::uuid[]) ORDER BY k.kort_id;

-- name: load.taken_refnr
-- Those of some reference numbers that were issued before.
SELECT refnr FROM refnr WHERE refnr = ANY ($1::bytea[]);

-- name: load.refnr
-- Issued reference numbers; aktiv: a prescription under the number is still there. (EXISTS could be planned as a hash
-- of the whole table; LIMIT cannot.)
SELECT n.refnr, n.innhold, (SELECT true FROM resept r WHERE r.refnr = n.refnr LIMIT 1) IS NOT NULL AS aktiv
FROM refnr n WHERE n.refnr = ANY ($1::bytea[]);

-- name: load.repeats
-- The first answers of repeated messages. Counting the repeat is a commit of its own: so this answer too leaves only
-- when the standby has everything up to here, the first commit included.
WITH counted AS (
    UPDATE krav k SET gjentatt = k.gjentatt + 1
    FROM unnest($1::text[], $2::uuid[]) AS m (avsender, msg_id)
    WHERE k.avsender = m.avsender AND k.msg_id = m.msg_id
    RETURNING k.avsender, k.msg_id, k.sha256, k.mottatt
)
SELECT c.avsender, c.msg_id, c.sha256, i.godtatt, i.arsaker, i.svar
FROM counted c JOIN innboks i USING (mottatt, avsender, msg_id);
