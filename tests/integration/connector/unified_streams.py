"""Real ccxt and our streams on top of it, listening: what a test of any venue starts with."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from connector.ccxt_adapter.client import Taps
from connector.ccxt_adapter.instruments import listing_of
from connector.ccxt_adapter.unified.exchange import make_unified
from connector.ccxt_adapter.unified.streams import UnifiedStreams
from connector.port import StreamLost
from connector.settings import VenueConnection
from topics.scale import Scale

ItemT = TypeVar("ItemT")
WAIT_S = 20.0


@dataclass
class Heard:
    """Everything a stream yielded, and a way to wait for something among it."""

    items: list[Any] = field(default_factory=list)
    error: Exception | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self, stream: AsyncIterator[Any]) -> None:
        try:
            async for item in stream:
                async with self._changed:
                    self.items.append(item)
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - a test asks for it
            async with self._changed:
                self.error = error
                self._changed.notify_all()

    async def until(self, found: Callable[[list[Any]], ItemT | None]) -> ItemT:
        async with asyncio.timeout(WAIT_S), self._changed:
            while not (result := found(self.items)):
                await self._changed.wait()
            return result

    async def one(self, matches: Callable[[Any], bool]) -> Any:
        return await self.until(lambda items: next((item for item in items if matches(item)), None))

    async def count(self, number: int, of: Callable[[Any], bool]) -> list[Any]:
        return await self.until(
            lambda items: found if len(found := [item for item in items if of(item)]) >= number else None
        )

    async def failure(self) -> Exception:
        async with asyncio.timeout(WAIT_S), self._changed:
            while self.error is None:
                await self._changed.wait()
            return self.error


@dataclass
class Listening:
    """Started streams of one instrument, and everything they tell."""

    streams: UnifiedStreams
    exchange: Any
    scale: Scale
    market: Heard = field(default_factory=Heard)
    funding: Heard = field(default_factory=Heard)
    orders: Heard = field(default_factory=Heard)
    account: Heard = field(default_factory=Heard)


def is_event(kind: str) -> Callable[[Any], bool]:
    return lambda item: not isinstance(item, StreamLost) and bool(item.HasField(kind))


def is_lost(item: Any) -> bool:
    return isinstance(item, StreamLost)


@asynccontextmanager
async def listening(
    venue: VenueConnection,
    *,
    prepare: Callable[[Any], None] = lambda _exchange: None,
    private: bool = True,
    funding_poll_s: float = 0.2,
) -> AsyncIterator[Listening]:
    """Of the first of the venue's symbols. `prepare` may alter the exchange before anything is asked."""
    holder: list[UnifiedStreams] = []
    taps = Taps(
        frame=lambda message: bool(holder) and holder[0].on_frame(message),
        connected=lambda url: holder[0].on_connected(url) if holder else None,
        wanted=lambda url: holder[0].on_wanted(url) if holder else None,
    )
    exchange = make_unified(venue, taps)
    prepare(exchange)
    running: list[asyncio.Task[None]] = []
    try:
        await exchange.load_markets()
        listings = {
            symbol: listing_of(
                exchange.markets_by_id[symbol][0], venue=venue.name, precision_mode=exchange.precisionMode
            )
            for symbol in venue.symbols
        }

        async def mark_price(symbol: str) -> Decimal:
            return Decimal((await exchange.fetch_mark_price(listings[symbol].unified))["markPrice"])

        holder.append(UnifiedStreams(exchange, venue, listings, mark_price=mark_price, funding_poll_s=funding_poll_s))
        symbol = venue.symbols[0]
        it = Listening(holder[0], exchange, listings[symbol].scale)
        running += [
            asyncio.create_task(it.market.listen(it.streams.market(symbol))),
            asyncio.create_task(it.funding.listen(it.streams.funding(symbol))),
        ]
        if private:
            running += [
                asyncio.create_task(it.orders.listen(it.streams.order_reports())),
                asyncio.create_task(it.account.listen(it.streams.account_updates())),
            ]
        yield it
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if holder:
            await holder[0].close()
        await exchange.close()
