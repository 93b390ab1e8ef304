"""What the figures were measured on: without it they mean nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

_LIBRARIES = ("aiohttp", "asyncpg", "cryptography", "lxml", "uvloop", "xmlsec", "xmlschema", "zstandard")


def facts(postgres: str) -> dict[str, str]:
    """Name and value of everything worth knowing."""
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "PostgreSQL": postgres,
        "Libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "Load average before the run": load,
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")
