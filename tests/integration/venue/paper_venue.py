"""A paper venue of a test's own, and real ccxt pointed at it by URL settings alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ccxt.pro
from pydantic import SecretStr

from venue.main import serve
from venue.settings import VenueSettings

API_KEY = "paper-key-of-a-test"
API_SECRET = "paper-secret-of-a-test"


def settings_for(data_dir: Path, **changes: Any) -> VenueSettings:
    return VenueSettings(
        port=0, data_dir=data_dir, api_key=SecretStr(API_KEY), api_secret=SecretStr(API_SECRET), **changes
    )


@asynccontextmanager
async def running(settings: VenueSettings) -> AsyncIterator[int]:
    """A venue in this process; gives its port and stops it in the end."""
    stop = asyncio.Event()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(settings, stop, started))
    either: set[asyncio.Future[Any]] = {serving, started}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    try:
        yield started.result()
    finally:
        stop.set()
        await serving


def point_at_venue(exchange: Any, port: int) -> None:
    """Rewrite ccxt's addresses, and nothing else, so that it talks to a venue on this port."""
    http, web_socket = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
    api = exchange.urls["api"]
    for name, address in api.items():
        if isinstance(address, str):
            api[name] = f"{http}/{address.split('://', 1)[1].split('/', 1)[1]}"
    api["ws"]["linear"] = web_socket


@asynccontextmanager
async def ccxt_client(port: int, **options: Any) -> AsyncIterator[Any]:
    """Real ccxt.pro binanceusdm, talking to the venue on this port."""
    exchange = ccxt.pro.binanceusdm(
        {
            "apiKey": options.pop("api_key", API_KEY),
            "secret": options.pop("api_secret", API_SECRET),
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False, **options},
        }
    )
    point_at_venue(exchange, port)
    try:
        yield exchange
    finally:
        await exchange.close()
