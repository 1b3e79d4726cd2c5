"""What the public may ask of one instrument: prices, funding, candles. By `has`, numbers exact."""

from decimal import Decimal
from typing import Any

from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.unified import account_messages
from connector.ccxt_adapter.unified.calls import Calls
from connector.ccxt_adapter.unified.numbers import exact, exact_or_zero, text
from connector.errors import UnsupportedError, VenueUnavailableError
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import Candle, Quote

_DEPTH = 5  # of an order book: every venue gives so much, and some no less
_HOUR_MS = 3_600_000


class MarketCalls:
    """`venue`: our name of it."""

    def __init__(self, calls: Calls, *, venue: str) -> None:
        self._calls = calls
        self._exchange = calls.exchange
        self._venue = venue

    async def mark_price(self, listing: Listing) -> Decimal:
        """A spot instrument's last price."""
        return (await self._mark(listing))[0]

    async def time_ms(self, listing: Listing) -> int:
        """The venue's market time, 0 where it does not tell."""
        return (await self._mark(listing))[1]

    async def _mark(self, listing: Listing) -> tuple[Decimal, int]:
        what = f"reading the mark price of {listing.symbol}"
        derivative = bool(self._exchange.markets[listing.unified].get("contract"))
        for capability, names in (
            ("fetchMarkPrice", ("markPrice",)), ("fetchTicker", ("markPrice",)), ("fetchFundingRate", ("markPrice",)),
        ) if derivative else (("fetchTicker", ("last", "close")),):  # fmt: skip
            if self._exchange.has.get(capability):
                raw = await self._calls.read(what, getattr(self._exchange, capability)(listing.unified))
                if price := next((raw[name] for name in names if raw.get(name)), None):
                    return exact(price), raw.get("timestamp") or 0
        raise VenueUnavailableError(f"{what}: the venue gives none")

    async def best_quote(self, listing: Listing) -> Quote:
        """The best of the book, whichever way ccxt sorted it."""
        what = f"reading the best prices of {listing.symbol}"
        book = await self._calls.read(what, self._exchange.fetch_order_book(listing.unified, _DEPTH))
        bids = [(exact(row[0]), row[1]) for row in book["bids"]]
        asks = [(exact(row[0]), row[1]) for row in book["asks"]]
        bid, bid_amount = max(bids, key=lambda row: row[0], default=(Decimal(0), "0"))
        ask, ask_amount = min(asks, key=lambda row: row[0], default=(Decimal(0), "0"))
        return Quote(
            time_ms=book.get("timestamp") or self._exchange.milliseconds(),
            update_id=int(book.get("nonce") or 0),
            bid_ticks=listing.scale.ticks(bid),
            bid_lots=account_messages.lots(bid_amount, listing),
            ask_ticks=listing.scale.ticks(ask),
            ask_lots=account_messages.lots(ask_amount, listing),
        )

    async def funding_rate(self, listing: Listing) -> FundingUpdate:
        if not self._exchange.has.get("fetchFundingRate"):
            raise UnsupportedError(f"{self._venue} does not tell the funding rate of {listing.symbol}")
        what = f"reading the funding rate of {listing.symbol}"
        raw = await self._calls.read(what, self._exchange.fetch_funding_rate(listing.unified))
        mark = text(raw.get("markPrice")) or format(await self.mark_price(listing), "f")
        update = FundingUpdate(
            venue=self._venue,
            symbol=listing.symbol,
            time_ms=raw.get("timestamp") or self._exchange.milliseconds(),
            rate=text(raw.get("fundingRate")) or "0",
            next_funding_time_ms=int(raw.get("fundingTimestamp") or raw.get("nextFundingTimestamp") or 0),
            interval_ms=_interval_ms(raw.get("interval")),
            mark_price=mark,
        )
        if raw.get("nextFundingRate") is not None:
            update.predicted_rate = text(raw["nextFundingRate"])
        return update

    async def candles(
        self, listing: Listing, *, interval_ms: int, limit: int, start_ms: int, until_ms: int
    ) -> list[Candle]:
        names = {1000 * self._exchange.parse_timeframe(name): name for name in self._exchange.timeframes or {}}
        if interval_ms not in names:
            raise UnsupportedError(f"{self._venue} has no candles of {interval_ms} ms; it has {sorted(names)}")
        now_ms = await self.time_ms(listing) or self._exchange.milliseconds()
        params = {"until": until_ms - 1} if until_ms else {}
        reply = self._exchange.fetch_ohlcv(listing.unified, names[interval_ms], start_ms or None, limit, params)
        rows = await self._calls.read(f"reading candles of {listing.symbol}", reply)
        within = sorted(
            (row for row in rows if row[0] >= start_ms and (not until_ms or row[0] < until_ms)), key=lambda row: row[0]
        )
        kept = within[:limit] if start_ms else within[-limit:]
        return [self._candle(row, listing, interval_ms, closed=row[0] + interval_ms <= now_ms) for row in kept]

    def _candle(self, row: Any, listing: Listing, interval_ms: int, *, closed: bool) -> Candle:
        open_time_ms, *prices, volume = row[:6]
        opened, high, low, close = (listing.scale.ticks_nearest(exact(price)) for price in prices)
        size = listing.contract_size if self._calls.profile.volume_in_contracts else 1
        return Candle(
            open_time_ms=int(open_time_ms),
            interval_ms=interval_ms,
            open_ticks=opened,
            high_ticks=high,
            low_ticks=low,
            close_ticks=close,
            volume_lots=listing.scale.lots_nearest(exact_or_zero(volume) * size),
            closed=closed,
        )


def _interval_ms(interval: Any) -> int:
    """Of ccxt's `8h`; 0 where the venue does not tell."""
    hours = str(interval or "").removesuffix("h")
    return int(hours) * _HOUR_MS if hours.isdigit() else 0
