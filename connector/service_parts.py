"""What the gRPC service is made of, for the calls of each domain."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connector.account import AccountView
from connector.deadlines import UnderWay
from connector.following import Following
from connector.gateway.kill_switch import KillReport
from connector.latest_prices import LatestPrices
from connector.outcomes import Placed
from connector.port import OrderRequest, VenuePort
from connector.publisher import Publisher
from topics.errors import TapelineError
from topics.v1.instruments_pb2 import Instrument
from topics.v1.orders_pb2 import OrderUpdate


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
    prices: LatestPrices
    instruments: Mapping[str, Instrument]
    publisher: Publisher
    following: Following


class Calls:
    """The calls of one domain."""

    def __init__(self, parts: Parts, under_way: UnderWay) -> None:
        self._parts = parts
        self._under_way = under_way
