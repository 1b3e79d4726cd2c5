"""Telling the agents which instruments to trade: control events, whose log is the configuration (ORCH-2).

A symbol that is active keeps its parameters over restarts: `tapeline up` speaks only when there is something to say.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from topics.catalogue import CONTROL
from topics.codec import decode
from topics.envelope import Envelope
from topics.errors import MalformedRecordError
from topics.identifiers import event_id
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.control_pb2 import ActivateSymbol, ControlEvent

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


async def _active(address: LogAddress, venue: str) -> set[str]:
    active: set[str] = set()
    async with reader(address, client_id="tapeline-up") as consumer:
        async for records in read_to_end(consumer, partitions_of(address, [CONTROL])):
            for record in records:
                try:
                    event = decode(CONTROL, record.value)
                except MalformedRecordError:
                    continue
                if event.venue == venue and event.strategy == STRATEGY:
                    if event.HasField("activate"):
                        active.add(event.symbol)
                    elif event.HasField("deactivate"):
                        active.discard(event.symbol)
    return active
