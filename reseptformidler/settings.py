"""Every setting of the service, read once from RF_* variables; an unknown RF_* variable is an error.

The table in docs/configuration.md is generated from the fields below.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

PREFIX = "RF_"


class ConfigurationError(Exception):
    """The environment does not describe a service that could run; the text says what to change."""


class Settings(BaseModel):
    """What an operator decides. Days and seconds are whole numbers unless the text says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: SecretStr = Field(
        description="PostgreSQL to use: postgresql://user:password@host:port/database; of a cluster every server that "
        "may be the primary, host:port,host:port,…"
    )
    kek_file: Path = Field(description="File with the key-encryption keys; the newest one wraps new data keys")
    trust_dir: Path = Field(
        description="Folder of PEM files: the certificate authorities whose personal certificates are accepted"
    )
    registers: tuple[Path, ...] = Field(
        description="Register files (docs/registers.md), separated by commas; the later one wins"
    )
    service_her: str = Field(default="80624", description="HER-id of this service, as sender of every answer")
    service_enh: str = Field(default="915933149", description="Organisation number of this service")
    service_name: str = Field(default="Reseptformidleren", description="Name of this service in every answer")
    safety_rules: Path | None = Field(
        default=None, description="File of patient safety rules (7419/330); none without it"
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="Port of `serve`")
    metrics_port: int = Field(
        default=9090,
        ge=0,
        le=65535,
        description="Port of the metrics of `relay` and `sweep`, and of each `serve` that shares its port (0: any)",
    )
    reuse_port: bool = Field(default=False, description="Let several `serve` processes share the port (one a core)")
    receivers: Path | None = Field(
        default=None,
        description="File of HTTP receivers of owed messages (docs/receivers.md); `relay` only watches without",
    )
    relay_seconds: float = Field(
        default=1.0, gt=0, description="Pause of `relay` when nothing is due (a decimal number)"
    )
    give_up_hours: int = Field(
        default=72, ge=1, description="How long `relay` tries to deliver a message before it strands (EDI 2.0)"
    )

    max_body_bytes: int = Field(default=10_485_760, ge=1024, description="Largest request body; a larger one gets 413")
    body_seconds: int = Field(default=30, ge=1, description="Time for a sender to send its body")
    answer_seconds: int = Field(
        default=30, ge=1, description="Time for a message to be committed, a missing primary included; then 503"
    )
    leave_seconds: int = Field(
        default=5, ge=0, description="After SIGTERM: time in which /readyz already says no and requests are still taken"
    )
    drain_seconds: int = Field(default=20, ge=1, description="Then: time for messages in progress to finish")

    clock_skew_seconds: int = Field(default=300, ge=1, description="How far GenDate may be from this clock (7419/313)")
    server_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Time for one database server to answer before it counts as silent (a decimal number)",
    )
    near_server: str | None = Field(
        default=None,
        description="host:port, one of RF_DATABASE_URL: the server in this datacentre. While it is a standby, "
        "lists are read from it",
    )
    near_lag_seconds: float = Field(
        default=1.0,
        gt=0,
        description="Lag from which on lists are read from the primary all the same (a decimal number)",
    )
    pool_size: int = Field(default=6, ge=2, le=64, description="Database connections of one process")
    batch_size: int = Field(default=64, ge=1, le=512, description="Most messages in one transaction")
    queue_size: int = Field(
        default=1000, ge=1, description="Most messages that wait in one process; further ones get 503"
    )
    queue_bytes: int = Field(
        default=67_108_864,
        ge=1024,
        description="Most octets of bodies in progress in one process; further ones get 503",
    )
    duplicate_days: int = Field(default=90, ge=1, description="How long a repeated message gets its first answer")
    m8_to: str = Field(
        default="abonnent",
        pattern="^(abonnent|fastlege)$",
        description="Who is sent M8: `abonnent`, who subscribes (M24), or `fastlege`, every fastlege of the registers",
    )
    keep_closed_days: int = Field(
        default=30, ge=1, description="How long finished and recalled prescriptions stay (rules.md K2)"
    )
    keep_history_days: int = Field(default=3650, ge=1, description="How long the history is kept")
    keep_outbox_days: int = Field(default=365, ge=1, description="How long outbox rows are kept")
    sweep_seconds: int = Field(default=300, ge=1, description="Pause between two rounds of `sweep`")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="Least severe level that is logged"
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr) -> SecretStr:
        if urlsplit(url.get_secret_value()).scheme not in ("postgresql", "postgres"):
            raise ValueError("is not a postgresql:// URL")
        return url

    @field_validator("registers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process. ConfigurationError says, variable by variable, what is wrong; never a value."""
    unknown = sorted(
        name
        for name in environment
        if name.startswith(PREFIX) and name[len(PREFIX) :].lower() not in Settings.model_fields
    )
    if unknown:
        raise ConfigurationError(f"unknown setting: {', '.join(unknown)}")
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    if not given.get("registers", "none").strip(", "):
        raise ConfigurationError("RF_REGISTERS: names no file")
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        wrong = (f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError("\n".join(wrong)) from None
