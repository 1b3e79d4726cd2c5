"""gRPC calls that change orders: validate, ask the gateway, answer. No rule about orders lives here.

They go on to their end when the caller's deadline passes or the caller goes: what was claimed is told on the orders
topic (WF-3, WF-5).
"""

from typing import Any

from connector.outcomes import cancel_outcome, placement_outcome
from connector.port import OrderRequest
from connector.requests import at_most_in_a_batch, followed, order_ids, order_request, order_request_or_fault
from connector.service_parts import Calls
from connector.v1 import connector_pb2 as pb


class TradingCalls(Calls):
    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.PlaceOrderResponse:  # noqa: N802
        order = order_request(request, self._parts.instruments)
        placed = await self._under_way.to_its_end(self._parts.gateway.place(order), context)
        return pb.PlaceOrderResponse(order=placed.order, existing=placed.existing)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:  # noqa: N802
        followed(request.symbol, self._parts.instruments)
        client_order_id, venue_order_id = order_ids(request)
        update = await self._under_way.to_its_end(
            self._parts.gateway.cancel(request.symbol, client_order_id=client_order_id, venue_order_id=venue_order_id),
            context,
        )
        return pb.CancelOrderResponse(order=update)

    async def BatchPlaceOrders(  # noqa: N802
        self, request: pb.BatchPlaceOrdersRequest, context: Any
    ) -> pb.BatchPlaceOrdersResponse:
        """A malformed item is refused by itself, the others are placed."""
        at_most_in_a_batch("orders", len(request.orders))
        read = [order_request_or_fault(order, self._parts.instruments) for order in request.orders]
        good = [order for order in read if isinstance(order, OrderRequest)]
        placed = iter(await self._under_way.to_its_end(self._parts.gateway.place_batch(good), context) if good else [])
        results = [next(placed) if isinstance(order, OrderRequest) else order for order in read]
        asked = [order.client_order_id for order in request.orders]
        return pb.BatchPlaceOrdersResponse(outcomes=map(placement_outcome, asked, results))

    async def BatchCancelOrders(  # noqa: N802
        self, request: pb.BatchCancelOrdersRequest, context: Any
    ) -> pb.BatchCancelOrdersResponse:
        followed(request.symbol, self._parts.instruments)
        by_client_id, by_venue_id = list(request.client_order_ids), list(request.venue_order_ids)
        at_most_in_a_batch("client_order_ids", len(by_client_id) + len(by_venue_id))
        results = await self._under_way.to_its_end(
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
        results = await self._under_way.to_its_end(cancelling, context)
        return pb.CancelAllOrdersResponse(
            outcomes=[cancel_outcome(result, client_order_id, "") for client_order_id, result in results.items()]
        )
