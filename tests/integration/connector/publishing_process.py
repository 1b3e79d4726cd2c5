"""A process that publishes market events until it is killed: `publishing_process.py BOOTSTRAP NAMESPACE`.

Prints one line when its sequences are resumed and the first event is offered.
"""

import asyncio
import sys
import time

from connector.publisher import Publisher
from connector.sequences import resume
from topics.catalogue import INSTRUMENTS, MARKET
from topics.log import LogAddress, LogProducer
from topics.v1.common_pb2 import Grain
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketEvent, Quote

SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")


async def publish(address: LogAddress) -> None:
    instruments = [
        Instrument(venue="paper", symbol=symbol, grain=Grain(tick_size="1", lot_size="1")) for symbol in SYMBOLS
    ]
    keys = [f"paper:{symbol}" for symbol in SYMBOLS]
    sequences = await resume(address, {INSTRUMENTS: keys, MARKET: keys})
    async with LogProducer(address, client_id="test") as producer:
        publisher = Publisher(producer, sequences, subscriber_buffer=8)
        await publisher.publish_instruments(instruments)
        async with asyncio.TaskGroup() as group:
            group.create_task(publisher.run())
            number = 0
            while True:
                number += 1
                for symbol in SYMBOLS[: 1 + number % 3]:
                    event = MarketEvent(quote=Quote(time_ms=number, update_id=number))
                    publisher.offer_market(symbol, event, time.time_ns())
                if number == 1:
                    sys.stdout.write("publishing\n")
                    sys.stdout.flush()
                await asyncio.sleep(0.0005)


asyncio.run(publish(LogAddress(sys.argv[1], sys.argv[2])))
