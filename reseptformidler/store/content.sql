-- name: content.about
-- About how many prescriptions are active, as the planner thinks: counting them would read them all.
EXPLAIN (FORMAT JSON) SELECT FROM resept WHERE status IN ('E', 'B');

-- name: content.begin
-- Write down that a search begins.
INSERT INTO innholdssok (startet, operator, begrunnelse, monster, anslag, endret)
VALUES ($1, $2, $3, $4, $5, $1) RETURNING *;

-- name: content.searches
-- One search, or all of them, the newest first.
SELECT * FROM innholdssok WHERE $1::int IS NULL OR sok_id = $1 ORDER BY sok_id DESC;

-- name: content.page
-- The next active prescriptions in the order of the primary key, with their M1; locked ones are under dispensing.
SELECT r.resept_id, r.versjon, r.utloper, r.innhold, d.dokument,
    CASE WHEN r.status = 'E' AND r.las_her IS NOT NULL THEN 'U' ELSE r.status END AS status
FROM resept r LEFT JOIN resept_dokument d ON d.resept_id = r.resept_id AND d.msg_id = r.resept_id
WHERE r.resept_id >= $1 AND r.status IN ('E', 'B')
ORDER BY r.resept_id LIMIT $2;

-- name: content.record
-- A page is done: how far the search has come, and what was found, together. No row where another process has taken it
-- further: a page is counted once.
WITH search AS (
    UPDATE innholdssok
    SET neste = $3, sett = sett + $4, treff = treff + $5, ulest = ulest + $6, endret = $7,
        ferdig = CASE WHEN $8 THEN $7::timestamptz END
    WHERE sok_id = $1 AND neste = $2 AND ferdig IS NULL
    RETURNING *
), hit AS (
    INSERT INTO innholdssok_treff (sok_id, her, resept_id, status, forskrivningsdato, utloper)
    SELECT s.sok_id, h.her, h.resept_id, h.status, h.forskrivningsdato, h.utloper
    FROM search s, unnest($9::text[], $10::uuid[], $11::text[], $12::date[], $13::date[])
        AS h (her, resept_id, status, forskrivningsdato, utloper)
)
SELECT * FROM search;

-- name: content.found
-- What a search found, by organisation, and what has become of it; no status where the prescription is deleted.
SELECT t.her, t.resept_id, t.status AS da, t.forskrivningsdato, t.utloper,
    CASE WHEN r.status = 'E' AND r.las_her IS NOT NULL THEN 'U' ELSE r.status END AS na
FROM innholdssok_treff t LEFT JOIN resept r ON r.resept_id = t.resept_id
WHERE t.sok_id = $1 ORDER BY t.her, t.resept_id;
