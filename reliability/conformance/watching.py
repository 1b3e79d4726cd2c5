"""The market's streams: quotes, trades and candles, in order."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from connector.port import StreamLost
from reliability.conformance.case import Case, must
from reliability.conformance.stage import Stage
from topics.v1.common_pb2 import SIDE_BUY, SIDE_SELL
from topics.v1.market_pb2 import Candle, MarketEvent
from venue.klines import MINUTE_MS

_CANDLE_S: Final = 90.0
"""A venue of others' closes its minute within this."""


async def _says_it_is_up(stage: Stage) -> None:
    await stage.comes(lambda: bool(stage.ears.market.since()), "a first word of the market's stream")
    must(isinstance(stage.ears.market.since()[0], StreamLost), "the market's stream must begin by saying that it is up")


async def _quotes(stage: Stage) -> None:
    await stage.comes(lambda: len(_of(stage, "quote")) >= 3, "3 quotes", _within_s(stage))
    quotes = [it.quote for it in stage.market_events() if it.HasField("quote")]
    for it in quotes:
        must(0 < it.bid_ticks < it.ask_ticks, f"a quote of {it.bid_ticks} to {it.ask_ticks} ticks is none")
        must(it.bid_lots >= 0 and it.ask_lots >= 0 and it.time_ms > 0, "a quote without sizes or time")
    must(all(before.time_ms <= after.time_ms for before, after in pairwise(quotes)), "quotes must come in their order")
    must(
        all(before.update_id < after.update_id for before, after in pairwise(quotes)),
        "each quote must have a higher update id than the one before",
    )


async def _trades(stage: Stage) -> None:
    await stage.comes(lambda: len(_of(stage, "trade")) >= 2, "2 trades", _within_s(stage))
    trades = [it.trade for it in stage.market_events() if it.HasField("trade")]
    ids = [it.trade_id for it in trades]
    must(all(ids) and len(set(ids)) == len(ids), "a trade has no id, or came twice")
    for it in trades:
        must(it.price_ticks > 0 and it.quantity_lots > 0, "a trade without price or size")
        must(it.taker_side in (SIDE_BUY, SIDE_SELL), "a trade does not say who took")
    must(all(before.time_ms <= after.time_ms for before, after in pairwise(trades)), "trades must come in their order")


async def _candles(stage: Stage) -> None:
    await stage.comes(lambda: any(it.candle.closed for it in _of(stage, "candle")), "a closed candle", _within_s(stage))
    candles = [it.candle for it in stage.market_events() if it.HasField("candle")]
    for it in candles:
        must(_is_a_candle(it), f"{it} is no candle")
    opened = [it.open_time_ms for it in candles]
    must(opened == sorted(opened), "candles must come in their order")
    closed = [it.open_time_ms for it in candles if it.closed]
    must(len(set(closed)) == len(closed), "a minute was closed twice")


async def _best_prices(stage: Stage) -> None:
    quote = await stage.port.best_quote(stage.symbol)
    must(0 < quote.bid_ticks < quote.ask_ticks, f"best prices {quote.bid_ticks} and {quote.ask_ticks} ticks are none")
    must(quote.bid_lots > 0 and quote.ask_lots > 0, "best prices without sizes")


async def _listed_candles(stage: Stage) -> None:
    """The newest ones, then the same again by their times."""
    newest: list[Candle] = []

    async def several() -> bool:
        newest[:] = await stage.port.candles(stage.symbol, interval_ms=MINUTE_MS, limit=5)
        return len(newest) >= 3

    must(await stage.becomes(several), f"there must be several candles to list; there are {len(newest)}")
    must(len(newest) <= 5, f"at most 5 candles were asked for; it gave {len(newest)}")
    opened = [it.open_time_ms for it in newest]
    must(opened == sorted(set(opened)), f"candles must be oldest first, each minute once: {opened}")
    must(all(_is_a_candle(it) and it.interval_ms == MINUTE_MS for it in newest), "one of them is no candle of a minute")
    must(all(it.closed for it in newest[:-1]), "a candle before the newest one is told as still open")
    again = await stage.port.candles(
        stage.symbol, interval_ms=MINUTE_MS, limit=5, start_ms=opened[0], until_ms=opened[-1] + 1
    )
    must([it.open_time_ms for it in again] == opened, f"by their times {opened} it gave others")
    fewer = await stage.port.candles(
        stage.symbol, interval_ms=MINUTE_MS, limit=5, start_ms=opened[0], until_ms=opened[-1]
    )
    must([it.open_time_ms for it in fewer] == opened[:-1], "the end of the span must be left out")


def _is_a_candle(it: Candle) -> bool:
    inside = it.low_ticks <= min(it.open_ticks, it.close_ticks) <= max(it.open_ticks, it.close_ticks) <= it.high_ticks
    return inside and it.low_ticks > 0 and it.interval_ms > 0 and it.open_time_ms % it.interval_ms == 0


def _of(stage: Stage, kind: str) -> list[MarketEvent]:
    return [it for it in stage.market_events() if it.WhichOneof("event") == kind]


def _within_s(stage: Stage) -> float:
    return _CANDLE_S if stage.subject.bounds else stage.subject.patience_s


CASES: Final = (
    Case("market-says-it-is-up", "The market's stream begins with StreamLost.", _says_it_is_up),
    Case("market-quotes", "Quotes have two sides, sizes, growing update ids, in order.", _quotes),
    Case("market-trades", "Trades have ids of their own, price, size and taker, in order.", _trades),
    Case("best-prices", "Best bid and ask now, with sizes.", _best_prices),
    Case("candles-listed", "Candles by number and by time: oldest first, end left out.", _listed_candles),
    Case("market-candles", "Candles hold what they must, come in order, each minute closed once.", _candles),
)
