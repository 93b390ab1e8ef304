-- name: outbox.pending
-- What is owed and not delivered, by type.
SELECT type, count(*) AS antall, min(opprettet) AS eldste FROM utboks WHERE status = 'V' GROUP BY type;
