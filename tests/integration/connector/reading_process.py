"""A client in a process of its own that reads every stream: `reading_process.py ADDRESS`.

Prints `STREAM NAME FIRST LAST` for each message: the numbers it holds of a symbol or an account.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

from connector import ConnectorClient
from connector.sequences import first_seq, last_seq
from observability.logs import configure


async def read(stream: str, messages: AsyncIterator[Any]) -> None:
    async for message in messages:
        name = getattr(message, "symbol", "") or message.account
        sys.stdout.write(f"{stream} {name} {first_seq(message)} {last_seq(message)}\n")
        sys.stdout.flush()


async def main(address: str) -> None:
    async with ConnectorClient(address, first_wait_s=0.1) as client, asyncio.TaskGroup() as group:
        group.create_task(read("market", client.prices()))
        group.create_task(read("orders", client.order_updates()))
        group.create_task(read("funding", client.funding_updates()))
        group.create_task(read("account", client.account_updates()))
        group.create_task(read("candles", client.candle_updates()))
        group.create_task(read("positions", client.position_updates()))


configure("reader", stream=sys.stderr)
asyncio.run(main(sys.argv[1]))
