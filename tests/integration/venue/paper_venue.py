"""A paper venue of a test's own, in this process."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from venue.main import serve
from venue.settings import VenueSettings

API_KEY = "paper-key-of-a-test"
API_SECRET = "paper-secret-of-a-test"


def settings_for(data_dir: Path, **changes: Any) -> VenueSettings:
    keys = {"api_key": SecretStr(API_KEY), "api_secret": SecretStr(API_SECRET)}
    return VenueSettings(data_dir=data_dir, **{"port": 0, **keys, **changes})


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


def signed(**parameters: Any) -> str:
    """A signed query or body, as any client makes it."""
    text = urlencode({**parameters, "timestamp": time.time_ns() // 1_000_000, "recvWindow": 10_000})
    signature = hmac.new(API_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{text}&signature={signature}"
