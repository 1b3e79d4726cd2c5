"""A made-up history, reproducible from a seed: orders placed, filled, cancelled, told late and twice, a market, poison.

Written to the log the way the real writers write: per instrument in order, topics interleaved.
"""

import random
from collections.abc import Iterator
from typing import Any

from topics import catalogue
from topics.catalogue import Topic
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.log import LogAddress, LogProducer
from topics.v1.account_pb2 import AccountPosition, AccountUpdate, Balance, FundingPayment
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_GTC, Grain
from topics.v1.funding_pb2 import FundingUpdate
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_LINEAR_PERPETUAL, Instrument
from topics.v1.intents_pb2 import Intent, PlaceOrder
from topics.v1.market_pb2 import Candle, MarketBatch, MarketEvent, Quote, Trade
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_CLAIMED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_PARTIALLY_FILLED,
    OWNERSHIP_OURS,
    Fill,
    OrderUpdate,
)
from topics.v1.risk_pb2 import RISK_ACTION_STOP_BUYS, RISK_STATE_RELEASED, RISK_STATE_TRIPPED, RiskEvent
from topics.v1.slots_pb2 import (
    SLOT_STATE_CANCELED,
    SLOT_STATE_FILLED,
    SLOT_STATE_FREE,
    SLOT_STATE_LOCKED,
    SlotChanged,
)
from topics.v1.state_pb2 import AgentState

VENUE, ACCOUNT = "paper", "main"
GRAIN = Grain(tick_size="0.10", lot_size="0.001")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT")
Said = tuple[Topic[Any], Any]


class Story:
    """One instrument's life; `turns(n)` goes on from where the last call ended."""

    def __init__(self, symbol: str, seed: int) -> None:
        self.symbol = symbol
        self._random = random.Random(f"{symbol}/{seed}")
        self._seq = dict.fromkeys(("orders", "market", "account", "funding", "slots", "risk", "trades"), 0)
        self._time_ms = 1_700_000_000_000
        self._last: OrderUpdate | None = None
        self._lots = 0

    def beginning(self) -> Said:
        return catalogue.INSTRUMENTS, Instrument(
            venue=VENUE, symbol=self.symbol, base_asset=self.symbol[:3], quote_asset="USDT", margin_asset="USDT",
            kind=INSTRUMENT_KIND_LINEAR_PERPETUAL, grain=GRAIN, min_notional="5", min_quantity_lots=1,
            max_quantity_lots=10**9, contract_size="1", maker_fee_rate="0.0002", taker_fee_rate="0.0005", trading=True,
            seq=1, time_ms=self._time_ms,
        )  # fmt: skip

    def turns(self, count: int) -> Iterator[Said]:
        for _ in range(count):
            self._time_ms += self._random.randint(200, 20_000)
            yield from self._market()
            yield from self._order()
            if self._random.random() < 0.1:
                yield from self._rest()

    def _next(self, name: str, by: int = 1) -> int:
        self._seq[name] += by
        return self._seq[name]

    def _market(self) -> Iterator[Said]:
        price = 400_000 + self._random.randint(-500, 500)
        events = [MarketEvent(quote=Quote(time_ms=self._time_ms, bid_ticks=price, bid_lots=3, ask_ticks=price + 1))]
        events += [
            MarketEvent(trade=Trade(time_ms=self._time_ms + at, price_ticks=price, quantity_lots=at + 1))
            for at in range(self._random.randint(0, 4))
        ]
        opened = self._time_ms - self._time_ms % 60_000
        events.append(MarketEvent(candle=Candle(open_time_ms=opened, interval_ms=60_000, close_ticks=price)))
        first = self._next("market", len(events)) - len(events) + 1
        yield (
            catalogue.MARKET,
            MarketBatch(venue=VENUE, symbol=self.symbol, grain=GRAIN, first_seq=first, events=events),
        )

    def _order(self) -> Iterator[Said]:
        number = self._next("slots")
        side = self._random.choice((SIDE_BUY, SIDE_SELL))
        name = f"tl{self.symbol}{number:019d}"
        place = PlaceOrder(client_order_id=name, side=side, price_ticks=400_000, quantity_lots=10, slot=number % 9)
        yield (
            catalogue.INTENTS,
            Intent(
                intent_id=name,
                strategy="grid",
                venue=VENUE,
                symbol=self.symbol,
                account=ACCOUNT,
                grain=GRAIN,
                place=place,
            ),
        )
        yield self._step(number, SLOT_STATE_FREE, SLOT_STATE_LOCKED, name)
        yield self._update(name, side, ORDER_STATUS_CLAIMED)
        yield self._update(name, side, ORDER_STATUS_ACCEPTED)
        fate = self._random.random()
        if fate < 0.6:
            yield self._update(name, side, ORDER_STATUS_PARTIALLY_FILLED, filled=4, lots=4)
            yield self._update(name, side, ORDER_STATUS_FILLED, filled=10, lots=6)
            yield self._step(self._next("slots"), SLOT_STATE_LOCKED, SLOT_STATE_FILLED, name)
        elif fate < 0.8:
            yield self._update(name, side, ORDER_STATUS_CANCELED)
            yield self._step(self._next("slots"), SLOT_STATE_LOCKED, SLOT_STATE_CANCELED, name)
        if self._last is not None and self._random.random() < 0.3:
            again = OrderUpdate()
            again.CopyFrom(self._last)
            again.seq = self._next("orders")  # said again, as reconciliation does
            yield catalogue.ORDERS, again

    def _step(self, version: int, before: int, after: int, name: str) -> Said:
        return catalogue.SLOTS, SlotChanged(
            strategy="grid", venue=VENUE, symbol=self.symbol, version=version, time_ms=self._time_ms, slot=version % 9,
            from_state=before, to_state=after, side=SIDE_BUY, grain=GRAIN, price_ticks=400_000, quantity_lots=10,  # type: ignore[arg-type]
            client_order_id=name,
        )  # fmt: skip

    def _update(self, name: str, side: int, status: int, *, filled: int = 0, lots: int = 0) -> Said:
        update = OrderUpdate(
            venue=VENUE, symbol=self.symbol, account=ACCOUNT, seq=self._next("orders"), time_ms=self._time_ms,
            client_order_id=name, venue_order_id=f"v{name}", side=side, type=ORDER_TYPE_LIMIT, grain=GRAIN,  # type: ignore[arg-type]
            time_in_force=TIME_IN_FORCE_GTC, price_ticks=400_000, quantity_lots=10, filled_lots=filled, status=status,  # type: ignore[arg-type]
            ownership=OWNERSHIP_OURS, strategy="grid",
        )  # fmt: skip
        if lots:
            price = 400_000 + self._random.randint(-99, 99)
            update.fill.CopyFrom(
                Fill(
                    trade_id=str(self._next("trades")), price_ticks=price, quantity_lots=lots, fee="0.0123",
                    fee_asset="USDT", realized_pnl=str(self._random.randint(-500, 500) / 100), time_ms=self._time_ms,
                )
            )  # fmt: skip
            self._lots += lots if side == SIDE_BUY else -lots
        self._last = update
        return catalogue.ORDERS, update

    def _rest(self) -> Iterator[Said]:
        yield catalogue.FUNDING, FundingUpdate(
            venue=VENUE, symbol=self.symbol, seq=self._next("funding"), time_ms=self._time_ms, rate="0.0001",
            mark_price="40001.2",
        )  # fmt: skip
        state = RISK_STATE_TRIPPED if self._random.random() < 0.5 else RISK_STATE_RELEASED
        yield catalogue.RISK, RiskEvent(
            venue=VENUE, symbol=self.symbol, account=ACCOUNT, rule="volatility", state=state,
            action=RISK_ACTION_STOP_BUYS, value="0.02", limit="0.01", unit="fraction", version=self._next("risk"),
        )  # fmt: skip
        yield (
            catalogue.GRID_STATE,
            AgentState(
                agent="grid", venue=VENUE, symbol=self.symbol, version=self._seq["slots"], market_time_ms=self._time_ms
            ),
        )


