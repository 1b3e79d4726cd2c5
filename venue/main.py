"""The paper venue's process: opens it, serves it, plays the tape, and ends cleanly on SIGTERM or SIGINT.

A user's mistake raises `VenueError` with one clear message. Must not: hold domain logic.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web

from venue.edge import Edge
from venue.errors import LedgerError, PortTakenError
from venue.exchange import Exchange
from venue.instruments import Product
from venue.listen_keys import ListenKeys, ListenTokens
from venue.live import LiveFeed, LivePlayer, LiveTape
from venue.misbehaviour import Misbehaviour
from venue.opening import Opened, open_venue
from venue.player import Player, tell_mark_prices
from venue.scripted_streams import ScriptedStreams
from venue.server import VenueServer
from venue.settings import VenueSettings
from venue.signature import Authenticator
from venue.streams import Streams
from venue.websocket import StreamServer

log = logging.getLogger(__name__)
LOCK_NAME = "venue.lock"
SHUTDOWN_S = 3.0


async def run(settings: VenueSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `VenueError` for what the user has to mend."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await serve(settings, stop)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def serve(settings: VenueSettings, stop: asyncio.Event, started: asyncio.Future[int] | None = None) -> None:
    """Serve until `stop` is set; `started` gets the port once the venue listens (port 0 takes a free one)."""
    with only_one(settings):
        misbehaviour = Misbehaviour() if settings.misbehaves else None
        streams = ScriptedStreams(misbehaviour, settings.conditions) if misbehaviour else Streams()
        feed = LiveFeed(settings.live_feed) if settings.live_feed else None
        opened = open_venue(settings, streams, LiveTape(await feed.open()) if feed else None)
        try:
            await _serve_opened(settings, opened, streams, misbehaviour, feed, stop, started)
        finally:
            opened.ledger.close()
            if feed is not None:
                feed.close()


@asynccontextmanager
async def running(settings: VenueSettings) -> AsyncIterator[int]:
    """A venue in this process; gives its port and stops it in the end. Raises as `serve` does."""
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


@contextmanager
def only_one(settings: VenueSettings) -> Iterator[None]:
    """Hold the data folder: a second venue on it would write a second story into one ledger."""
    path = settings.data_dir / LOCK_NAME
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise LedgerError(f"cannot make the venue's data folder {settings.data_dir}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LedgerError(f"another venue runs on {settings.data_dir}; stop it first") from error
        yield


async def _serve_opened(
    settings: VenueSettings,
    opened: Opened,
    streams: Streams,
    misbehaviour: Misbehaviour | None,
    feed: LiveFeed | None,
    stop: asyncio.Event,
    started: asyncio.Future[int] | None,
) -> None:
    exchange = opened.exchange
    player = _player(settings, exchange, feed)
    secret = settings.api_secret.get_secret_value()
    keys, tokens = ListenKeys(secret), ListenTokens(secret)
    stream_server = StreamServer(streams, keys, buffer=settings.subscriber_buffer)
    authenticator = Authenticator(settings.api_key.get_secret_value(), secret)
    edge = None
    if misbehaviour and isinstance(streams, ScriptedStreams):
        edge = Edge(misbehaviour, settings.conditions, exchange, streams, keys, tokens, player.stand)
    server = VenueServer(exchange, player, authenticator, keys, tokens, stream_server, edge)
    server.paper_facts = {
        "synthetic": opened.synthetic,
        "seed": settings.seed if opened.synthetic else None,
        "tapes": [str(one.path) for one in opened.recordings],
        "first_time_ms": min((one.first_time_ms for one in opened.recordings), default=None),
        "last_time_ms": max((one.last_time_ms for one in opened.recordings), default=None),
        "symbols": exchange.market_data.of(Product.PERPETUAL),
        "spot_symbols": [
            exchange.markets[name].instrument.wire_symbol for name in exchange.market_data.of(Product.SPOT)
        ],
    }
    runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        port = await _listen(runner, settings)
        _log_start(opened, settings, port)
        if started is not None:
            started.set_result(port)
        await _until_stopped(_tasks(player, opened), server, stop)
        exchange.save()
    finally:
        await stream_server.close()
        await runner.cleanup()


def _player(settings: VenueSettings, exchange: Exchange, feed: LiveFeed | None) -> Player | LivePlayer:
    if feed is not None and isinstance(exchange.tape, LiveTape):
        return LivePlayer(exchange, exchange.tape, feed)
    return Player(
        exchange,
        speed=settings.speed,
        max_lag_ms=settings.max_lag_ms,
        paced=settings.paced,
        wait_for_subscriber=settings.wait_for_subscriber,
    )


def _tasks(player: Player | LivePlayer, opened: Opened) -> list[asyncio.Task[None]]:
    return [
        asyncio.create_task(player.run(), name="player"),
        asyncio.create_task(tell_mark_prices(opened.exchange), name="mark prices"),
    ]


async def _until_stopped(tasks: list[asyncio.Task[None]], server: VenueServer, stop: asyncio.Event) -> None:
    """Until `stop` is set, or a task or a request fails in a way that makes going on wrong."""
    stopping = asyncio.create_task(_set(stop))
    waiting: set[asyncio.Future[None]] = {stopping, server.fatal, *tasks}
    try:
        while not stopping.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
    finally:
        for one in (*tasks, stopping, server.fatal):
            one.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)


async def _set(stop: asyncio.Event) -> None:
    await stop.wait()


async def _listen(runner: web.AppRunner, settings: VenueSettings) -> int:
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"port {settings.port} on {settings.host} is taken: stop what listens there or choose another port"
            ) from error
        raise PortTakenError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}") from error
    return int(runner.addresses[0][1])


def _log_start(opened: Opened, settings: VenueSettings, port: int) -> None:
    if settings.live_feed:
        log.info("paper venue on %s:%d follows the live feed at %s", settings.host, port, settings.live_feed)
        return
    source = (
        f"a SYNTHETIC market (seed {settings.seed})"
        if opened.synthetic
        else ", ".join(f"{one.path.name} ({one.kind.value}, {one.rows} rows)" for one in opened.recordings)
    )
    symbols = ", ".join(opened.exchange.markets)
    log.info("paper venue on %s:%d plays %s for %s", settings.host, port, source, symbols)
