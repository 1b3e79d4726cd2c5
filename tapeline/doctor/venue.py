"""A venue as this machine reaches it: REST, clock, websocket, instruments, and what the key may do. Places nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, TypeVar

from connector.ccxt_adapter.client import RECV_WINDOW_MS, Taps
from connector.ccxt_adapter.errors import translate
from connector.ccxt_adapter.instruments import listing_of
from connector.ccxt_adapter.opening import open_venue
from connector.ccxt_adapter.unified.exchange import make_unified
from connector.errors import AuthenticationError
from connector.public import secrets_of, without_keys
from connector.settings import VenueConnection
from tapeline.doctor.finding import Finding, failed, ok, warning
from tapeline.errors import TapelineError

AREA: Final = "venue"
_SAMPLES: Final = 5
_ANSWER_S: Final = 8.0
_STREAM_S: Final = 8.0
_SLOW_MS: Final = 500
_KEY_VARIABLES: Final = "TAPELINE_CONNECTOR__VENUE__API_KEY and …API_SECRET in the environment or in .env"
ReplyT = TypeVar("ReplyT")


async def probe(connection: VenueConnection, *, followed: bool = False) -> list[Finding]:
    """Everything about one venue. What follows from a failure is left out. `followed`: for its public data only."""
    connection = connection.model_copy(update={"timeout_s": min(connection.timeout_s, _ANSWER_S)})
    heard = asyncio.Event()
    try:
        exchange = make_unified(without_keys(connection), _taps(heard))
    except TapelineError as error:
        return [failed(AREA, str(error))]
    try:
        clock = await _clock(exchange, connection)
        if clock[0].status == "failed":
            return clock
        listed = await _instruments(exchange, connection)
        stream = await _stream(exchange, connection, heard)
        return [*clock, *listed, stream, _no_key_needed() if followed else await _key(connection)]
    finally:
        await exchange.close()


def where(connection: VenueConnection) -> str:
    """Which of a venue's places the connection leads to."""
    if connection.rest_url is not None:
        return f"{connection.name} at {connection.rest_url}"
    return f"{connection.name} ({'live' if connection.live else 'sandbox'})"


def _taps(heard: asyncio.Event) -> Taps:
    def frame(_message: Any) -> bool:
        heard.set()
        return False

    return Taps(frame=frame, connected=lambda _url: None)


async def _clock(exchange: Any, connection: VenueConnection) -> list[Finding]:
    """The quickest of some samples tells the difference best: half a round trip is nobody's fault."""
    if not exchange.has.get("fetchTime"):
        return [warning(AREA, f"{where(connection)} does not tell its time")]
    samples: list[tuple[int, float]] = []
    try:
        for _ in range(_SAMPLES):
            asked_ms = exchange.milliseconds()
            told_ms = int(await _read("reading the venue's clock", exchange.fetch_time()))
            answered_ms = exchange.milliseconds()
            samples.append((answered_ms - asked_ms, told_ms - (asked_ms + answered_ms) / 2))
    except TapelineError as error:
        remedy = "check the network, a proxy or firewall, and rest_url where it is set"
        return [failed(AREA, f"{where(connection)} does not answer: {error}", remedy)]
    round_trip_ms, offset_ms = min(samples)
    return [
        ok(AREA, f"{where(connection)} answers over REST; round trip {round_trip_ms} ms")
        if round_trip_ms < _SLOW_MS
        else warning(AREA, f"{where(connection)} answers slowly: round trip {round_trip_ms} ms"),
        _offset(offset_ms, round_trip_ms),
    ]


def _offset(offset_ms: float, round_trip_ms: float) -> Finding:
    """`offset_ms`: the venue's clock minus ours. Binance refuses what is 1 s ahead, and late by the window."""
    text = f"its clock is {offset_ms:+.0f} ms from ours (± {round_trip_ms / 2:.0f})"
    remedy = "set this machine's clock, for example: timedatectl set-ntp true"
    if not -1_000 <= offset_ms <= RECV_WINDOW_MS / 2:
        return failed(AREA, f"{text}; signed requests would be refused", remedy)
    if abs(offset_ms) > max(250.0, round_trip_ms):
        return warning(AREA, text, remedy)
    return ok(AREA, text)