def account_update(seq: int, symbols: list[Story]) -> Said:
    return catalogue.ACCOUNT, AccountUpdate(
        venue=VENUE, account=ACCOUNT, seq=seq, time_ms=seq, snapshot=seq % 3 == 0,
        balances=[Balance(asset="USDT", wallet_balance=f"{10_000 - seq}.50", available_balance="9000")],
        positions=[AccountPosition(symbol=story.symbol, grain=GRAIN, quantity_lots=seq) for story in symbols],
        funding_payments=[FundingPayment(payment_id=str(seq), symbol=symbols[0].symbol, asset="USDT", amount="-0.10")],
    )  # fmt: skip


class Teller:
    """Writes several stories to the log, a part at a time."""

    def __init__(self, log: LogAddress, seed: int = 1) -> None:
        self._log = log
        self._stories = [Story(symbol, seed) for symbol in SYMBOLS]
        self._account_seq = 0
        self._begun = False
        self._poisoned = 0

    async def tell(self, turns: int, *, poison: int = 0) -> int:
        """Returns how many records were written."""
        records = list(self._records(turns))
        for at in range(poison):
            topic = (catalogue.ORDERS, catalogue.MARKET, catalogue.SLOTS)[at % 3]
            where = (at * len(records)) // max(poison, 1)
            self._poisoned += 1
            records.insert(where, Record(topic.name, f"{VENUE}:{SYMBOLS[at % 3]}".encode(), _poison(at), []))
        async with LogProducer(self._log, client_id="tests-story") as producer:
            await producer.send_all(records)
        return len(records)

    def _records(self, turns: int) -> Iterator[Record]:
        if not self._begun:
            self._begun = True
            for story in self._stories:
                yield _record(*story.beginning())
        for _ in range(turns):
            for story in self._stories:
                for said in story.turns(1):
                    yield _record(*said)
            self._account_seq += 1
            yield _record(*account_update(self._account_seq, self._stories))


def _poison(number: int) -> bytes:
    """Not protobuf; a fill without a trade id; a grain that is no number; a fee that is no number."""
    update = OrderUpdate(venue=VENUE, symbol="BTCUSDT", client_order_id="tlpoison", grain=GRAIN, side=SIDE_BUY)
    match number % 4:
        case 0:
            return b"\xff\xff\xff not a message"
        case 1:
            update.fill.quantity_lots = 3
        case 2:
            update.grain.tick_size = "ten"
        case _:
            update.fill.CopyFrom(Fill(trade_id="p", quantity_lots=1, price_ticks=1, fee="much"))
    return update.SerializeToString()


def _record(topic: Topic[Any], message: Any) -> Record:
    return encode(topic, message, Envelope(id="story", source="tests", time_ms=1))
