"""The gRPC service: validate, ask the gateway or the venue, answer. No rule about orders lives here.

Placements and cancels go on to their end when the caller's deadline passes or the caller goes: what was claimed is
told on the orders topic (WF-3, WF-5). Reads stop with the caller.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from connector.account import AccountView
from connector.broadcast import Broadcast
from connector.errors import OrderNotFoundError
from connector.gateway.kill_switch import KillReport
from connector.outcomes import Placed, cancel_outcome, placement_outcome
from connector.port import OrderRequest, VenueOrder, VenuePort
from connector.requests import at_most_in_a_batch, followed, order_ids, order_request, order_request_or_fault
from connector.v1 import connector_pb2 as pb
from connector.v1 import connector_pb2_grpc as pb_grpc
from topics.errors import TapelineError
from topics.identifiers import is_ours
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderSource, OrderUpdate, Ownership

AnswerT = TypeVar("AnswerT")


class Orders(Protocol):
    """What the service needs of the order gateway."""

    async def place(self, request: OrderRequest, *, strategy: str = "", intent_id: str = "") -> Placed: ...

    async def cancel(self, symbol: str, client_order_id: str = "", venue_order_id: str = "") -> OrderUpdate: ...

    async def place_batch(self, requests: Sequence[OrderRequest]) -> Sequence[Placed | TapelineError]: ...

    async def cancel_batch(
        self, symbol: str, *, client_order_ids: Sequence[str] = (), venue_order_ids: Sequence[str] = ()
    ) -> Sequence[OrderUpdate | TapelineError]: ...

    async def cancel_all(
        self, symbol: str, *, everything: bool = False
    ) -> Mapping[str, OrderUpdate | TapelineError]: ...

    async def order(
        self, client_order_id: str = "", venue_order_id: str = "", *, symbol: str = ""
    ) -> OrderUpdate | None: ...

    def open_orders(self, symbol: str = "") -> list[OrderUpdate]: ...

    @property
    def kill_report(self) -> KillReport: ...

    def kill(self, *, by: str, reason: str, everything: bool = False) -> None: ...

    def kill_reports(self) -> AsyncIterator[KillReport]: ...

    async def release(self, *, by: str, reason: str) -> object: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of. `instruments` by symbol."""

    gateway: Orders
    port: VenuePort
    account: AccountView
    instruments: Mapping[str, Instrument]
    market: Broadcast[MarketBatch]
    orders: Broadcast[OrderUpdate]


