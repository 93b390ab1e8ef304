"""`serve`: the service in production."""

from __future__ import annotations

import argparse

from reseptformidler.commands.command import Command, no_arguments


def run(_: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    import gc

    from reseptformidler import app, log
    from reseptformidler.commands.environment import settings_or_exit
    from reseptformidler.commands.loop import run_loop
    from reseptformidler.web.server import stop_signal

    settings = settings_or_exit()
    log.configure(settings.log_level)

    async def work() -> int:
        stopped = stop_signal()
        async with app.service(settings) as service, service.own_metrics(), service.listening():
            gc.freeze()  # what lives as long as the process need not be looked at again and again
            await stopped.wait()
        return 0

    return run_loop(work())


COMMAND = Command(
    "serve",
    "serve in production, from settings in the environment",
    no_arguments,
    run,
    description="""Serve the three SOAP services, /livez, /readyz and /metrics.

Every setting is an RF_* variable (docs/configuration.md). The process refuses to start with an
incomplete or unknown setting, or on a database whose schema does not fit (run `reseptformidler migrate`).
Run one process a core: RF_REUSE_PORT=true lets them share a port; each then shows its own health and figures
on its own RF_METRICS_PORT too, which is the one to scrape. SIGTERM drains.""",
)
