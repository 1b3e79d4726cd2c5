"""Telling the agents which instruments to trade: control events, whose log is the configuration (ORCH-2).

A symbol that is active keeps its parameters over restarts: `tapeline up` speaks only when there is something to say.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence

from topics.catalogue import CONTROL
from topics.codec import decode
from topics.envelope import Envelope
from topics.errors import MalformedRecordError
from topics.identifiers import event_id
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.control_pb2 import ActivateSymbol, ControlEvent, KillTrading, ReleaseTrading

STRATEGY = "grid"
_SOURCE = "tapeline up"


async def activate(
    address: LogAddress, *, venue: str, account: str, symbols: Sequence[str], parameters: Mapping[str, str]
) -> list[str]:
    """Activate what is not active; with `parameters`, all of `symbols`. Returns the symbols it spoke of."""
    active = set() if parameters else await _active(address, venue)
    wanted = [symbol for symbol in symbols if symbol not in active]
    if not wanted:
        return []
    now_ms = time.time_ns() // 1_000_000
    async with LogProducer(address, client_id="tapeline-up") as producer:
        for symbol in wanted:
            event = ControlEvent(
                control_id=event_id("activate", venue, symbol, now_ms),
                strategy=STRATEGY,
                venue=venue,
                symbol=symbol,
                account=account,
                time_ms=now_ms,
                by=_SOURCE,
                activate=ActivateSymbol(parameters=dict(parameters)),
            )
            await producer.send(CONTROL, event, Envelope(id=event.control_id, source=_SOURCE, time_ms=now_ms))
    return wanted


async def tell_of_kill(
    address: LogAddress,
    *,
    venue: str,
    account: str,
    killed: bool,
    by: str,
    reason: str,
    where_told_otherwise: bool = False,
) -> list[str]:
    """Tells the agents of every active symbol how the kill switch stands (RISK-8). Returns whom it told.

    `where_told_otherwise`: only those whose newest word on it is another one; of a switch never touched, that is off.
    """
    told = await _told_of_kill(address, venue)
    symbols = sorted(await _active(address, venue))
    if where_told_otherwise:
        symbols = [symbol for symbol in symbols if told.get(symbol, False) != killed]
    now_ms = time.time_ns() // 1_000_000
    action = "kill" if killed else "release"
    async with LogProducer(address, client_id="tapeline-kill") as producer:
        for symbol in symbols:
            event = ControlEvent(
                control_id=event_id(action, venue, symbol, now_ms),
                strategy=STRATEGY,
                venue=venue,
                symbol=symbol,
                account=account,
                time_ms=now_ms,
                by=by,
                kill=KillTrading(reason=reason) if killed else None,
                release=None if killed else ReleaseTrading(reason=reason),
            )
            await producer.send(CONTROL, event, Envelope(id=event.control_id, source=_SOURCE, time_ms=now_ms))
    return symbols


async def _told_of_kill(address: LogAddress, venue: str) -> dict[str, bool]:
    """Whether the newest word on the kill switch was kill, by symbol."""
    told: dict[str, bool] = {}
    async for event in _events(address, venue):
        if event.HasField("kill") or event.HasField("release"):
            told[event.symbol] = event.HasField("kill")
    return told


async def _active(address: LogAddress, venue: str) -> set[str]:
    active: set[str] = set()
    async for event in _events(address, venue):
        if event.HasField("activate"):
            active.add(event.symbol)
        elif event.HasField("deactivate"):
            active.discard(event.symbol)
    return active


async def _events(address: LogAddress, venue: str) -> AsyncIterator[ControlEvent]:
    """The venue's, oldest first of each symbol; what cannot be read is the agents' to bury."""
    async with reader(address, client_id="tapeline-up") as consumer:
        async for records in read_to_end(consumer, partitions_of(address, [CONTROL])):
            for record in records:
                try:
                    event = decode(CONTROL, record.value)
                except MalformedRecordError:
                    continue
                if event.venue == venue and event.strategy == STRATEGY:
                    yield event
