"""Reseptformidler: an open implementation of Norway's national e-prescription intermediary."""

from __future__ import annotations

__version__ = "0.1.0"
