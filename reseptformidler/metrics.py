"""Every metric of the service, declared once. Labels come from closed sets: never an identity, a MsgId or free text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1)

messages = Counter(
    "reseptformidler_messages",
    "Messages answered, by type and outcome (godtatt, avvist, unreadable, failed, shed, gjentatt)",
    ("melding", "outcome"),
    registry=REGISTRY,
)
for _outcome in ("unreadable", "failed", "shed"):  # shown from the start: a rate needs the figure before the first one
    messages.labels("ukjent", _outcome)
refusals = Counter(
    "reseptformidler_refusals",
    "Reasons given in refusals, by code of list 7419 or 8221",
    ("melding", "reason"),
    registry=REGISTRY,
)
message_duration = Histogram(
    "reseptformidler_message_duration_seconds",
    "From the whole body read to the answer ready",
    ("melding",),
    buckets=_SECONDS,
    registry=REGISTRY,
)
STAGES = ("parse", "envelope", "signature", "rules", "store")
stage_duration = Histogram(
    "reseptformidler_stage_duration_seconds",
    "Time in one stage of a message's path",
    ("stage",),
    buckets=_STAGE_SECONDS,
    registry=REGISTRY,
)
in_progress = Gauge("reseptformidler_messages_in_progress", "Messages that are being worked on", registry=REGISTRY)
db_query_duration = Histogram(
    "reseptformidler_db_query_duration_seconds",
    "Round trip of a named query",
    ("query",),
    buckets=_SECONDS,
    registry=REGISTRY,
)
db_batch_messages = Histogram(
    "reseptformidler_db_batch_messages",
    "Messages committed together",
    buckets=(1, 2, 4, 8, 16, 32, 64),
    registry=REGISTRY,
)
db_conflicts = Counter(
    "reseptformidler_db_conflicts", "Decisions made again because the state had moved", registry=REGISTRY
)
db_retries = Counter(
    "reseptformidler_db_retries", "Batches repeated after a database error of unknown outcome", registry=REGISTRY
)
db_pool_connections = Gauge(
    "reseptformidler_db_pool_connections", "Connections of the pool", ("state",), registry=REGISTRY
)
DB_ROLES = ("primary", "standby", "silent")
db_server_role = Gauge(
    "reseptformidler_db_server_role",
    "1 for what each server of RF_DATABASE_URL is, as this process sees it (primary, standby, silent)",
    ("server", "role"),
    registry=REGISTRY,
)
db_primary_missing = Gauge(
    "reseptformidler_db_primary_missing_seconds",
    "Since when this process has known no writable primary; 0 while it knows one",
    registry=REGISTRY,
)
db_primary_changes = Counter(
    "reseptformidler_db_primary_changes", "Failovers and switchovers that this process has followed", registry=REGISTRY
)
db_replication_lag = Gauge(
    "reseptformidler_db_replication_lag_seconds",
    "Age of the newest commit that a standby is known to have replayed",
    ("server",),
    registry=REGISTRY,
)
db_synchronous_standbys = Gauge(
    "reseptformidler_db_synchronous_standbys",
    "Standbys that the primary may wait for; no commit ends while it is 0",
    registry=REGISTRY,
)
db_unreplicated_commits = Counter(
    "reseptformidler_db_unreplicated_commits",
    "Commits whose wait for a standby was cancelled: treated as not committed, and repeated",
    registry=REGISTRY,
)
db_near_reads = Counter(
    "reseptformidler_db_near_reads",
    "Searches read from the standby in this datacentre: confirmed by the primary, stale (then read there), or failed",
    ("outcome",),
    registry=REGISTRY,
)
messages_waiting = Gauge(
    "reseptformidler_messages_waiting",
    "Messages that wait to be committed, those being committed included",
    registry=REGISTRY,
)
waiting_bytes = Gauge(
    "reseptformidler_waiting_bytes", "Octets of the bodies of requests in progress", registry=REGISTRY
)
clock_offset = Gauge(
    "reseptformidler_clock_offset_seconds",
    "Clock of this process minus the median of the database servers' clocks",
    registry=REGISTRY,
)
ready = Gauge("reseptformidler_ready", "1 while /readyz says yes, 0 while it does not", registry=REGISTRY)
outbox_delivered = Counter(
    "reseptformidler_outbox_deliveries",
    "Attempts to deliver an owed message, by outcome (delivered, failed, given_up)",
    ("melding", "outcome"),
    registry=REGISTRY,
)
outbox_pending = Gauge(
    "reseptformidler_outbox_pending", "Asynchronous messages owed and not delivered", ("melding",), registry=REGISTRY
)
outbox_oldest_age = Gauge(
    "reseptformidler_outbox_oldest_age_seconds", "Age of the oldest message owed and not delivered", registry=REGISTRY
)
outbox_stranded = Gauge(
    "reseptformidler_outbox_stranded",
    "Owed messages that nobody tries any more, by cause (given_up, refused): an operator replays them",
    ("cause",),
    registry=REGISTRY,
)
receipts = Counter(
    "reseptformidler_receipts",
    "Receipts (AppRec) that came for owed messages, by type of the message and status of list 8258",
    ("melding", "status"),
    registry=REGISTRY,
)
partitions_ahead = Gauge(
    "reseptformidler_partitions_ahead", "Partitions that exist for times to come", ("table",), registry=REGISTRY
)
swept = Counter("reseptformidler_swept_rows", "Rows or partitions that the sweep removed", ("what",), registry=REGISTRY)
sweep_last_success = Gauge(
    "reseptformidler_sweep_last_success_timestamp_seconds", "When the last whole sweep ended", registry=REGISTRY
)
build_info = Gauge(
    "reseptformidler_build_info", "Always 1; the labels tell the version", ("version", "schema"), registry=REGISTRY
)


def exposition() -> bytes:
    """The text that Prometheus reads."""
    return generate_latest(REGISTRY)
