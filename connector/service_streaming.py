"""gRPC streams: what the log has and gets, by symbol or account, until the caller goes or is cut off (GRPC-6)."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from connector.broadcast import Broadcast
from connector.following import Begin, Channel
from connector.requests import followed
from connector.service_parts import Calls
from connector.v1 import connector_pb2 as pb
from topics.catalogue import ACCOUNT, FUNDING, MARKET, ORDERS, MessageT, Topic
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderUpdate

ResponseT = TypeVar("ResponseT")


class StreamingCalls(Calls):
    """`context.hurry` is called when the caller's buffer is full: what it was told must be taken soon.

    Each stream's first response is made of `begin`, the others of what follows it: none, one or several a message.
    """

    def SubscribePrice(  # noqa: N802
        self, request: pb.SubscribePriceRequest, context: Any
    ) -> AsyncIterator[pb.SubscribePriceResponse]:
        def told(batch: MarketBatch) -> Iterable[pb.SubscribePriceResponse]:
            return (pb.SubscribePriceResponse(batch=batch),)

        return self._of_symbols(MARKET, self._parts.publisher.market, request, context, pb.SubscribePriceResponse, told)

    def SubscribeOrders(  # noqa: N802
        self, request: pb.SubscribeOrdersRequest, context: Any
    ) -> AsyncIterator[pb.SubscribeOrdersResponse]:
        def told(order: OrderUpdate) -> Iterable[pb.SubscribeOrdersResponse]:
            return (pb.SubscribeOrdersResponse(order=order),)

        orders = self._parts.publisher.orders
        return self._of_symbols(ORDERS, orders, request, context, pb.SubscribeOrdersResponse, told)

    def SubscribeFunding(  # noqa: N802
        self, request: pb.SubscribeFundingRequest, context: Any
    ) -> AsyncIterator[pb.SubscribeFundingResponse]:
        def told(funding: FundingUpdate) -> Iterable[pb.SubscribeFundingResponse]:
            return (pb.SubscribeFundingResponse(funding=funding),)

        fundings = self._parts.publisher.funding
        return self._of_symbols(FUNDING, fundings, request, context, pb.SubscribeFundingResponse, told)

    def SubscribeCandles(  # noqa: N802
        self, request: pb.SubscribeCandlesRequest, context: Any
    ) -> AsyncIterator[pb.SubscribeCandlesResponse]:
        market = self._parts.publisher.market
        return self._of_symbols(MARKET, market, request, context, pb.SubscribeCandlesResponse, _candles)

    def SubscribeAccount(  # noqa: N802
        self, request: pb.SubscribeAccountRequest, context: Any
    ) -> AsyncIterator[pb.SubscribeAccountResponse]:
        def told(account: AccountUpdate) -> Iterable[pb.SubscribeAccountResponse]:
            return (pb.SubscribeAccountResponse(account=account),)

        return self._of_account(request, context, pb.SubscribeAccountResponse, told)

    def SubscribePositions(  # noqa: N802
        self, request: pb.SubscribePositionsRequest, context: Any
    ) -> AsyncIterator[pb.SubscribePositionsResponse]:
        symbols = {followed(symbol, self._parts.instruments).symbol for symbol in request.symbols}

        def told(account: AccountUpdate) -> Iterable[pb.SubscribePositionsResponse]:
            return _positions(account, symbols)

        return self._of_account(request, context, pb.SubscribePositionsResponse, told)

    def _of_symbols(
        self,
        topic: Topic[MessageT],
        broadcast: Broadcast[MessageT],
        request: Any,
        context: Any,
        begun: Callable[..., ResponseT],
        told: Callable[[MessageT], Iterable[ResponseT]],
    ) -> AsyncIterator[ResponseT]:
        symbols = [followed(symbol, self._parts.instruments).symbol for symbol in request.symbols]
        name_of: Callable[[Any], str] = _symbol
        channel = Channel(topic, broadcast, self._parts.port.name, name_of, self._parts.instruments)
        return self._responses(channel, symbols, request.after_seq, context, begun, told)

    def _of_account(
        self,
        request: pb.SubscribeAccountRequest | pb.SubscribePositionsRequest,
        context: Any,
        begun: Callable[..., ResponseT],
        told: Callable[[AccountUpdate], Iterable[ResponseT]],
    ) -> AsyncIterator[ResponseT]:
        name, publisher = self._parts.port.account, self._parts.publisher
        channel = Channel(ACCOUNT, publisher.account, self._parts.port.name, _account, (name,))
        after_seq = {name: request.after_seq} if request.HasField("after_seq") else {}
        return self._responses(channel, (name,), after_seq, context, begun, told)

    async def _responses(
        self,
        channel: Channel[MessageT],
        names: Sequence[str],
        after_seq: Mapping[str, int],
        context: Any,
        begun: Callable[..., ResponseT],
        told: Callable[[MessageT], Iterable[ResponseT]],
    ) -> AsyncIterator[ResponseT]:
        followed_now = self._parts.following.follow(channel, names, dict(after_seq), overflowed=context.hurry)
        async with aclosing(followed_now):
            async for it in followed_now:
                if isinstance(it, Begin):
                    yield begun(begin=pb.StreamBegin(after_seq=it.after_seq))
                else:
                    for response in told(it):
                        yield response


def _symbol(message: Any) -> str:
    return str(message.symbol)


def _account(message: AccountUpdate) -> str:
    return message.account


def _candles(batch: MarketBatch) -> list[pb.SubscribeCandlesResponse]:
    return [
        pb.SubscribeCandlesResponse(
            venue=batch.venue,
            symbol=batch.symbol,
            grain=batch.grain,
            seq=batch.first_seq + place,
            candle=event.candle,
        )
        for place, event in enumerate(batch.events)
        if event.HasField("candle")
    ]


def _positions(update: AccountUpdate, symbols: set[str]) -> list[pb.SubscribePositionsResponse]:
    """None where the update says nothing of them. Without symbols, of all."""
    positions = [position for position in update.positions if not symbols or position.symbol in symbols]
    if not positions and not update.snapshot:
        return []
    return [
        pb.SubscribePositionsResponse(
            venue=update.venue,
            account=update.account,
            seq=update.seq,
            time_ms=update.time_ms,
            snapshot=update.snapshot,
            positions=positions,
        )
    ]
