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
outbox_pending = Gauge(
    "reseptformidler_outbox_pending", "Asynchronous messages owed and not delivered", ("melding",), registry=REGISTRY
)
outbox_oldest_age = Gauge(
    "reseptformidler_outbox_oldest_age_seconds", "Age of the oldest message owed and not delivered", registry=REGISTRY
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
