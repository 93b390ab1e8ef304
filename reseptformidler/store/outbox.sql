-- name: outbox.claim
-- Take some messages that are due for some seconds. Of the messages of one prescription to one receiver only the first
-- that is not delivered is taken: the others are not due before it is gone, whoever asks, wherever. What another relay
-- takes at this moment is passed over.
--
-- Receivers are known by number: $4 a HER-id, or a type where the HER-id is empty, $5 its receiver, $6 the receiver of
-- all others (null: none). A message without a receiver is not taken and keeps no other back. $7: receivers to leave
-- alone for now. Without $1 the time is the database's: one clock for the relays of all datacentres.
WITH due AS (
    SELECT u.opprettet, u.avsender, u.msg_id, u.lopenr, r.nr AS receiver
    FROM utboks u, LATERAL (
        SELECT coalesce(
            ($5::int[])[array_position($4::text[], CASE u.mottaker WHEN '' THEN u.type ELSE u.mottaker END)], $6::int
        ) AS nr OFFSET 0
    ) r
    WHERE u.status = 'V' AND u.neste <= coalesce($1::timestamptz, now())
      AND r.nr IS NOT NULL AND r.nr <> ALL ($7::int[])
      AND (u.resept_id IS NULL OR NOT EXISTS (
        SELECT FROM utboks e
        WHERE e.resept_id = u.resept_id AND e.status NOT IN ('S', 'F')
          AND (coalesce(e.plass, 0), e.opprettet, e.msg_id, e.avsender, e.lopenr)
            < (coalesce(u.plass, 0), u.opprettet, u.msg_id, u.avsender, u.lopenr)
          AND coalesce(
                ($5::int[])[array_position($4::text[], CASE e.mottaker WHEN '' THEN e.type ELSE e.mottaker END)],
                $6::int
              ) = r.nr
        OFFSET 0
      ))
    ORDER BY u.neste LIMIT $3 FOR UPDATE OF u SKIP LOCKED
)
UPDATE utboks u
SET neste = coalesce($1::timestamptz, now()) + $2::interval, forsok = u.forsok + 1
FROM due d
WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (d.opprettet, d.msg_id, d.avsender, d.lopenr)
RETURNING u.opprettet, u.avsender, u.msg_id, u.lopenr, u.type, u.mottaker, u.resept_id, u.ref_to_parent,
    u.ref_to_conversation, u.forsok, u.innhold, d.receiver;

-- name: outbox.delivered
-- These have arrived, whoever sent them; one that arrived after it had been given up has arrived all the same.
UPDATE utboks u SET status = 'S'
FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::int[]) AS d (opprettet, avsender, msg_id, lopenr)
WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (d.opprettet, d.msg_id, d.avsender, d.lopenr)
  AND u.status <> 'S';

-- name: outbox.failed
-- These did not arrive: again after $6. Not where another relay has taken the message meanwhile ($5 tells the attempts).
-- What waits behind them (never tried) waits as long: thousands of messages that may not be sent yet must not stand
-- first in the index of what is due.
WITH failed AS (
    UPDATE utboks u SET neste = coalesce($7::timestamptz, now()) + f.delay
    FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::int[], $5::int[], $6::interval[])
        AS f (opprettet, avsender, msg_id, lopenr, forsok, delay)
    WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (f.opprettet, f.msg_id, f.avsender, f.lopenr)
      AND u.status NOT IN ('S', 'F') AND u.forsok = f.forsok
    RETURNING u.resept_id, u.mottaker, u.type, u.neste
)
UPDATE utboks u SET neste = f.neste
FROM failed f
WHERE u.resept_id = ANY (ARRAY (SELECT resept_id FROM failed)) -- found by key, whatever the planner knows
  AND u.resept_id = f.resept_id AND u.mottaker = f.mottaker AND (u.mottaker <> '' OR u.type = f.type)
  AND u.status NOT IN ('S', 'F') AND u.forsok = 0 AND u.neste < f.neste;

-- name: outbox.put_off
-- What is due and has no receiver ($3 to $5 as above) is looked at again after $2, some of it.
WITH due AS (
    SELECT u.opprettet, u.avsender, u.msg_id, u.lopenr FROM utboks u
    WHERE u.status = 'V' AND u.neste <= coalesce($1::timestamptz, now()) AND coalesce(
            ($4::int[])[array_position($3::text[], CASE u.mottaker WHEN '' THEN u.type ELSE u.mottaker END)], $5::int
        ) IS NULL
    ORDER BY u.neste LIMIT $6 FOR UPDATE OF u SKIP LOCKED
)
UPDATE utboks u SET neste = coalesce($1::timestamptz, now()) + $2::interval
FROM due d
WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (d.opprettet, d.msg_id, d.avsender, d.lopenr)
RETURNING 1;

-- name: outbox.give_up
-- What has waited $2 is given up, some of it: then its partition is dropped in any case, and this counts it before.
WITH old AS (
    SELECT opprettet, avsender, msg_id, lopenr FROM utboks
    WHERE status = 'V' AND neste <= coalesce($1::timestamptz, now())
      AND opprettet < coalesce($1::timestamptz, now()) - $2::interval
    ORDER BY neste LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE utboks u SET status = 'F'
FROM old
WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (old.opprettet, old.msg_id, old.avsender, old.lopenr)
RETURNING u.type;

-- name: outbox.pending
-- What is owed and not delivered, by type, and the age of the oldest in seconds.
SELECT type, count(*) AS antall,
    extract(epoch FROM coalesce($1::timestamptz, now()) - min(opprettet))::float8 AS alder
FROM utboks WHERE status = 'V' GROUP BY type;
