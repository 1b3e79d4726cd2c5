"""The projections process: the projector with its operations pages, until SIGTERM or SIGINT. Wiring only."""

import asyncio
import signal
from typing import Any

from prometheus_client import CollectorRegistry

from observability.http import OperationsServer
from observability.logs import hide
from projections.gauges import Gauges
from projections.runner import Progress, follow
from projections.settings import ProjectionsSettings
from topics.log import LogAddress

PROCESS_NAME = "projections"


async def run(settings: ProjectionsSettings, log: LogAddress, dsn: str) -> None:
    """Ends cleanly on SIGTERM. Raises ProjectionError when it cannot go on, PortTakenError for its operations port."""
    hide(dsn)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    registry = CollectorRegistry()
    gauges, progress = Gauges(registry), Progress()
    async with OperationsServer(
        settings.operations_host,
        settings.operations_port,
        status=lambda: status(progress),
        process_name=PROCESS_NAME,
        registry=registry,
    ):
        await follow(settings, log, dsn, stop, progress, on_batch=lambda: gauges.show(progress))


def status(progress: Progress) -> dict[str, Any]:
    """The components of `/status`."""
    return {
        "projector": {
            "ok": not progress.problem,
            "problem": progress.problem,
            "epoch": progress.epoch,
            "events": progress.counts.events,
            "poison_records": progress.counts.poisoned,
        },
        "lag": {"ok": True, "records_behind": sum(progress.behind.values()), "by_topic": progress.behind},
    }
