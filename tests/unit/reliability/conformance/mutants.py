"""Ports with one fault each, on purpose. `CAUGHT_BY` says which case must turn red: the suite cannot pass blindly."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from connector.errors import (
    DuplicateOrderError,
    InsufficientFundsError,
    InvalidOrderError,
    OrderNotFoundError,
    UnknownSymbolError,
    VenueError,
    VenueRejectedError,
)
from connector.port import OrderReport, OrderRequest, Outcome, StreamLost, VenueFill, VenueOrder
from reliability.engine_port import EnginePort
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, FundingPayment
from topics.v1.common_pb2 import (
    ORDER_TYPE_MARKET,
    SIDE_BUY,
    SIDE_SELL,
    TIME_IN_FORCE_FOK,
    TIME_IN_FORCE_GTC,
    TIME_IN_FORCE_IOC,
    TIME_IN_FORCE_POST_ONLY,
)
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import Candle, MarketEvent, Quote
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_CANCELED, ORDER_STATUS_FILLED


class RoundsPrices(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        return await super().place(replace(request, price_ticks=request.price_ticks // 5 * 5))


class RoundsQuantities(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        return await super().place(replace(request, quantity_lots=max(1, request.quantity_lots // 2 * 2)))


class AddsALot(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        return await super().place(replace(request, quantity_lots=request.quantity_lots + 1))


class SellsForABuy(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        other = SIDE_SELL if request.side == SIDE_BUY else SIDE_BUY
        return await super().place(replace(request, side=other))


class BuysOnly(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        order = await super().place(request)
        return replace(order, side=SIDE_BUY)

    async def find_order(self, symbol: str, **ids: str) -> VenueOrder | None:
        order = await super().find_order(symbol, **ids)
        return order and replace(order, side=SIDE_BUY)


def _with_time_in_force(asked: int, sent: int) -> type[EnginePort]:
    class SendsAnotherTimeInForce(EnginePort):
        async def place(self, request: OrderRequest) -> VenueOrder:
            limit = request.type != ORDER_TYPE_MARKET
            meant = replace(request, time_in_force=sent) if limit and request.time_in_force == asked else request
            return await super().place(meant)

    return SendsAnotherTimeInForce


class TakesAtAnyPrice(EnginePort):
    """Everything that is meant to take goes out at the market, and is told with the price it was asked for."""

    async def place(self, request: OrderRequest) -> VenueOrder:
        if request.price_ticks < 231_000:
            return await super().place(request)
        placed = await super().place(replace(request, type=ORDER_TYPE_MARKET, price_ticks=0))
        return replace(placed, price_ticks=request.price_ticks)


class BuysMoreAtMarket(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        if request.type != ORDER_TYPE_MARKET:
            return await super().place(request)
        return await super().place(replace(request, quantity_lots=request.quantity_lots + 1))


class ForgetsReduceOnly(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        return await super().place(replace(request, reduce_only=False))


class SaysNothingOfPostOnly(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        order = await super().place(request)
        return replace(order, time_in_force=TIME_IN_FORCE_GTC)

    async def find_order(self, symbol: str, **ids: str) -> VenueOrder | None:
        order = await super().find_order(symbol, **ids)
        return order and replace(order, time_in_force=TIME_IN_FORCE_GTC)


class TakesADuplicate(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        try:
            return await super().place(request)
        except DuplicateOrderError:
            return await super().place(replace(request, client_order_id=f"{request.client_order_id}x"))


class RemembersTheFirstOfAnId(EnginePort):
    _first: dict[str, str]

    async def place(self, request: OrderRequest) -> VenueOrder:
        order = await super().place(request)
        self._first = getattr(self, "_first", {})
        self._first.setdefault(request.client_order_id, order.venue_order_id)
        return order

    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        return await super().find_order(
            symbol, venue_order_id=venue_order_id or getattr(self, "_first", {}).get(client_order_id, "")
        )


class AnswersBatchesBackwards(EnginePort):
    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        return (await super().place_batch(requests))[::-1]


class StopsABatchAtTheFirstRefusal(EnginePort):
    async def place_batch(self, requests: Sequence[OrderRequest]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for request in requests:
            if outcomes and isinstance(outcomes[-1], VenueError):
                outcomes.append(outcomes[-1])
            else:
                outcomes += await super().place_batch([request])
        return outcomes


class CancelsTheOldest(EnginePort):
    async def cancel(self, symbol: str, **ids: str) -> VenueOrder:
        still = await self.open_orders(symbol)
        asked = await self.find_order(symbol, **ids)
        wrong = next((it for it in still if it != asked), asked)
        if wrong is None:
            raise OrderNotFoundError("nothing is open")
        await super().cancel(symbol, venue_order_id=wrong.venue_order_id)
        return asked or wrong


class CancelsNothing(EnginePort):
    async def cancel(self, symbol: str, **ids: str) -> VenueOrder:
        order = await self.find_order(symbol, **ids)
        if order is None or order.status != ORDER_STATUS_ACCEPTED:
            raise OrderNotFoundError("nothing is open")
        return replace(order, status=ORDER_STATUS_CANCELED)


class AnyCancelIsFine(EnginePort):
    async def cancel(self, symbol: str, **ids: str) -> VenueOrder:
        try:
            return await super().cancel(symbol, **ids)
        except OrderNotFoundError:
            order = await self.find_order(symbol, **ids)
            if order is None:
                raise
            return replace(order, status=ORDER_STATUS_CANCELED)


class RefusesToCancelInOtherWords(EnginePort):
    async def cancel(self, symbol: str, **ids: str) -> VenueOrder:
        try:
            return await super().cancel(symbol, **ids)
        except OrderNotFoundError as error:
            raise VenueRejectedError("no") from error


class CancelsAllButOne(EnginePort):
    async def cancel_all(self, symbol: str) -> None:
        for order in (await self.open_orders(symbol))[1:]:
            await self.cancel(symbol, venue_order_id=order.venue_order_id)


class CancelsABatchBackwards(EnginePort):
    async def cancel_batch(self, symbol: str, venue_order_ids: Sequence[str]) -> list[Outcome]:
        return (await super().cancel_batch(symbol, venue_order_ids))[::-1]


class DropsClientIds(EnginePort):
    async def find_order(self, symbol: str, **ids: str) -> VenueOrder | None:
        order = await super().find_order(symbol, **ids)
        return order and replace(order, client_order_id="")


class FindsTheNewest(EnginePort):
    async def find_order(self, symbol: str, **ids: str) -> VenueOrder | None:
        return (await self.orders_since(symbol, 0))[-1]


class FindsOpenOrdersOnly(EnginePort):
    async def find_order(
        self, symbol: str, *, client_order_id: str = "", venue_order_id: str = ""
    ) -> VenueOrder | None:
        found = await super().find_order(symbol, client_order_id=client_order_id, venue_order_id=venue_order_id)
        return None if client_order_id and found and found.status != ORDER_STATUS_ACCEPTED else found


class ListsCancelledOrdersAsOpen(EnginePort):
    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        return [it for it in await self.orders_since(symbol, 0) if it.status != ORDER_STATUS_FILLED]


class LeavesOutTheNewestOrder(EnginePort):
    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        return (await super().open_orders(symbol))[:-1]


class HistoryOfOpenOrders(EnginePort):
    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        return await self.open_orders(symbol)


class NewestFirst(EnginePort):
    async def orders_since(self, symbol: str, since_ms: int) -> list[VenueOrder]:
        return (await super().orders_since(symbol, since_ms))[::-1]


class ListsAFillTwice(EnginePort):
    async def fills(self, symbol: str, **since: Any) -> list[VenueFill]:
        found = await super().fills(symbol, **since)
        return [*found, *found[-1:]]


class LosesAFill(EnginePort):
    async def fills(self, symbol: str, **since: Any) -> list[VenueFill]:
        return (await super().fills(symbol, **since))[:-1]


class FeesOfNoAsset(EnginePort):
    async def fills(self, symbol: str, **since: Any) -> list[VenueFill]:
        found = await super().fills(symbol, **since)
        for it in found:
            it.fill.fee_asset = ""
        return found


class TakersAreMakers(EnginePort):
    async def fills(self, symbol: str, **since: Any) -> list[VenueFill]:
        found = await super().fills(symbol, **since)
        for it in found:
            it.fill.maker = True
        return found


class TheTradeItselfToo(EnginePort):
    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        before = str(int(since_trade_id) - 1) if since_trade_id else ""
        return await super().fills(symbol, since_trade_id=before, since_ms=since_ms)


class FillsOfAllTime(EnginePort):
    async def fills(self, symbol: str, *, since_trade_id: str = "", since_ms: int = 0) -> list[VenueFill]:
        return await super().fills(symbol, since_trade_id=since_trade_id)


class NothingRealized(EnginePort):
    async def fills(self, symbol: str, **since: Any) -> list[VenueFill]:
        found = await super().fills(symbol, **since)
        for it in found:
            it.fill.realized_pnl = "0"
        return found


class _Reports(EnginePort):
    """Its stream is `changed`."""

    async def order_reports(self) -> AsyncIterator[OrderReport | StreamLost]:
        async for item in super().order_reports():
            for changed in self.changed(item):
                yield changed

    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        raise NotImplementedError


class DoublesAFill(_Reports):
    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        return (item, item) if isinstance(item, VenueFill) else (item,)


class DoublesAReport(_Reports):
    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        return (item, item) if isinstance(item, VenueOrder) else (item,)


class LosesCancels(_Reports):
    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        return () if isinstance(item, VenueOrder) and item.status == ORDER_STATUS_CANCELED else (item,)


class LosesExecutions(_Reports):
    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        return () if isinstance(item, VenueFill) else (item,)


class NamesNobody(_Reports):
    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        return (item,) if isinstance(item, StreamLost) else (replace(item, client_order_id=""),)


class NeverSaysLost(_Reports):
    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        return () if isinstance(item, StreamLost) else (item,)


class TellsTheLastChangeFirst(_Reports):
    _held: list[OrderReport]

    def changed(self, item: OrderReport | StreamLost) -> Sequence[OrderReport | StreamLost]:
        self._held = getattr(self, "_held", [])
        if isinstance(item, VenueOrder) and item.status == ORDER_STATUS_ACCEPTED:
            self._held.append(item)
            return ()
        held, self._held = self._held, []
        return (item, *held)


class SilentAccount(EnginePort):
    async def account_updates(self) -> AsyncIterator[AccountUpdate | StreamLost]:
        async for item in super().account_updates():
            if isinstance(item, StreamLost):
                yield item


class RoundsTheWallet(EnginePort):
    async def snapshot(self) -> AccountUpdate:
        snapshot = await super().snapshot()
        for it in snapshot.balances:
            it.wallet_balance = format(Decimal(it.wallet_balance).quantize(Decimal("0.01")), "f")
        return snapshot


class NoSnapshot(EnginePort):
    async def snapshot(self) -> AccountUpdate:
        snapshot = await super().snapshot()
        snapshot.snapshot = False
        return snapshot


class PositionsWithoutSign(EnginePort):
    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        found = await super().positions(symbol)
        for it in found:
            it.quantity_lots = abs(it.quantity_lots)
        return found


class LeavesOutFlat(EnginePort):
    async def snapshot(self) -> AccountUpdate:
        snapshot = await super().snapshot()
        held = [it for it in snapshot.positions if it.quantity_lots]
        del snapshot.positions[:]
        snapshot.positions.extend(held)
        return snapshot

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        return (await super().positions(symbol)) or [AccountPosition(symbol=symbol)]


class MarkOfAnotherMarket(EnginePort):
    async def mark_price(self, symbol: str) -> Decimal:
        return 10 * await super().mark_price(symbol)


class PercentForAFraction(EnginePort):
    async def funding_rate(self, symbol: str) -> FundingUpdate:
        update = await super().funding_rate(symbol)
        update.rate = "1.01"
        return update


class FundingOnSpot(EnginePort):
    async def funding(self, symbol: str) -> AsyncIterator[FundingUpdate]:
        async for update in super().funding(symbol):
            update.rate = "0.0001"
            yield update


class PaysTwice(EnginePort):
    async def funding_payments(self, *, since_ms: int) -> list[FundingPayment]:
        return 2 * await super().funding_payments(since_ms=since_ms)


class EverythingIsInvalid(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        try:
            return await super().place(request)
        except InsufficientFundsError as error:
            raise InvalidOrderError(str(error)) from error


class InvalidIsRejected(EnginePort):
    async def place(self, request: OrderRequest) -> VenueOrder:
        try:
            return await super().place(request)
        except InvalidOrderError as error:
            raise VenueRejectedError(str(error)) from error


class KnowsNoUnknownSymbol(EnginePort):
    async def find_order(self, symbol: str, **ids: str) -> VenueOrder | None:
        try:
            return await super().find_order(symbol, **ids)
        except UnknownSymbolError:
            return None


class NoNotional(EnginePort):
    async def start(self) -> Sequence[Instrument]:
        found = await super().start()
        for it in found:
            it.min_notional = ""
        return found


class _Market(EnginePort):
    async def market(self, symbol: str) -> AsyncIterator[MarketEvent | StreamLost]:
        async for item in super().market(symbol):
            for changed in self.changed(item):
                yield changed

    def changed(self, item: MarketEvent | StreamLost) -> Sequence[MarketEvent | StreamLost]:
        raise NotImplementedError


class MarketNeverSaysLost(_Market):
    def changed(self, item: MarketEvent | StreamLost) -> Sequence[MarketEvent | StreamLost]:
        return () if isinstance(item, StreamLost) else (item,)


class RepeatsTheMarket(_Market):
    def changed(self, item: MarketEvent | StreamLost) -> Sequence[MarketEvent | StreamLost]:
        return (item, item)


class SwapsBidAndAsk(EnginePort):
    async def best_quote(self, symbol: str) -> Quote:
        it = await super().best_quote(symbol)
        return Quote(bid_ticks=it.ask_ticks, ask_ticks=it.bid_ticks, bid_lots=it.ask_lots, ask_lots=it.bid_lots)


class CandlesNewestFirst(EnginePort):
    async def candles(self, symbol: str, **span: int) -> list[Candle]:
        return (await super().candles(symbol, **span))[::-1]


CAUGHT_BY: Final[Sequence[tuple[type[EnginePort], str]]] = (
    (RoundsPrices, "every-tick"),
    (RoundsQuantities, "every-lot"),
    (AddsALot, "smallest-order"),
    (NoNotional, "instrument-complete"),
    (SellsForABuy, "limit-rests"),
    (LeavesOutTheNewestOrder, "limit-rests"),
    (BuysOnly, "both-sides"),
    (SaysNothingOfPostOnly, "post-only-rests"),
    (_with_time_in_force(TIME_IN_FORCE_POST_ONLY, TIME_IN_FORCE_GTC), "post-only-would-take"),
    (_with_time_in_force(TIME_IN_FORCE_GTC, TIME_IN_FORCE_POST_ONLY), "limit-takes"),
    (TakesAtAnyPrice, "limit-takes"),
    (_with_time_in_force(TIME_IN_FORCE_IOC, TIME_IN_FORCE_POST_ONLY), "ioc-takes"),
    (_with_time_in_force(TIME_IN_FORCE_IOC, TIME_IN_FORCE_GTC), "ioc-expires"),
    (_with_time_in_force(TIME_IN_FORCE_FOK, TIME_IN_FORCE_POST_ONLY), "fok-takes"),
    (_with_time_in_force(TIME_IN_FORCE_FOK, TIME_IN_FORCE_GTC), "fok-expires"),
    (_with_time_in_force(TIME_IN_FORCE_FOK, TIME_IN_FORCE_IOC), "fok-whole-or-nothing"),
    (BuysMoreAtMarket, "market-fills"),
    (ForgetsReduceOnly, "reduce-only-flat"),
    (ForgetsReduceOnly, "reduce-only-stops-at-flat"),
    (TakesADuplicate, "duplicate-of-open"),
    (RemembersTheFirstOfAnId, "id-reuse-after-fill"),
    (AnswersBatchesBackwards, "batch"),
    (StopsABatchAtTheFirstRefusal, "batch-half-accepted"),
    (CancelsTheOldest, "cancel-by-client-id"),
    (CancelsTheOldest, "cancel-by-venue-id"),
    (CancelsNothing, "cancel-by-client-id"),
    (AnyCancelIsFine, "cancel-filled"),
    (AnyCancelIsFine, "cancel-twice"),
    (RefusesToCancelInOtherWords, "cancel-unknown"),
    (CancelsAllButOne, "cancel-all"),
    (CancelsABatchBackwards, "cancel-batch"),
    (DropsClientIds, "find-by-client-id"),
    (FindsTheNewest, "find-by-venue-id"),
    (FindsTheNewest, "find-unknown"),
    (FindsOpenOrdersOnly, "find-ended"),
    (ListsCancelledOrdersAsOpen, "open-orders"),
    (HistoryOfOpenOrders, "order-history"),
    (NewestFirst, "order-history"),
    (FeesOfNoAsset, "fills-of-a-taker"),
    (TakersAreMakers, "fills-of-a-taker"),
    (LosesAFill, "partial-fills"),
    (LosesAFill, "partly-filled-then-cancelled"),
    (ListsAFillTwice, "partial-fills"),
    (TheTradeItselfToo, "fills-since-trade-id"),
    (LosesAFill, "fills-since-time"),
    (ListsAFillTwice, "fills-listed-once"),
    (NeverSaysLost, "stream-says-it-is-up"),
    (LosesCancels, "stream-of-a-cancelled-order"),
    (TellsTheLastChangeFirst, "stream-of-a-cancelled-order"),
    (DoublesAReport, "stream-of-a-cancelled-order"),
    (DoublesAFill, "stream-of-a-taker"),
    (DoublesAFill, "stream-of-partial-fills"),
    (LosesExecutions, "stream-of-partial-fills"),
    (NamesNobody, "stream-names-its-orders"),
    (NeverSaysLost, "stream-after-a-cut"),
    (SilentAccount, "account-updates"),
    (EverythingIsInvalid, "insufficient-funds"),
    (KnowsNoUnknownSymbol, "unknown-symbol"),
    (InvalidIsRejected, "no-quantity"),
    (InvalidIsRejected, "no-price"),
    (InvalidIsRejected, "below-smallest-notional"),
    (InvalidIsRejected, "beyond-largest-quantity"),
    (NoSnapshot, "account-snapshot"),
    (LeavesOutFlat, "flat-is-told"),
    (RoundsTheWallet, "round-trip"),
    (NothingRealized, "realized-pnl"),
    (PositionsWithoutSign, "position"),
    (MarkOfAnotherMarket, "mark-price"),
    (PercentForAFraction, "funding-rate"),
    (PaysTwice, "funding-payment"),
    (MarketNeverSaysLost, "market-says-it-is-up"),
    (RepeatsTheMarket, "market-quotes"),
    (RepeatsTheMarket, "market-trades"),
    (RepeatsTheMarket, "market-candles"),
    (SwapsBidAndAsk, "best-prices"),
    (CandlesNewestFirst, "candles-listed"),
)


CAUGHT_ON_SPOT: Final[Sequence[tuple[type[EnginePort], str]]] = (
    (FundingOnSpot, "funding-rate"),
    (RoundsTheWallet, "round-trip"),
    (SilentAccount, "account-updates"),
    (LosesCancels, "stream-of-a-cancelled-order"),
    (RoundsPrices, "every-tick"),
)


class LeavesATask(EnginePort):
    """Something of it runs on after it is closed."""

    async def start(self) -> Sequence[Instrument]:
        self.left = asyncio.create_task(asyncio.sleep(3_600), name="left behind")
        return await super().start()
