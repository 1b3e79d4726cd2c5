"""The typed way into the connector for other processes: every call and stream (GRPC-2, GRPC-5).

Retries connecting, and streams, which go on where they were. Calls are not repeated: whether one may be depends on its
code (`connector.grpc_errors`).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

from connector.client_streams import Numbered, StreamKind, resuming
from connector.connection import Connection, ConnectorUnreachableError, Patience
from connector.sequences import first_seq, last_seq
from connector.transport_security import TlsFiles
from connector.v1 import connector_pb2 as pb
from topics.v1.account_pb2 import AccountPosition, AccountUpdate
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderUpdate

__all__ = ("ConnectorClient", "ConnectorUnreachableError", "TlsFiles")


class ConnectorClient:
    """`async with ConnectorClient("host:port") as client:`. Calls raise grpc.aio.AioRpcError; `timeout_s` is their
    deadline. `tls` None: without TLS; `TlsFiles()` trusts the system's authorities.

    Connecting, and coming back: `connect_timeout_s` an attempt, waits of 1, 2, 4 … `longest_wait_s`, `attempts` in all.

    Streams begin now, or after `after_seq`: the last seq the caller has, by symbol. Each message comes once, in order,
    over restarts of the connector too.
    """

    def __init__(
        self,
        address: str,
        *,
        attempts: int = 10,
        connect_timeout_s: float = 10.0,
        first_wait_s: float = 1.0,
        longest_wait_s: float = 60.0,
        timeout_s: float = 10.0,
        tls: TlsFiles | None = None,
        token: str = "",
    ) -> None:
        patience = Patience(attempts, connect_timeout_s, first_wait_s, longest_wait_s)
        self.address = address
        self._connection = Connection(address, patience, tls=tls, token=token)
        self._options: dict[str, Any] = {"timeout": timeout_s, "metadata": self._connection.metadata}

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Raises ConnectorUnreachableError with the address and the number of attempts."""
        try:
            await self._connection.ready()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._connection.close()

    async def place_order(self, request: pb.PlaceOrderRequest) -> pb.PlaceOrderResponse:
        response: pb.PlaceOrderResponse = await self._connection.stub.PlaceOrder(request, **self._options)
        return response

    async def cancel_order(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> OrderUpdate:
        request = pb.CancelOrderRequest(symbol=symbol, **_one_id(client_order_id, venue_order_id))
        response: pb.CancelOrderResponse = await self._connection.stub.CancelOrder(request, **self._options)
        return response.order

    async def kill(self, *, by: str, reason: str, everything: bool = False) -> AsyncIterator[pb.KillState]:
        """Turns the account's kill switch on and tells how far it is, until it is durable and verified (RISK-8).

        May be repeated: what is killed stays killed, since when and why. No deadline but the caller's own patience.
        """
        request = pb.KillRequest(by=by, reason=reason, everything=everything)
        call = self._connection.stub.Kill(request, metadata=self._connection.metadata)
        try:
            async for response in call:
                yield response.state
        finally:
            call.cancel()  # one that is only let go stays open until the garbage collector finds it

    async def release(self, *, by: str, reason: str) -> pb.KillState:
        """FAILED_PRECONDITION where it could not be written: the switch stays on."""
        response: pb.ReleaseResponse = await self._connection.stub.Release(
            pb.ReleaseRequest(by=by, reason=reason), **self._options
        )
        return response.state

    async def kill_state(self) -> pb.KillState:
        response: pb.GetKillStateResponse = await self._connection.stub.GetKillState(
            pb.GetKillStateRequest(), **self._options
        )
        return response.state

    async def place_orders(self, requests: Iterable[pb.PlaceOrderRequest]) -> list[pb.OrderOutcome]:
        """One outcome for each, in their order (ORD-2)."""
        request = pb.BatchPlaceOrdersRequest(orders=requests)
        return list((await self._connection.stub.BatchPlaceOrders(request, **self._options)).outcomes)

    async def cancel_orders(
        self, symbol: str, *, client_order_ids: Iterable[str] = (), venue_order_ids: Iterable[str] = ()
    ) -> list[pb.OrderOutcome]:
        """One outcome for each: the client order ids first."""
        request = pb.BatchCancelOrdersRequest(
            symbol=symbol, client_order_ids=client_order_ids, venue_order_ids=venue_order_ids
        )
        return list((await self._connection.stub.BatchCancelOrders(request, **self._options)).outcomes)

    async def cancel_all_orders(self, symbol: str, *, everything: bool = False) -> list[pb.OrderOutcome]:
        """Ours on the symbol, one outcome for each; with `everything` those of others are cancelled too."""
        request = pb.CancelAllOrdersRequest(symbol=symbol, everything=everything)
        return list((await self._connection.stub.CancelAllOrders(request, **self._options)).outcomes)

    async def order(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> OrderUpdate:
        request = pb.GetOrderRequest(symbol=symbol, **_one_id(client_order_id, venue_order_id))
        response: pb.GetOrderResponse = await self._connection.stub.GetOrder(request, **self._options)
        return response.order

    async def open_orders(self, symbol: str = "") -> list[OrderUpdate]:
        request = pb.GetOpenOrdersRequest(symbol=symbol)
        return list((await self._connection.stub.GetOpenOrders(request, **self._options)).orders)

    async def account(self) -> AccountUpdate:
        response: pb.GetAccountResponse = await self._connection.stub.GetAccount(
            pb.GetAccountRequest(), **self._options
        )
        return response.account

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        request = pb.GetPositionsRequest(symbol=symbol)
        return list((await self._connection.stub.GetPositions(request, **self._options)).positions)

    async def instrument(self, symbol: str) -> Instrument:
        request = pb.GetSymbolInfoRequest(symbol=symbol)
        response: pb.GetSymbolInfoResponse = await self._connection.stub.GetSymbolInfo(request, **self._options)
        return response.instrument

    async def instruments(self) -> list[Instrument]:
        request = pb.ListSymbolsRequest()
        return list((await self._connection.stub.ListSymbols(request, **self._options)).instruments)

    async def funding_rate(self, symbol: str) -> FundingUpdate:
        request = pb.GetFundingRateRequest(symbol=symbol)
        response: pb.GetFundingRateResponse = await self._connection.stub.GetFundingRate(request, **self._options)
        return response.funding

    async def funding_rates(self, *symbols: str) -> list[FundingUpdate]:
        """Of all followed symbols without any."""
        request = pb.GetFundingRatesRequest(symbols=symbols)
        return list((await self._connection.stub.GetFundingRates(request, **self._options)).fundings)

    async def candles(
        self, symbol: str, *, interval_ms: int = 60_000, limit: int = 100, start_ms: int = 0, until_ms: int = 0
    ) -> pb.GetCandlesResponse:
        """Oldest first, with their grain; open times in [start_ms, until_ms), without start_ms the newest."""
        request = pb.GetCandlesRequest(
            symbol=symbol, interval_ms=interval_ms, limit=limit, start_ms=start_ms, until_ms=until_ms
        )
        response: pb.GetCandlesResponse = await self._connection.stub.GetCandles(request, **self._options)
        return response

    async def latest_price(self, symbol: str) -> pb.GetLatestPriceResponse:
        request = pb.GetLatestPriceRequest(symbol=symbol)
        response: pb.GetLatestPriceResponse = await self._connection.stub.GetLatestPrice(request, **self._options)
        return response

    def prices(self, *symbols: str, after_seq: Mapping[str, int] | None = None) -> AsyncGenerator[MarketBatch, None]:
        """Best bid and ask, trades and candles, of all followed symbols without any."""
        kind = _of_symbols("SubscribePrice", pb.SubscribePriceRequest, symbols, lambda response: response.batch)
        return resuming(self._connection, kind, after_seq or {})

    def order_updates(
        self, *symbols: str, after_seq: Mapping[str, int] | None = None
    ) -> AsyncGenerator[OrderUpdate, None]:
        kind = _of_symbols("SubscribeOrders", pb.SubscribeOrdersRequest, symbols, lambda response: response.order)
        return resuming(self._connection, kind, after_seq or {})

    def funding_updates(
        self, *symbols: str, after_seq: Mapping[str, int] | None = None
    ) -> AsyncGenerator[FundingUpdate, None]:
        kind = _of_symbols("SubscribeFunding", pb.SubscribeFundingRequest, symbols, lambda response: response.funding)
        return resuming(self._connection, kind, after_seq or {})

    def candle_updates(
        self, *symbols: str, after_seq: Mapping[str, int] | None = None
    ) -> AsyncGenerator[pb.SubscribeCandlesResponse, None]:
        """One-minute candles, each change of them; `seq` grows, with holes where quotes and trades were."""
        kind = _of_symbols("SubscribeCandles", pb.SubscribeCandlesRequest, symbols, _itself, every=False)
        return resuming(self._connection, kind, after_seq or {})

    def account_updates(self, *, after_seq: Mapping[str, int] | None = None) -> AsyncGenerator[AccountUpdate, None]:
        """`after_seq` by account. A snapshot is told at least every half minute; `account()` answers at once."""
        read = partial(_by_account, message=lambda response: response.account)
        kind = StreamKind("SubscribeAccount", partial(_account_request, pb.SubscribeAccountRequest), read)
        return resuming(self._connection, kind, after_seq or {})

    def position_updates(
        self, *symbols: str, after_seq: Mapping[str, int] | None = None
    ) -> AsyncGenerator[pb.SubscribePositionsResponse, None]:
        """`after_seq` by account; `seq` grows, with holes where none of these positions was told."""
        request = partial(_account_request, pb.SubscribePositionsRequest, symbols=symbols)
        kind = StreamKind("SubscribePositions", request, partial(_by_account, message=_itself), every=False)
        return resuming(self._connection, kind, after_seq or {})


def _of_symbols(
    method: str,
    request: Callable[..., Any],
    symbols: Iterable[str],
    message: Callable[[Any], Any],
    *,
    every: bool = True,
) -> StreamKind[Any]:
    def read(response: Any) -> Numbered[Any]:
        it = message(response)
        return Numbered(it.symbol, first_seq(it), last_seq(it), it)

    return StreamKind(method, lambda after_seq: request(symbols=symbols, after_seq=after_seq), read, every=every)


def _account_request(request: Callable[..., Any], after_seq: Mapping[str, int], **options: Any) -> Any:
    """An account stream has one name: the connector's account."""
    return request(after_seq=next(iter(after_seq.values()), None), **options)


def _by_account(response: Any, *, message: Callable[[Any], Any]) -> Numbered[Any]:
    it = message(response)
    return Numbered(it.account, it.seq, it.seq, it)


def _itself(response: Any) -> Any:
    return response


def _one_id(client_order_id: str, venue_order_id: str) -> dict[str, str]:
    return {"venue_order_id": venue_order_id} if venue_order_id else {"client_order_id": client_order_id}
