"""What operators ask for, as events on the control topic (ORCH-2). The log of these is the configuration.

Writes events and reads them back; what they mean is the agents' business.
"""

import time
from collections.abc import Mapping

from topics.catalogue import CONTROL
from topics.codec import decode
from topics.envelope import Envelope
from topics.identifiers import event_id
from topics.log import LogAddress, LogProducer, partitions_of, read_to_end, reader
from topics.v1.control_pb2 import ActivateSymbol, ControlEvent


async def activate(
    address: LogAddress,
    *,
    strategy: str,
    venue: str,
    account: str,
    symbol: str,
    parameters: Mapping[str, str],
    by: str,
) -> bool:
    """Makes the symbol traded with these parameters; False where the log says that it already is."""
    last = await last_control(address, strategy=strategy, venue=venue, symbol=symbol)
    if last is not None and last.WhichOneof("action") == "activate" and last.activate.parameters == parameters:
        return False
    now_ms = time.time_ns() // 1_000_000
    event = ControlEvent(
        control_id=event_id("control", strategy, venue, symbol, now_ms),
        strategy=strategy,
        venue=venue,
        symbol=symbol,
        account=account,
        time_ms=now_ms,
        by=by,
        activate=ActivateSymbol(parameters=parameters),
    )
    async with LogProducer(address, client_id="tapeline-control") as producer:
        await producer.send(CONTROL, event, Envelope(id=event.control_id, source=by, time_ms=now_ms))
    return True


async def last_control(address: LogAddress, *, strategy: str, venue: str, symbol: str) -> ControlEvent | None:
    """The newest control event of one strategy on one instrument, None where there was none."""
    partitions = partitions_of(address, [CONTROL])
    last: ControlEvent | None = None
    async with reader(address, client_id="tapeline-control-reader") as consumer:
        async for records in read_to_end(consumer, partitions):
            for record in records:
                event = decode(CONTROL, record.value)
                if (event.strategy, event.venue, event.symbol) == (strategy, venue, symbol):
                    last = event
    return last
