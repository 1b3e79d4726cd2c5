"""The typed way into the connector for other processes: connects with patience, fails with the address (GRPC-5).

Retries connecting only. Calls are not repeated here: whether one may be depends on its code (`connector.grpc_errors`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import grpc
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_attempt, wait_exponential

from connector.v1 import connector_pb2 as pb
from connector.v1.connector_pb2_grpc import ConnectorServiceStub
from observability.logs import get_logger
from topics.errors import TapelineError
from topics.v1.account_pb2 import AccountPosition, AccountUpdate
from topics.v1.instruments_pb2 import Instrument
from topics.v1.market_pb2 import MarketBatch
from topics.v1.orders_pb2 import OrderUpdate

if TYPE_CHECKING:
    from connector.v1.connector_pb2_grpc import ConnectorServiceAsyncStub

CallT = TypeVar("CallT", bound=grpc.aio.Call)
_log = get_logger(__name__)


class ConnectorUnreachableError(TapelineError):
    """No connector answered at this address within the attempts."""


class ConnectorClient:
    """`async with ConnectorClient("host:port") as client:`. Calls raise grpc.aio.AioRpcError; `timeout_s` is their
    deadline.

    Connecting: `connect_timeout_s` an attempt, waits of 1, 2, 4 … `longest_wait_s`, `attempts` in all.
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
    ) -> None:
        self.address = address
        self._attempts = attempts
        self._connect_timeout_s = connect_timeout_s
        self._wait = wait_exponential(multiplier=first_wait_s, max=longest_wait_s)
        self._timeout_s = timeout_s
        self._channel: Any = None
        self._stub: ConnectorServiceAsyncStub

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Raises ConnectorUnreachableError with the address and the number of attempts."""
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception_type(TimeoutError),
            before_sleep=lambda state: _log.warning(
                "connector_unreachable", address=self.address, attempt=state.attempt_number
            ),
        )
        try:
            async for attempt in attempts:
                with attempt:
                    await self._try_connecting()
        except RetryError as error:
            raise ConnectorUnreachableError(
                f"no connector at {self.address} after {self._attempts} attempts of {self._connect_timeout_s:g} s; "
                "is it running, and is the address right?"
            ) from error

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def place_order(self, request: pb.PlaceOrderRequest) -> pb.PlaceOrderResponse:
        response: pb.PlaceOrderResponse = await self._stub.PlaceOrder(request, timeout=self._timeout_s)
        return response

    async def cancel_order(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> OrderUpdate:
        request = pb.CancelOrderRequest(symbol=symbol, **_one_id(client_order_id, venue_order_id))
        response: pb.CancelOrderResponse = await self._stub.CancelOrder(request, timeout=self._timeout_s)
        return response.order

    async def kill(self, *, by: str, reason: str, everything: bool = False) -> AsyncIterator[pb.KillState]:
        """Turns the account's kill switch on and tells how far it is, until it is durable and verified (RISK-8).

        May be repeated: what is killed stays killed, since when and why. No deadline but the caller's own patience.
        """
        request = pb.KillRequest(by=by, reason=reason, everything=everything)
        async with _ending(self._stub.Kill(request)) as responses:
            async for response in responses:
                yield response.state

    async def release(self, *, by: str, reason: str) -> pb.KillState:
        """FAILED_PRECONDITION where it could not be written: the switch stays on."""
        response: pb.ReleaseResponse = await self._stub.Release(
            pb.ReleaseRequest(by=by, reason=reason), timeout=self._timeout_s
        )
        return response.state

    async def kill_state(self) -> pb.KillState:
        response: pb.GetKillStateResponse = await self._stub.GetKillState(
            pb.GetKillStateRequest(), timeout=self._timeout_s
        )
        return response.state

    async def place_orders(self, requests: Iterable[pb.PlaceOrderRequest]) -> list[pb.OrderOutcome]:
        """One outcome for each, in their order (ORD-2)."""
        request = pb.BatchPlaceOrdersRequest(orders=requests)
        return list((await self._stub.BatchPlaceOrders(request, timeout=self._timeout_s)).outcomes)

    async def cancel_orders(
        self, symbol: str, *, client_order_ids: Iterable[str] = (), venue_order_ids: Iterable[str] = ()
    ) -> list[pb.OrderOutcome]:
        """One outcome for each: the client order ids first."""
        request = pb.BatchCancelOrdersRequest(
            symbol=symbol, client_order_ids=client_order_ids, venue_order_ids=venue_order_ids
        )
        return list((await self._stub.BatchCancelOrders(request, timeout=self._timeout_s)).outcomes)

    async def cancel_all_orders(self, symbol: str, *, everything: bool = False) -> list[pb.OrderOutcome]:
        """Ours on the symbol, one outcome for each; with `everything` those of others are cancelled too."""
        request = pb.CancelAllOrdersRequest(symbol=symbol, everything=everything)
        return list((await self._stub.CancelAllOrders(request, timeout=self._timeout_s)).outcomes)

    async def order(self, symbol: str, *, client_order_id: str = "", venue_order_id: str = "") -> OrderUpdate:
        request = pb.GetOrderRequest(symbol=symbol, **_one_id(client_order_id, venue_order_id))
        response: pb.GetOrderResponse = await self._stub.GetOrder(request, timeout=self._timeout_s)
        return response.order

    async def open_orders(self, symbol: str = "") -> list[OrderUpdate]:
        request = pb.GetOpenOrdersRequest(symbol=symbol)
        return list((await self._stub.GetOpenOrders(request, timeout=self._timeout_s)).orders)

    async def account(self) -> AccountUpdate:
        response: pb.GetAccountResponse = await self._stub.GetAccount(pb.GetAccountRequest(), timeout=self._timeout_s)
        return response.account

    async def positions(self, symbol: str = "") -> list[AccountPosition]:
        request = pb.GetPositionsRequest(symbol=symbol)
        return list((await self._stub.GetPositions(request, timeout=self._timeout_s)).positions)

    async def instrument(self, symbol: str) -> Instrument:
        request = pb.GetSymbolInfoRequest(symbol=symbol)
        response: pb.GetSymbolInfoResponse = await self._stub.GetSymbolInfo(request, timeout=self._timeout_s)
        return response.instrument

    async def instruments(self) -> list[Instrument]:
        request = pb.ListSymbolsRequest()
        return list((await self._stub.ListSymbols(request, timeout=self._timeout_s)).instruments)

    async def prices(self, *symbols: str) -> AsyncIterator[MarketBatch]:
        """From now on; of all followed symbols without any. RESOURCE_EXHAUSTED where the reader is too slow."""
        async with _ending(self._stub.SubscribePrice(pb.SubscribePriceRequest(symbols=symbols))) as responses:
            async for response in responses:
                yield response.batch

    async def order_updates(self, *symbols: str) -> AsyncIterator[OrderUpdate]:
        async with _ending(self._stub.SubscribeOrders(pb.SubscribeOrdersRequest(symbols=symbols))) as responses:
            async for response in responses:
                yield response.order

    async def _try_connecting(self) -> None:
        await self.close()
        self._channel = grpc.aio.insecure_channel(self.address)
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self._channel.channel_ready()
        except TimeoutError:
            await self.close()
            raise
        self._stub = cast("ConnectorServiceAsyncStub", ConnectorServiceStub(self._channel))


@asynccontextmanager
async def _ending(call: CallT) -> AsyncIterator[CallT]:
    """Ends the stream with its reader: a call that is only let go stays open until the garbage collector finds it."""
    try:
        yield call
    finally:
        call.cancel()


def _one_id(client_order_id: str, venue_order_id: str) -> dict[str, str]:
    return {"venue_order_id": venue_order_id} if venue_order_id else {"client_order_id": client_order_id}
