"""Messages as they come on the log, for tests of projections: short to write, complete to read."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from projections import folds
from projections.folds import PROJECTIONS, Readable, Unreadable
from projections.rows import Table
from projections.tables import TABLES, Tables
from topics.catalogue import Topic
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, Balance, FundingPayment
from topics.v1.common_pb2 import (
    ORDER_TYPE_LIMIT,
    SIDE_BUY,
    SIDE_SELL,
    TIME_IN_FORCE_POST_ONLY,
    Grain,
)
from topics.v1.market_pb2 import Candle, MarketBatch, MarketEvent, Quote, Trade
from topics.v1.orders_pb2 import OWNERSHIP_OURS, Fill, OrderStatus, OrderUpdate
from topics.v1.slots_pb2 import SlotChanged, SlotState

VENUE, SYMBOL, ACCOUNT = "paper", "BTCUSDT", "main"
GRAIN = Grain(tick_size="0.10", lot_size="0.001")
SIDES = {"BUY": SIDE_BUY, "SELL": SIDE_SELL}
BY_TOPIC = {projection.topic.name: projection for projection in PROJECTIONS}


class Record:
    """What of a consumer's record the folds look at."""

    def __init__(self, topic: Topic[Any], value: bytes, offset: int, partition: int = 0) -> None:
        self.topic, self.value, self.offset, self.partition = topic.name, value, offset, partition
        self.key = b""


class Given:
    """`Given().then(ORDERS_TOPIC, update, …)` folds records in the order of their offsets, from 0."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.poisoned: list[Unreadable] = []
        self._next: dict[str, int] = {}

    def then(self, topic: Topic[Any], *messages: Any) -> "Given":
        offset = self._next.get(topic.name, 0)
        self._next[topic.name] = offset + len(messages)
        self.fold(topic, [record(topic, message, offset + at) for at, message in enumerate(messages)])
        return self

    def redelivered(self, topic: Topic[Any], *messages: Any) -> "Given":
        """The same records again, at the same places, from offset 0."""
        self.fold(topic, [record(topic, message, at) for at, message in enumerate(messages)])
        return self

    def fold(self, topic: Topic[Any], records: Iterable[Any]) -> None:
        entries: list[Readable | Unreadable] = folds.read(BY_TOPIC[topic.name], records)
        self.poisoned += folds.fold(self.tables, entries)

    def rows(self, table: Table[Any]) -> list[Any]:
        return sorted(self.tables[table].values(), key=repr)

    def everything(self) -> dict[str, list[Any]]:
        return {table.name: self.rows(table) for table in TABLES}

    def one(self, table: Table[Any]) -> Any:
        (row,) = self.tables[table].values()
        return row


def record(topic: Topic[Any], message: Any, offset: int) -> Record:
    return Record(topic, message if isinstance(message, bytes) else message.SerializeToString(), offset)


def order(
    client_order_id: str = "tlA",
    status: str = "ACCEPTED",
    *,
    seq: int,
    filled: int = 0,
    side: str = "BUY",
    price: int = 400_000,
    quantity: int = 10,
    fill: Fill | None = None,
    **others: Any,
) -> OrderUpdate:
    update = OrderUpdate(
        venue=VENUE,
        symbol=SYMBOL,
        account=ACCOUNT,
        seq=seq,
        time_ms=1_000 + seq,
        client_order_id=client_order_id,
        venue_order_id="" if status in {"CLAIMED", "SENT"} else f"v-{client_order_id}",
        side=SIDES[side],
        type=ORDER_TYPE_LIMIT,
        time_in_force=TIME_IN_FORCE_POST_ONLY,
        grain=GRAIN,
        price_ticks=price,
        quantity_lots=quantity,
        filled_lots=filled,
        status=OrderStatus.Value(f"ORDER_STATUS_{status}"),
        ownership=OWNERSHIP_OURS,
        strategy="grid",
    )
    if fill is not None:
        update.fill.CopyFrom(fill)
    for name, value in others.items():
        setattr(update, name, value)
    return update


def fill(trade_id: str, lots: int, price: int = 400_000, fee: str = "0.01", realized: str = "0", at: int = 1) -> Fill:
    return Fill(
        trade_id=trade_id,
        price_ticks=price,
        quantity_lots=lots,
        fee=fee,
        fee_asset="USDT",
        realized_pnl=realized,
        maker=True,
        time_ms=at,
    )


def filled(trade_id: str, side: str, lots: int, price: int, *, seq: int, **others: Any) -> OrderUpdate:
    """A whole order of one fill."""
    told = fill(trade_id, lots, price, **others)
    return order(f"tl{trade_id}", "FILLED", seq=seq, filled=lots, side=side, price=price, quantity=lots, fill=told)


def step(
    version: int, to_state: str, *, slot: int = -1, from_state: str = "FREE", client_order_id: str = "tlA"
) -> SlotChanged:
    return SlotChanged(
        strategy="grid",
        venue=VENUE,
        symbol=SYMBOL,
        version=version,
        time_ms=2_000 + version,
        slot=slot,
        from_state=SlotState.Value(f"SLOT_STATE_{from_state}"),
        to_state=SlotState.Value(f"SLOT_STATE_{to_state}"),
        side=SIDE_BUY,
        grain=GRAIN,
        price_ticks=400_000,
        quantity_lots=10,
        client_order_id=client_order_id,
    )


def quote(bid: int, ask: int, at: int = 1) -> MarketEvent:
    return MarketEvent(quote=Quote(time_ms=at, update_id=at, bid_ticks=bid, bid_lots=5, ask_ticks=ask, ask_lots=6))


def trade(price: int, lots: int, at: int = 1) -> MarketEvent:
    return MarketEvent(trade=Trade(time_ms=at, trade_id=str(at), price_ticks=price, quantity_lots=lots))


def candle(close: int, at: int = 0, *, closed: bool = False) -> MarketEvent:
    told = Candle(open_time_ms=at, interval_ms=60_000, open_ticks=1, high_ticks=close, low_ticks=1, close_ticks=close)
    told.closed = closed
    return MarketEvent(candle=told)


def market(*events: MarketEvent, first_seq: int = 1) -> MarketBatch:
    return MarketBatch(venue=VENUE, symbol=SYMBOL, grain=GRAIN, first_seq=first_seq, events=events, received_ns=7)


def account(*, seq: int, snapshot: bool = False, **holds: str) -> AccountUpdate:
    """Balances by asset; a position by symbol is given with `positions`."""
    balances = [Balance(asset=asset, wallet_balance=held, available_balance=held) for asset, held in holds.items()]
    return AccountUpdate(venue=VENUE, account=ACCOUNT, seq=seq, time_ms=seq, snapshot=snapshot, balances=balances)


def holding(lots: int, *, seq: int, snapshot: bool = False) -> AccountUpdate:
    position = AccountPosition(symbol=SYMBOL, grain=GRAIN, quantity_lots=lots, entry_price="40000", mark_price="40001")
    return AccountUpdate(venue=VENUE, account=ACCOUNT, seq=seq, time_ms=seq, snapshot=snapshot, positions=[position])


def funding_payment(payment_id: str, amount: str, *, seq: int) -> AccountUpdate:
    payment = FundingPayment(payment_id=payment_id, symbol=SYMBOL, asset="USDT", amount=amount, time_ms=seq)
    return AccountUpdate(venue=VENUE, account=ACCOUNT, seq=seq, time_ms=seq, funding_payments=[payment])


def money(text: str) -> Decimal:
    return Decimal(text)
