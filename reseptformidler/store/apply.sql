-- name: apply.batch
-- A whole batch, one transaction: of the messages whose guards hold and whose MsgId is new, everything; of the others
-- nothing. What became of each: applied, duplicate (its first answer is stored), taken (the prescription or document
-- it would create is another message's), conflict (the state has moved since it was read: decide again).
--
-- Locks are taken in one order everywhere: prescriptions by id, then reference numbers, then claims. A guard that had
-- to wait for its row is judged again on the row as it is then.
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
    SELECT * FROM unnest($29::int[], $30::uuid[], $31::uuid[], $32::bytea[], $33::bytea[])
        AS d (nr, resept_id, msg_id, utlevering, dokument)
), annulled AS (
    SELECT * FROM unnest($34::int[], $35::uuid[], $36::uuid[], $37::uuid[]) AS a (nr, resept_id, msg_id, annullert_av)
), binding AS (
    SELECT * FROM unnest($38::int[], $39::bytea[], $40::bytea[], $41::bytea[], $42::bytea[])
        AS b (nr, refnr, forrige, pasient, innhold)
), event AS (
    SELECT * FROM unnest($43::int[], $44::uuid[], $45::int[], $46::text[], $47::text[], $48::text[])
        AS e (nr, resept_id, versjon, hendelse, fra, til)
), owed AS (
    SELECT * FROM unnest(
        $49::int[], $50::int[], $51::text[], $52::text[], $53::uuid[], $54::text[], $55::text[], $56::bytea[]
    ) AS o (nr, lopenr, type, mottaker, resept_id, ref_to_parent, ref_to_conversation, innhold)
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
taken AS (
    SELECT d.nr FROM document d
    WHERE EXISTS (SELECT FROM resept_dokument r WHERE r.resept_id = d.resept_id AND r.msg_id = d.msg_id)
),
unheld AS (
    SELECT nr FROM (SELECT nr FROM changed EXCEPT ALL SELECT nr FROM held) c
    UNION ALL
    SELECT nr FROM (SELECT nr FROM binding EXCEPT ALL SELECT nr FROM bound) b
),
free AS (
    SELECT * FROM message WHERE nr NOT IN (SELECT nr FROM unheld) AND nr NOT IN (SELECT nr FROM taken)
),
claimed AS (
    INSERT INTO krav (avsender, msg_id, sha256, mottatt)
    SELECT avsender, msg_id, sha256, mottatt FROM free ORDER BY msg_id, avsender
    ON CONFLICT DO NOTHING
    RETURNING avsender, msg_id
),
done AS (
    SELECT f.nr, f.avsender, f.msg_id, f.mottatt FROM free f JOIN claimed USING (avsender, msg_id)
),
write_created AS (
    INSERT INTO resept (resept_id, versjon, pasient, refnr, nodsok, mottatt, utloper, last, status, innhold)
    SELECT c.resept_id, 1, c.pasient, c.refnr, c.nodsok, c.mottatt, c.utloper, c.last, c.status, c.innhold
    FROM created c JOIN done USING (nr)
),
write_changed AS (
    UPDATE resept r
    SET versjon = c.versjon, status = c.status, las_her = c.las_her, las_siden = c.las_siden, lukket = c.lukket,
        innhold = c.innhold
    FROM changed c JOIN done USING (nr) WHERE r.resept_id = c.resept_id
),
write_document AS (
    INSERT INTO resept_dokument (resept_id, msg_id, mottatt, utlevering, dokument)
    SELECT d.resept_id, d.msg_id, done.mottatt, d.utlevering, d.dokument FROM document d JOIN done USING (nr)
),
write_annulled AS (
    UPDATE resept_dokument r SET annullert_av = a.annullert_av
    FROM annulled a JOIN done USING (nr) WHERE r.resept_id = a.resept_id AND r.msg_id = a.msg_id
),
write_binding AS (
    UPDATE refnr n SET pasient = b.pasient, innhold = b.innhold
    FROM binding b JOIN done USING (nr) WHERE n.refnr = b.refnr
),
write_event AS (
    INSERT INTO historikk (tidspunkt, resept_id, versjon, hendelse, fra, til, avsender, msg_id)
    SELECT done.mottatt, e.resept_id, e.versjon, e.hendelse, e.fra, e.til, done.avsender, done.msg_id
    FROM event e JOIN done USING (nr)
),
write_owed AS (
    INSERT INTO utboks (opprettet, avsender, msg_id, lopenr, type, mottaker, resept_id, ref_to_parent,
                        ref_to_conversation, neste, innhold)
    SELECT done.mottatt, done.avsender, done.msg_id, o.lopenr, o.type, o.mottaker, o.resept_id, o.ref_to_parent,
           o.ref_to_conversation, done.mottatt, o.innhold
    FROM owed o JOIN done USING (nr)
),
write_message AS (
    INSERT INTO innboks (mottatt, avsender, msg_id, type, godtatt, arsaker, melding, svar)
    SELECT m.mottatt, m.avsender, m.msg_id, m.type, m.godtatt, m.arsaker, m.melding, m.svar
    FROM message m JOIN done USING (nr)
)
SELECT m.nr,
    CASE
        WHEN m.nr IN (SELECT nr FROM done) THEN 'applied'
        WHEN EXISTS (SELECT FROM krav k WHERE k.msg_id = m.msg_id AND k.avsender = m.avsender) THEN 'duplicate'
        WHEN m.nr IN (SELECT nr FROM free) THEN 'duplicate'
        WHEN m.nr IN (SELECT nr FROM taken) THEN 'taken'
        ELSE 'conflict'
    END AS outcome
FROM message m;
