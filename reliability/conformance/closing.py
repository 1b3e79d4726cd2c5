"""The end: what was opened is closed. Played when the run's own connection is closed, so that nothing else is open."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import psutil

from connector.port import VenuePort
from reliability.conformance.case import Case, CaseFailedError, Need
from reliability.conformance.stage import Stage


async def _leaves_nothing(stage: Stage) -> None:
    tasks, sockets = asyncio.all_tasks(), _sockets()
    port = stage.subject.open()
    try:
        await port.start()
        readers = [asyncio.create_task(_read(stream)) for stream in _streams(port, stage.symbol)]
        await stage.comes(lambda: all(it.done() for it in readers[:3]), "a first word of each stream")
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    finally:
        await port.close()

    async def gone() -> bool:
        return not _running(tasks) and len(_sockets() - sockets) == 0

    if not await stage.becomes(gone):
        left = [task.get_name() for task in _running(tasks)]
        raise CaseFailedError(f"closed, it must leave nothing: tasks {left}, sockets {sorted(_sockets() - sockets)}")


async def _twice(stage: Stage) -> None:
    port = stage.subject.open()
    await port.start()
    await port.close()
    await port.close()


def _streams(port: VenuePort, symbol: str) -> list[Any]:
    return [port.market(symbol), port.order_reports(), port.account_updates(), port.funding(symbol)]


async def _read(stream: Any) -> Any:
    return await anext(stream)


def _running(before: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() - before if not task.done()]


def _sockets() -> set[tuple[Any, ...]]:
    """This process's connections: local and remote address of each."""
    found = psutil.Process().net_connections("inet")
    return {(it.laddr, it.raddr) for it in found if it.status == psutil.CONN_ESTABLISHED}


_OWN: Final = (Need.ALONE,)
CASES: Final = (
    Case("close-leaves-nothing", "Closed, it leaves no task and no connection.", _leaves_nothing, needs=_OWN),
    Case("close-twice", "Closing what is closed is no error.", _twice, needs=_OWN),
)