class ConnectorService(pb_grpc.ConnectorServiceServicer):
    """Raises our errors; `connector.server` turns them into gRPC codes."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._under_way: set[asyncio.Task[Any]] = set()

    def end_streams(self) -> None:
        self._parts.market.end()
        self._parts.orders.end()

    async def finish(self) -> None:
        """Waits for the placements and cancels whose callers are gone."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.PlaceOrderResponse:  # noqa: N802
        order = order_request(request, self._parts.instruments)
        placed = await self._to_its_end(self._parts.gateway.place(order), context)
        return pb.PlaceOrderResponse(order=placed.order, existing=placed.existing)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:  # noqa: N802
        followed(request.symbol, self._parts.instruments)
        client_order_id, venue_order_id = order_ids(request)
        update = await self._to_its_end(
            self._parts.gateway.cancel(request.symbol, client_order_id=client_order_id, venue_order_id=venue_order_id),
            context,
        )
        return pb.CancelOrderResponse(order=update)

    async def Kill(  # noqa: N802
        self,
        request: pb.KillRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[pb.KillResponse]:
        """It is on before the first answer; whoever stops listening stops nothing."""
        self._parts.gateway.kill(by=request.by, reason=request.reason, everything=request.everything)
        async for report in self._parts.gateway.kill_reports():
            yield pb.KillResponse(state=_kill_state(report))
            if report.done:
                return

    async def Release(self, request: pb.ReleaseRequest, context: Any) -> pb.ReleaseResponse:  # noqa: N802
        await self._to_its_end(self._parts.gateway.release(by=request.by, reason=request.reason), context)
        return pb.ReleaseResponse(state=_kill_state(self._parts.gateway.kill_report))

    async def GetKillState(  # noqa: N802
        self,
        request: pb.GetKillStateRequest,  # noqa: ARG002
        context: Any,  # noqa: ARG002
    ) -> pb.GetKillStateResponse:
        return pb.GetKillStateResponse(state=_kill_state(self._parts.gateway.kill_report))

    async def BatchPlaceOrders(  # noqa: N802
        self, request: pb.BatchPlaceOrdersRequest, context: Any
    ) -> pb.BatchPlaceOrdersResponse:
        """A malformed item is refused by itself, the others are placed."""
        at_most_in_a_batch("orders", len(request.orders))
        read = [order_request_or_fault(order, self._parts.instruments) for order in request.orders]
        good = [order for order in read if isinstance(order, OrderRequest)]
        placed = iter(await self._to_its_end(self._parts.gateway.place_batch(good), context) if good else [])
        results = [next(placed) if isinstance(order, OrderRequest) else order for order in read]
        asked = [order.client_order_id for order in request.orders]
        return pb.BatchPlaceOrdersResponse(outcomes=map(placement_outcome, asked, results))

    async def BatchCancelOrders(  # noqa: N802
        self, request: pb.BatchCancelOrdersRequest, context: Any
    ) -> pb.BatchCancelOrdersResponse:
        followed(request.symbol, self._parts.instruments)
        by_client_id, by_venue_id = list(request.client_order_ids), list(request.venue_order_ids)
        at_most_in_a_batch("client_order_ids", len(by_client_id) + len(by_venue_id))
        results = await self._to_its_end(
            self._parts.gateway.cancel_batch(
                request.symbol, client_order_ids=by_client_id, venue_order_ids=by_venue_id
            ),
            context,
        )
        asked = [*((it, "") for it in by_client_id), *(("", it) for it in by_venue_id)]
        return pb.BatchCancelOrdersResponse(
            outcomes=[cancel_outcome(result, *ids) for ids, result in zip(asked, results, strict=True)]
        )

    async def CancelAllOrders(  # noqa: N802
        self, request: pb.CancelAllOrdersRequest, context: Any
    ) -> pb.CancelAllOrdersResponse:
        followed(request.symbol, self._parts.instruments)
        cancelling = self._parts.gateway.cancel_all(request.symbol, everything=request.everything)
        results = await self._to_its_end(cancelling, context)
        return pb.CancelAllOrdersResponse(
            outcomes=[cancel_outcome(result, client_order_id, "") for client_order_id, result in results.items()]
        )

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:  # noqa: ARG002, N802
        instrument = followed(request.symbol, self._parts.instruments)
        client_order_id, venue_order_id = order_ids(request)
        known = await self._parts.gateway.order(
            client_order_id=client_order_id, venue_order_id=venue_order_id, symbol=request.symbol
        )
        if known is not None and known.symbol == request.symbol:
            return pb.GetOrderResponse(order=known)
        found = await self._parts.port.find_order(
            request.symbol, client_order_id=client_order_id, venue_order_id=venue_order_id
        )
        if found is None:
            raise OrderNotFoundError(
                f"neither we nor {self._parts.port.name} know order {client_order_id or venue_order_id} "
                f"of {request.symbol}"
            )
        return pb.GetOrderResponse(order=self._looked_up(found, instrument))

    async def GetOpenOrders(  # noqa: N802
        self,
        request: pb.GetOpenOrdersRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.GetOpenOrdersResponse:
        """Ours as the gateway knows them, and the foreign ones as the venue does."""
        symbols = [request.symbol] if request.symbol else list(self._parts.instruments)
        instruments = [followed(symbol, self._parts.instruments) for symbol in symbols]
        at_venue = await asyncio.gather(*(self._parts.port.open_orders(symbol) for symbol in symbols))
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
        return pb.GetAccountResponse(account=await self._parts.account.current())

    async def GetPositions(  # noqa: N802
        self,
        request: pb.GetPositionsRequest,
        context: Any,  # noqa: ARG002
    ) -> pb.GetPositionsResponse:
        if request.symbol:
            followed(request.symbol, self._parts.instruments)
        positions = (await self._parts.account.current()).positions
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

    async def SubscribePrice(  # noqa: N802
        self,
        request: pb.SubscribePriceRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[pb.SubscribePriceResponse]:
        symbols = [followed(symbol, self._parts.instruments).symbol for symbol in request.symbols]
        with self._parts.market.subscribe(symbols) as subscription:
            async for batch in subscription:
                yield pb.SubscribePriceResponse(batch=batch)

    async def SubscribeOrders(  # noqa: N802
        self,
        request: pb.SubscribeOrdersRequest,
        context: Any,  # noqa: ARG002
    ) -> AsyncIterator[pb.SubscribeOrdersResponse]:
        symbols = [followed(symbol, self._parts.instruments).symbol for symbol in request.symbols]
        with self._parts.orders.subscribe(symbols) as subscription:
            async for update in subscription:
                yield pb.SubscribeOrdersResponse(order=update)

    async def _to_its_end(self, work: Coroutine[Any, Any, AnswerT], context: Any) -> AnswerT:
        """The answer, or TimeoutError at the caller's deadline while the work goes on."""
        remaining_s: float | None = context.time_remaining()
        if remaining_s is not None and remaining_s <= 0:
            work.close()
            raise TimeoutError("the deadline had passed before anything was sent")
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        async with asyncio.timeout(remaining_s):
            return await asyncio.shield(task)

    async def _is_known(self, order: VenueOrder) -> bool:
        """Whether it is the gateway's: then it ended while the venue was asked."""
        return await self._parts.gateway.order(order.client_order_id, symbol=order.symbol) is not None

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen: the caller may be gone, and the gateway has told the log

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


def _kill_state(report: KillReport) -> pb.KillState:
    state = report.state
    return pb.KillState(
        killed=state.killed,
        version=state.version,
        time_ms=state.time_ms,
        by=state.by,
        reason=state.reason,
        everything=state.everything,
        durable=report.durable,
        verified=report.verified,
        found=report.found,
        cancelled=report.cancelled,
        left=report.left,
        unresolved=report.unresolved,
        problem=report.problem,
    )