async def _instruments(exchange: Any, connection: VenueConnection) -> list[Finding]:
    try:
        await _read("loading the venue's instruments", exchange.load_markets())
    except TapelineError as error:
        return [failed(AREA, str(error))]
    if not connection.symbols:
        return [ok(AREA, f"{len(exchange.markets)} instruments listed; none is chosen")]
    return [_instrument(exchange, connection, symbol) for symbol in connection.symbols]


def _instrument(exchange: Any, connection: VenueConnection, symbol: str) -> Finding:
    kind = "spot" if connection.product == "spot" else "swap"
    named = [one for one in (exchange.markets_by_id or {}).get(symbol, []) if one.get(kind)]
    if not named:
        known = ", ".join(sorted(exchange.markets_by_id or {})[:5])
        return failed(AREA, f"{symbol} is not listed as {connection.product}", f"it lists, for example, {known}")
    try:
        listing = listing_of(named[0], venue=connection.name, precision_mode=exchange.precisionMode)
    except TapelineError as error:
        return failed(AREA, str(error))
    grain = listing.instrument.grain
    text = f"{symbol}: tick {grain.tick_size}, lot {grain.lot_size}"
    if listing.instrument.min_notional:
        text += f", least notional {listing.instrument.min_notional} {listing.instrument.quote_asset}"
    return ok(AREA, text) if listing.instrument.trading else warning(AREA, f"{text}; it does not trade now")


async def _stream(exchange: Any, connection: VenueConnection, heard: asyncio.Event) -> Finding:
    """A subscription that no paper venue takes for a reader of its market."""
    market = next((one[0] for one in (exchange.markets_by_id or {}).values() if one), None)
    chosen = [(exchange.markets_by_id or {}).get(symbol, [None])[0] for symbol in connection.symbols]
    market = next((one for one in chosen if one), market)
    if market is None:
        return warning(AREA, "websocket not tried: no instrument is listed")
    call = exchange.watch_ohlcv if exchange.has.get("watchOHLCV") else exchange.watch_ticker
    watching = asyncio.ensure_future(call(market["symbol"]))
    hearing = asyncio.ensure_future(heard.wait())
    await asyncio.wait({watching, hearing}, timeout=_STREAM_S, return_when=asyncio.FIRST_COMPLETED)
    found = _heard(watching, heard)
    for task in (watching, hearing):
        task.cancel()
        with suppress(BaseException):
            await task
    return found


def _heard(watching: asyncio.Future[Any], heard: asyncio.Event) -> Finding:
    remedy = "check the network, a proxy or firewall, and ws_url where it is set"
    if watching.done() and (error := watching.exception()) is not None:
        told = translate(error, what="the websocket", changes=False) if isinstance(error, Exception) else error
        return failed(AREA, str(told), remedy)
    if watching.done() or heard.is_set():
        return ok(AREA, "websocket: connected and answering")
    return failed(AREA, f"the websocket says nothing within {_STREAM_S:.0f} s", remedy)


def _no_key_needed() -> Finding:
    return ok(AREA, "followed live without a key; orders go to the paper venue")


async def _key(connection: VenueConnection) -> Finding:
    """What the connector would say of it at its start: a signed call, its rights where the venue tells them."""
    if not secrets_of(connection):
        return warning(AREA, "no API key is set: public data only", f"to trade set {_KEY_VARIABLES}")
    venue = open_venue(connection)
    try:
        await venue.start()
    except AuthenticationError as error:
        return failed(AREA, f"the API key is refused: {error}", f"correct {_KEY_VARIABLES}")
    except TapelineError as error:
        return failed(AREA, f"the connector could not start on it: {error}")
    finally:
        await venue.close()
    return ok(AREA, f"API key of account {connection.account}: a signed call is answered, and it may trade")


async def _read(what: str, reply: Awaitable[ReplyT]) -> ReplyT:
    try:
        async with asyncio.timeout(_ANSWER_S):
            return await reply
    except Exception as error:
        raise translate(error, what=what, changes=False) from error
