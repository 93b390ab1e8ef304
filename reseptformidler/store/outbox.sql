-- name: outbox.claim
-- Take some messages that are due for some seconds. Of the messages of one prescription to one receiver only the first
-- that is not delivered is taken: the others are not due before it is gone, whoever asks, wherever. What another relay
-- takes at this moment is passed over; so is what has been tried for $8, which give_up takes.
--
-- Receivers are known by number: $4 a HER-id or a type, $5 its receiver, $6 the receiver of all others (null: none). The
-- HER-id's own receiver comes first, then the type's. A message without a receiver is not taken and keeps no other back.
-- $7: receivers to leave alone for now. Without $1 the time is the database's: one clock for the relays of all
-- datacentres.
WITH due AS (
    SELECT u.opprettet, u.avsender, u.msg_id, u.lopenr, r.nr AS receiver
    FROM utboks u, LATERAL (
        SELECT coalesce(
            ($5::int[])[array_position($4::text[], u.mottaker)], ($5::int[])[array_position($4::text[], u.type)], $6::int
        ) AS nr OFFSET 0
    ) r
    WHERE u.status = 'V' AND u.neste <= coalesce($1::timestamptz, now())
      AND coalesce(u.frist, u.opprettet + $8::interval) > coalesce($1::timestamptz, now())
      AND r.nr IS NOT NULL AND r.nr <> ALL ($7::int[])
      AND (u.resept_id IS NULL OR NOT EXISTS (
        SELECT FROM utboks e
        WHERE e.resept_id = u.resept_id AND e.status NOT IN ('S', 'F')
          AND (coalesce(e.plass, 0), e.opprettet, e.msg_id, e.avsender, e.lopenr)
            < (coalesce(u.plass, 0), u.opprettet, u.msg_id, u.avsender, u.lopenr)
          AND coalesce(
                ($5::int[])[array_position($4::text[], e.mottaker)],
                ($5::int[])[array_position($4::text[], e.type)],
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
    u.ref_to_conversation, u.forsok, u.innhold, u.melding_id, d.receiver;

-- name: outbox.documents
-- Messages that are attached to others: kept with their prescription, or for the messages owed where that is deleted.
SELECT w.resept_id, w.msg_id, coalesce(d.dokument, k.dokument) AS dokument
FROM unnest($1::uuid[], $2::uuid[]) AS w (resept_id, msg_id)
LEFT JOIN resept_dokument d USING (resept_id, msg_id)
LEFT JOIN utboks_dokument k USING (resept_id, msg_id)
WHERE coalesce(d.dokument, k.dokument) IS NOT NULL;

-- name: outbox.delivered
-- These have arrived, whoever sent them; one that arrived after it had been given up has arrived all the same. $5 is the
-- status of the receipt, null where none has come: that takes nothing back of what a receipt said. $6 is why a message
-- was refused, which strands it.
WITH arrived AS (
    UPDATE utboks u
    SET status = CASE WHEN d.arsak IS NULL THEN 'S' ELSE 'F' END, kvittering = d.kvittering,
        kvittert = CASE WHEN d.kvittering IS NOT NULL THEN coalesce($7::timestamptz, now()) END
    FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::text[])
        AS d (opprettet, avsender, msg_id, lopenr, kvittering, arsak)
    WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (d.opprettet, d.msg_id, d.avsender, d.lopenr)
      AND (d.kvittering IS NOT NULL OR u.status <> 'S' AND u.kvittering IS NULL)
    RETURNING u.opprettet, u.avsender, u.msg_id, u.lopenr, d.arsak
), settled AS (
    DELETE FROM utboks_strandet s USING arrived a
    WHERE (s.opprettet, s.msg_id, s.avsender, s.lopenr) = (a.opprettet, a.msg_id, a.avsender, a.lopenr)
      AND a.arsak IS NULL
)
INSERT INTO utboks_strandet (opprettet, avsender, msg_id, lopenr, tidspunkt, arsak)
SELECT opprettet, avsender, msg_id, lopenr, coalesce($7::timestamptz, now()), arsak
FROM arrived WHERE arsak IS NOT NULL
ON CONFLICT (opprettet, msg_id, avsender, lopenr) DO UPDATE SET arsak = excluded.arsak;

-- name: outbox.sent_as
-- The message that was sent under MsgId $1 in the millisecond that begins at $2, if its receiver is one of $3; who has no
-- HER-id is known by the MsgId alone.
SELECT opprettet, avsender, msg_id, lopenr, type FROM utboks
WHERE opprettet >= $2::timestamptz AND opprettet < $2::timestamptz + interval '1 ms'
  AND melding_id = $1::uuid AND (mottaker = '' OR mottaker = ANY ($3::text[]));

-- name: outbox.failed
-- These did not arrive: again after $6; $7 says why. Not where another relay has taken the message meanwhile ($5 tells
-- the attempts). What waits behind them (never tried, for the same receiver $8; $9 to $11 as in claim) waits as long:
-- thousands of messages that may not be sent yet must not stand first in the index of what is due.
WITH failed AS (
    UPDATE utboks u SET neste = coalesce($12::timestamptz, now()) + f.delay, arsak = f.arsak
    FROM unnest(
            $1::timestamptz[], $2::text[], $3::uuid[], $4::int[], $5::int[], $6::interval[], $7::text[], $8::int[]
        ) AS f (opprettet, avsender, msg_id, lopenr, forsok, delay, arsak, receiver)
    WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (f.opprettet, f.msg_id, f.avsender, f.lopenr)
      AND u.status NOT IN ('S', 'F') AND u.forsok = f.forsok
    RETURNING u.resept_id, f.receiver, u.neste
)
UPDATE utboks u SET neste = f.neste
FROM failed f
WHERE u.resept_id = ANY (ARRAY (SELECT resept_id FROM failed)) -- found by key, whatever the planner knows
  AND u.resept_id = f.resept_id AND f.receiver = coalesce(
        ($10::int[])[array_position($9::text[], u.mottaker)], ($10::int[])[array_position($9::text[], u.type)], $11::int
      )
  AND u.status NOT IN ('S', 'F') AND u.forsok = 0 AND u.neste < f.neste;

-- name: outbox.put_off
-- What is due and has no receiver ($3 to $5 as above) is looked at again after $2, some of it.
WITH due AS (
    SELECT u.opprettet, u.avsender, u.msg_id, u.lopenr FROM utboks u
    WHERE u.status = 'V' AND u.neste <= coalesce($1::timestamptz, now()) AND coalesce(
            ($4::int[])[array_position($3::text[], u.mottaker)], ($4::int[])[array_position($3::text[], u.type)], $5::int
        ) IS NULL
    ORDER BY u.neste LIMIT $6 FOR UPDATE OF u SKIP LOCKED
)
UPDATE utboks u SET neste = coalesce($1::timestamptz, now()) + $2::interval, arsak = 'no receiver'
FROM due d
WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (d.opprettet, d.msg_id, d.avsender, d.lopenr)
RETURNING 1;

-- name: outbox.give_up
-- What has been tried for $2 is given up, some of it: it strands, with why the last attempt failed.
WITH old AS (
    SELECT opprettet, avsender, msg_id, lopenr FROM utboks
    WHERE status = 'V' AND neste <= coalesce($1::timestamptz, now())
      AND opprettet <= coalesce($1::timestamptz, now()) - $2::interval -- partitions of that age only
      AND coalesce(frist, opprettet + $2::interval) <= coalesce($1::timestamptz, now())
    ORDER BY neste LIMIT $3 FOR UPDATE SKIP LOCKED
), given_up AS (
    UPDATE utboks u SET status = 'F'
    FROM old
    WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (old.opprettet, old.msg_id, old.avsender, old.lopenr)
    RETURNING u.opprettet, u.avsender, u.msg_id, u.lopenr, u.type, u.arsak
), stranded AS (
    INSERT INTO utboks_strandet (opprettet, avsender, msg_id, lopenr, tidspunkt, arsak)
    SELECT opprettet, avsender, msg_id, lopenr, coalesce($1::timestamptz, now()), coalesce(arsak, 'not tried')
    FROM given_up
)
SELECT type FROM given_up;

-- name: outbox.pending
-- What is owed and not delivered, by type, and the age of the oldest in seconds.
SELECT type, count(*) AS antall,
    extract(epoch FROM coalesce($1::timestamptz, now()) - min(opprettet))::float8 AS alder
FROM utboks WHERE status = 'V' GROUP BY type;

-- name: outbox.stranded_kinds
-- How many messages are stranded, and how many of them because they were refused.
SELECT count(*) AS antall, count(*) FILTER (WHERE arsak LIKE 'refused%') AS avvist FROM utboks_strandet;

-- name: outbox.stranded
-- The messages that are stranded, oldest first; ages in seconds. Each is found by its key (OFFSET), never by reading all.
SELECT s.opprettet, s.avsender, s.msg_id, s.lopenr, u.type, u.mottaker, u.melding_id, u.forsok, s.arsak,
    extract(epoch FROM now() - s.opprettet)::float8 AS alder
FROM utboks_strandet s, LATERAL (
    SELECT type, mottaker, melding_id, forsok FROM utboks o
    WHERE (o.opprettet, o.msg_id, o.avsender, o.lopenr) = (s.opprettet, s.msg_id, s.avsender, s.lopenr) OFFSET 0
) u
ORDER BY s.opprettet, s.msg_id, s.lopenr;

-- name: outbox.replay
-- These are owed again, unless they have arrived meanwhile; they are tried for $5, but no longer than $6 after they came
-- to be owed.
WITH replayed AS (
    UPDATE utboks u
    SET status = 'V', forsok = 0, neste = now(), frist = least(now() + $5::interval, u.opprettet + $6::interval),
        arsak = NULL, kvittering = NULL, kvittert = NULL
    FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::int[]) AS d (opprettet, avsender, msg_id, lopenr)
    WHERE (u.opprettet, u.msg_id, u.avsender, u.lopenr) = (d.opprettet, d.msg_id, d.avsender, d.lopenr)
      AND u.status = 'F'
    RETURNING u.opprettet, u.avsender, u.msg_id, u.lopenr, u.type
), settled AS (
    DELETE FROM utboks_strandet s USING replayed r
    WHERE (s.opprettet, s.msg_id, s.avsender, s.lopenr) = (r.opprettet, r.msg_id, r.avsender, r.lopenr)
)
SELECT type FROM replayed;
