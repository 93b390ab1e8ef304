-- name: apply.batch
-- A whole batch, one transaction: of the messages whose guards hold and whose MsgId is new, everything; of the others
-- nothing. What became of each: applied, duplicate (its first answer is stored), taken (the prescription, document or
-- card it would create is another message's), conflict (the state has moved since it was read: decide again).
--
-- Locks are taken in one order everywhere: prescriptions by id, reference numbers, patient cards, claims. A guard that had
-- to wait for its row is judged again on the row as it is then. `nr` and `msg_id` each tell a message from the others
-- of its batch. No join of two sets: each table is reached by key, whatever the planner knows (pool.py).
WITH message AS (
    SELECT * FROM unnest(
        $1::int[], $2::text[], $3::uuid[], $4::bytea[], $5::timestamptz[], $6::text[], $7::bool[], $8::text[],
        $9::bytea[], $10::bytea[]
    ) AS m (nr, avsender, msg_id, sha256, mottatt, type, godtatt, arsaker, melding, svar)
), created AS (
    SELECT * FROM unnest(
        $11::int[], $12::uuid[], $13::bytea[], $14::bytea[], $15::bytea[], $16::timestamptz[], $17::date[],
        $18::bool[], $19::text[], $20::bytea[]
    ) AS c (nr, resept_id, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold)
), changed AS (
    SELECT * FROM unnest(
        $21::int[], $22::uuid[], $23::int[], $24::text[], $25::text[], $26::timestamptz[], $27::timestamptz[],
        $28::bytea[]
    ) AS c (nr, resept_id, versjon, status, las_her, las_siden, lukket, innhold)
), document AS (
    SELECT * FROM unnest($29::int[], $30::uuid[], $31::uuid[], $32::timestamptz[], $33::bytea[], $34::bytea[])
        AS d (nr, resept_id, msg_id, mottatt, utlevering, dokument)
), annulled AS (
    SELECT * FROM unnest($35::int[], $36::uuid[], $37::uuid[], $38::uuid[]) AS a (nr, resept_id, msg_id, annullert_av)
), binding AS (
    SELECT * FROM unnest($39::int[], $40::bytea[], $41::bytea[], $42::bytea[], $43::bytea[])
        AS b (nr, refnr, forrige, pasient, innhold)
), event AS (
    SELECT * FROM unnest(
        $44::int[], $45::timestamptz[], $46::uuid[], $47::int[], $48::text[], $49::text[], $50::text[], $51::text[],
        $52::uuid[]
    ) AS e (nr, tidspunkt, resept_id, versjon, hendelse, fra, til, avsender, msg_id)
), owed AS (
    SELECT * FROM unnest(
        $53::int[], $54::timestamptz[], $55::text[], $56::uuid[], $57::int[], $58::text[], $59::text[], $60::uuid[],
        $61::text[], $62::text[], $63::bytea[], $64::uuid[]
    ) AS o (nr, opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent, ref_to_conversation,
            innhold, melding_id)
), seen AS (
    SELECT * FROM unnest($65::int[], $66::bytea[], $67::bytea[], $68::bytea[], $69::bool[], $70::text[])
        AS s (nr, pasient, refnr, nodsok, alle, versjoner)
), issued AS (
    SELECT * FROM unnest($71::int[], $72::bytea[], $73::bytea[]) AS i (nr, refnr, innhold)
), card AS (
    SELECT * FROM unnest(
        $74::int[], $75::uuid[], $76::bytea[], $77::int[], $78::timestamptz[], $79::text[], $80::text[], $81::bytea[]
    ) AS c (nr, kort_id, pasient, versjon, endret, parter, holdt, innhold)
), card_document AS (
    SELECT * FROM unnest($82::int[], $83::uuid[], $84::uuid[], $85::bytea[]) AS d (nr, kort_id, msg_id, dokument)
),
held AS (
    SELECT c.nr FROM changed c JOIN resept r ON r.resept_id = c.resept_id AND r.versjon = c.versjon - 1
    ORDER BY r.resept_id FOR UPDATE OF r
),
bound AS (
    SELECT b.nr FROM binding b JOIN refnr n ON n.refnr = b.refnr AND n.pasient IS NOT DISTINCT FROM b.forrige
    WHERE (SELECT count(*) FROM held) >= 0
    ORDER BY n.refnr FOR UPDATE OF n
),
carded AS ( -- a card's first version: none may be there (one that another makes meanwhile is a unique violation)
    SELECT c.nr FROM card c
    WHERE c.versjon = 1 AND NOT EXISTS (SELECT FROM pasientkort k WHERE k.pasient = c.pasient)
    UNION ALL
    SELECT nr FROM (
        SELECT c.nr FROM card c JOIN pasientkort k ON k.pasient = c.pasient AND k.versjon = c.versjon - 1
        WHERE (SELECT count(*) FROM bound) >= 0
        ORDER BY k.kort_id FOR UPDATE OF k
    ) later
),
taken AS (
    SELECT d.nr FROM document d
    WHERE EXISTS (SELECT FROM resept_dokument r WHERE r.resept_id = d.resept_id AND r.msg_id = d.msg_id)
    UNION ALL
    SELECT c.nr FROM card c
    WHERE c.versjon = 1 AND EXISTS (SELECT FROM pasientkort k WHERE k.kort_id = c.kort_id)
),
stale AS ( -- decided on a standby's state, which is not the one here
    SELECT s.nr FROM seen s
    WHERE s.versjoner <> (
        SELECT coalesce(string_agg(r.resept_id || ':' || r.versjon, ',' ORDER BY r.resept_id), '')
        FROM (
            SELECT resept_id, versjon FROM resept WHERE pasient = s.pasient AND status = 'E'
            UNION ALL
            SELECT resept_id, versjon FROM resept WHERE pasient = s.pasient AND status <> 'E' AND s.alle
            UNION ALL
            SELECT resept_id, versjon FROM resept WHERE refnr = s.refnr
            UNION ALL
            SELECT resept_id, versjon FROM resept WHERE nodsok = s.nodsok
        ) r
    )
),
unheld AS (
    SELECT nr FROM (SELECT nr FROM changed EXCEPT ALL SELECT nr FROM held) c
    UNION ALL
    SELECT nr FROM (SELECT nr FROM binding EXCEPT ALL SELECT nr FROM bound) b
    UNION ALL
    SELECT nr FROM (SELECT nr FROM card EXCEPT ALL SELECT nr FROM carded) k
    UNION ALL
    SELECT nr FROM stale
),
claimed AS (
    INSERT INTO krav (avsender, msg_id, sha256, mottatt)
    SELECT avsender, msg_id, sha256, mottatt FROM message
    WHERE nr <> ALL (ARRAY (SELECT nr FROM unheld UNION ALL SELECT nr FROM taken))
    ORDER BY msg_id, avsender
    ON CONFLICT DO NOTHING
    RETURNING msg_id
),
done AS (
    SELECT nr FROM message WHERE msg_id = ANY (ARRAY (SELECT msg_id FROM claimed))
),
write_created AS (
    INSERT INTO resept (resept_id, versjon, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold)
    SELECT resept_id, 1, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold
    FROM created WHERE nr = ANY (ARRAY (SELECT nr FROM done))
),
write_changed AS (
    UPDATE resept r
    SET versjon = c.versjon, status = c.status, las_her = c.las_her, las_siden = c.las_siden, lukket = c.lukket,
        innhold = c.innhold
    FROM changed c WHERE r.resept_id = c.resept_id AND c.nr = ANY (ARRAY (SELECT nr FROM done))
),
write_document AS (
    INSERT INTO resept_dokument (resept_id, msg_id, mottatt, utlevering, dokument)
    SELECT resept_id, msg_id, mottatt, utlevering, dokument
    FROM document WHERE nr = ANY (ARRAY (SELECT nr FROM done))
),
write_annulled AS (
    UPDATE resept_dokument r SET annullert_av = a.annullert_av
    FROM annulled a
    WHERE r.resept_id = a.resept_id AND r.msg_id = a.msg_id AND a.nr = ANY (ARRAY (SELECT nr FROM done))
),
write_binding AS (
    UPDATE refnr n SET pasient = b.pasient, innhold = b.innhold
    FROM binding b WHERE n.refnr = b.refnr AND b.nr = ANY (ARRAY (SELECT nr FROM done))
),
write_event AS (
    INSERT INTO historikk (tidspunkt, resept_id, versjon, hendelse, fra, til, avsender, msg_id)
    SELECT tidspunkt, resept_id, versjon, hendelse, fra, til, avsender, msg_id
    FROM event WHERE nr = ANY (ARRAY (SELECT nr FROM done))
),
write_owed AS (
    INSERT INTO utboks (opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent,
                        ref_to_conversation, neste, innhold, melding_id)
    SELECT opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent, ref_to_conversation,
           least(opprettet, now()), innhold, melding_id -- a process whose clock is ahead must not hold it back
    FROM owed WHERE nr = ANY (ARRAY (SELECT nr FROM done))
),
write_issued AS (
    INSERT INTO refnr (refnr, innhold) SELECT refnr, innhold FROM issued WHERE nr = ANY (ARRAY (SELECT nr FROM done))
),
write_card AS (
    INSERT INTO pasientkort (kort_id, pasient, versjon, endret, parter, innhold)
    SELECT kort_id, pasient, versjon, endret, string_to_array(parter, ','), innhold
    FROM card WHERE versjon = 1 AND nr = ANY (ARRAY (SELECT nr FROM done))
),
write_card_change AS (
    UPDATE pasientkort k SET versjon = c.versjon, endret = c.endret, parter = string_to_array(c.parter, ','),
        innhold = c.innhold
    FROM card c WHERE c.versjon > 1 AND k.kort_id = c.kort_id AND c.nr = ANY (ARRAY (SELECT nr FROM done))
),
drop_card_document AS ( -- what a card no longer holds
    DELETE FROM pasientkort_dokument d USING card c
    WHERE c.versjon > 1 AND d.kort_id = c.kort_id AND d.msg_id <> ALL (string_to_array(c.holdt, ',')::uuid[])
      AND c.nr = ANY (ARRAY (SELECT nr FROM done))
),
write_card_document AS (
    INSERT INTO pasientkort_dokument (kort_id, msg_id, dokument)
    SELECT kort_id, msg_id, dokument FROM card_document WHERE nr = ANY (ARRAY (SELECT nr FROM done))
),
write_message AS (
    INSERT INTO innboks (mottatt, avsender, msg_id, type, godtatt, arsaker, melding, svar)
    SELECT mottatt, avsender, msg_id, type, godtatt, arsaker, melding, svar
    FROM message WHERE nr = ANY (ARRAY (SELECT nr FROM done))
)
SELECT m.nr,
    CASE
        WHEN m.nr = ANY (ARRAY (SELECT nr FROM done)) THEN 'applied'
        WHEN (SELECT true FROM krav k WHERE k.msg_id = m.msg_id AND k.avsender = m.avsender LIMIT 1) THEN 'duplicate'
        WHEN m.nr = ANY (ARRAY (SELECT nr FROM taken)) THEN 'taken'
        WHEN m.nr = ANY (ARRAY (SELECT nr FROM unheld)) THEN 'conflict'
        ELSE 'duplicate' -- the claim was made by another one while this statement ran
    END AS outcome
FROM message m;
