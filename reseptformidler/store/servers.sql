-- name: servers.look
-- What a server says of itself: standby or primary, its timeline (a primary's alone), the end of its log as far as it
-- is written (primary) or replayed (standby), its clock, on a primary how many standbys a commit may wait for, and whether an import is not finished.
SELECT standby,
    CASE WHEN NOT standby
        THEN ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint
        ELSE 0
    END AS timeline,
    (CASE WHEN standby THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END - '0/0')::bigint AS lsn,
    clock_timestamp() AS clock,
    CASE WHEN NOT standby
        THEN (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
        ELSE 0
    END AS synchronous,
    to_regnamespace('overforing') IS NOT NULL AS unfinished
FROM (SELECT pg_is_in_recovery() AS standby OFFSET 0) AS self;
