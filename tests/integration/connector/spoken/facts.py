"""What happens at a venue, in no venue's words: base units as decimal text, times in ms. Each dialect has its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from connector.settings import VenueConnection
from tests.integration.connector.spoken.server import Query


@dataclass(frozen=True)
class BookTop:
    bid: str
    bid_size: str
    ask: str
    ask_size: str
    time_ms: int


@dataclass(frozen=True)
class PublicTrade:
    trade_id: str
    side: str
    price: str
    size: str
    time_ms: int


@dataclass(frozen=True)
class Bar:
    open_ms: int
    opened: str
    high: str
    low: str
    close: str
    volume: str


@dataclass(frozen=True)
class Order:
    """`state`: new, partly, filled, cancelled. `filled`: all of it so far; `last_fill`: of this change."""

    order_id: str
    client_id: str
    side: str
    price: str
    size: str
    filled: str
    state: str
    time_ms: int
    last_fill: str = "0"
    trade_id: str = ""
    fee: str = "0"
    maker: bool = True

    def then(self, state: str, filled: str, last_fill: str, trade_id: str, fee: str) -> "Order":
        return replace(
            self, state=state, filled=filled, last_fill=last_fill, trade_id=trade_id, fee=fee, time_ms=self.time_ms + 10
        )


@dataclass(frozen=True)
class Money:
    asset: str
    wallet: str
    available: str
    time_ms: int


@dataclass(frozen=True)
class Holding:
    """`size` signed."""

    size: str
    entry: str
    time_ms: int


class Speaks(Protocol):
    """A dialect: how one venue says each of these. `quote` to `positions` name what a client subscribes to."""

    symbol: ClassVar[str]
    quote: ClassVar[str]
    trades: ClassVar[str]
    candles: ClassVar[str]
    orders: ClassVar[str]
    fills: ClassVar[str]
    balances: ClassVar[str]
    positions: ClassVar[str]
    fee_asset: ClassVar[str]
    refusal: ClassVar[str]
    refuses_login: bool
    past_trades: list[PublicTrade]
    past_bars: list[Bar]

    def is_ping(self, message: Any) -> bool: ...

    def answers(self, message: Any) -> tuple[list[Any], list[str]]: ...

    def rest(self, path: str, query: Query) -> Any: ...

    def connection(self, port: int) -> VenueConnection: ...

    def funding_frames(self) -> list[tuple[str, Any]]:
        """The channels and frames that tell the rate; none: the venue tells it over REST."""

    def book_frame(self, top: BookTop) -> Any: ...

    def trades_frames(self, trades: Sequence[PublicTrade]) -> list[Any]: ...

    def candle_frame(self, bar: Bar) -> Any: ...

    def order_frames(self, orders: Sequence[Order]) -> list[tuple[str, Any]]:
        """The channel and the frame: changes of one order, in one message where the venue sends lists."""

    def balance_frame(self, money: Money) -> Any: ...

    def position_frame(self, holding: Holding) -> Any: ...


def contracts(base: str, size: str) -> str:
    """Base units in contracts of a size."""
    return format((Decimal(base) / Decimal(size)).normalize(), "f")
