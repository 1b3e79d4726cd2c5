"""gRPC calls that only read: what we know, else what the venue says. They end with their caller (WF-5)."""

import asyncio
import time
from typing import Any

from connector.deadlines import within
from connector.errors import OrderNotFoundError
from connector.funding import of_spot
from connector.port import VenueOrder
from connector.requests import candles_wanted, followed, order_ids
from connector.service_parts import Calls
from connector.v1 import connector_pb2 as pb
from topics.identifiers import is_ours
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument, InstrumentKind
from topics.v1.orders_pb2 import OrderSource, OrderUpdate, Ownership


class ReadingCalls(Calls):
    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:  # noqa: N802
        instrument = followed(request.symbol, self._parts.instruments)
        client_order_id, venue_order_id = order_ids(request)
        ids = {"client_order_id": client_order_id, "venue_order_id": venue_order_id}
        known = await within(context, self._parts.gateway.order(**ids, symbol=request.symbol))
        if known is not None and known.symbol == request.symbol:
            return pb.GetOrderResponse(order=known)
        found = await within(context, self._parts.port.find_order(request.symbol, **ids))
        if found is None:
            raise OrderNotFoundError(
                f"neither we nor {self._parts.port.name} know order {client_order_id or venue_order_id} "
                f"of {request.symbol}"
            )
        return pb.GetOrderResponse(order=self._looked_up(found, instrument))

    async def GetOpenOrders(  # noqa: N802
        self,
        request: pb.GetOpenOrdersRequest,
        context: Any,
    ) -> pb.GetOpenOrdersResponse:
        """Ours as the gateway knows them, and the foreign ones as the venue does."""
        symbols = [request.symbol] if request.symbol else list(self._parts.instruments)
        instruments = [followed(symbol, self._parts.instruments) for symbol in symbols]
        at_venue = await within(context, asyncio.gather(*(self._parts.port.open_orders(symbol) for symbol in symbols)))
        known = [order for order in self._parts.gateway.open_orders() if order.symbol in symbols]
        ids = {order.client_order_id for order in known}
        others = [
            self._looked_up(order, instrument)
            for instrument, orders in zip(instruments, at_venue, strict=True)
            for order in orders
            if order.client_order_id not in ids and not await self._is_known(order)
        ]
        return pb.GetOpenOrdersResponse(orders=[*known, *others])

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> pb.GetAccountResponse:  # noqa: ARG002, N802
        return pb.GetAccountResponse(account=await within(context, self._parts.account.current()))

    async def GetPositions(  # noqa: N802
        self,
        request: pb.GetPositionsRequest,
        context: Any,
    ) -> pb.GetPositionsResponse:
        if request.symbol:
            followed(request.symbol, self._parts.instruments)
        positions = (await within(context, self._parts.account.current())).positions
        return pb.GetPositionsResponse(
            positions=[position for position in positions if request.symbol in ("", position.symbol)]
        )

    async def GetSymbolInfo(  # noqa: N802
        self,
        request: pb.GetSymbolInfoRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.GetSymbolInfoResponse:
        return pb.GetSymbolInfoResponse(instrument=followed(request.symbol, self._parts.instruments))

    async def ListSymbols(self, request: pb.ListSymbolsRequest, context: Any) -> pb.ListSymbolsResponse:  # noqa: ARG002, N802
        return pb.ListSymbolsResponse(instruments=self._parts.instruments.values())

    async def GetFundingRate(self, request: pb.GetFundingRateRequest, context: Any) -> pb.GetFundingRateResponse:  # noqa: N802
        instrument = followed(request.symbol, self._parts.instruments)
        return pb.GetFundingRateResponse(funding=await within(context, self._funding(instrument)))

    async def GetFundingRates(self, request: pb.GetFundingRatesRequest, context: Any) -> pb.GetFundingRatesResponse:  # noqa: N802
        symbols = dict.fromkeys(request.symbols or self._parts.instruments)
        wanted = [followed(symbol, self._parts.instruments) for symbol in symbols]
        return pb.GetFundingRatesResponse(
            fundings=await within(context, asyncio.gather(*(self._funding(instrument) for instrument in wanted)))
        )

    async def GetCandles(self, request: pb.GetCandlesRequest, context: Any) -> pb.GetCandlesResponse:  # noqa: N802
        instrument = followed(request.symbol, self._parts.instruments)
        found = await within(context, self._parts.port.candles(request.symbol, **candles_wanted(request)))
        return pb.GetCandlesResponse(grain=instrument.grain, candles=found)

    async def GetLatestPrice(self, request: pb.GetLatestPriceRequest, context: Any) -> pb.GetLatestPriceResponse:  # noqa: N802
        instrument = followed(request.symbol, self._parts.instruments)
        quote, trade = await within(context, self._parts.prices.of(request.symbol))
        return pb.GetLatestPriceResponse(grain=instrument.grain, quote=quote, trade=trade)

    async def _funding(self, instrument: Instrument) -> FundingUpdate:
        if instrument.kind == InstrumentKind.INSTRUMENT_KIND_SPOT:
            return of_spot(instrument.venue, instrument.symbol, received_ms=time.time_ns() // 1_000_000)
        return await self._parts.port.funding_rate(instrument.symbol)

    async def _is_known(self, order: VenueOrder) -> bool:
        """Whether it is the gateway's: then it ended while the venue was asked."""
        return await self._parts.gateway.order(order.client_order_id, symbol=order.symbol) is not None

    def _looked_up(self, order: VenueOrder, instrument: Instrument) -> OrderUpdate:
        """An order the gateway does not have, as the venue shows it."""
        ours = is_ours(order.client_order_id)
        return OrderUpdate(
            venue=self._parts.port.name,
            account=self._parts.port.account,
            symbol=order.symbol,
            time_ms=order.time_ms,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            side=order.side,  # type: ignore[arg-type]
            type=order.type,  # type: ignore[arg-type]
            time_in_force=order.time_in_force,  # type: ignore[arg-type]
            reduce_only=order.reduce_only,
            grain=instrument.grain,
            price_ticks=order.price_ticks,
            quantity_lots=order.quantity_lots,
            filled_lots=order.filled_lots,
            status=order.status,  # type: ignore[arg-type]
            reason_code=order.reason_code,
            reason=order.reason,
            source=OrderSource.ORDER_SOURCE_RECONCILIATION,
            ownership=Ownership.OWNERSHIP_OURS if ours else Ownership.OWNERSHIP_FOREIGN,
        )
