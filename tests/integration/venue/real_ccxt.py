"""Real ccxt pointed at a paper venue by URL settings alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ccxt.pro

from tests.integration.venue.paper_venue import API_KEY, API_SECRET


def point_at_venue(exchange: Any, port: int) -> None:
    """Rewrite ccxt's addresses, and nothing else, so that it talks to a venue on this port."""
    http, web_socket = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
    api = exchange.urls["api"]
    for name, address in api.items():
        if isinstance(address, str):
            api[name] = f"{http}/{address.split('://', 1)[1].split('/', 1)[1]}"
    api["ws"]["linear"] = web_socket
    api["ws"]["spot"] = api["ws"]["margin"] = f"ws://127.0.0.1:{port}/stream/ws"
    api["ws"]["ws-api"]["spot"] = f"ws://127.0.0.1:{port}/ws-api/v3"


@asynccontextmanager
async def ccxt_client(port: int, *, kind: str = "binanceusdm", **options: Any) -> AsyncIterator[Any]:
    """Real ccxt.pro binanceusdm, or binance of spot and margin, talking to the venue on this port."""
    exchange = getattr(ccxt.pro, kind)(
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
