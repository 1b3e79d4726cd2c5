"""Intents in number, made from the seed, put on the log as a strategy's would be: with repeats, cancels and nonsense.

Each order has a slot and an attempt of its own, so a client order id never means two orders, but for those that are
wrong on purpose: an id used again with other details.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from topics.catalogue import INTENTS
from topics.codec import Record, encode
from topics.envelope import Envelope
from topics.identifiers import client_order_id, event_id
from topics.v1.common_pb2 import (
    ORDER_TYPE_LIMIT,
    ORDER_TYPE_MARKET,
    SIDE_BUY,
    SIDE_SELL,
    TIME_IN_FORCE_FOK,
    TIME_IN_FORCE_GTC,
    TIME_IN_FORCE_IOC,
    TIME_IN_FORCE_POST_ONLY,
)
from topics.v1.instruments_pb2 import Instrument
from topics.v1.intents_pb2 import CancelAllOrders, CancelOrder, Intent, PlaceOrder

STRATEGY = "storm"


@dataclass(frozen=True, slots=True)
class Market:
    """What the storm sees of a symbol when it decides."""

    instrument: Instrument
    bid_ticks: int
    ask_ticks: int


class Storm:
    """`next` gives the records of one moment; shares of the intents that are no new order are fractions of all."""

    def __init__(self, random: Random, *, account: str) -> None:
        self._random = random
        self._account = account
        self._count = 0
        self._cancels = 0
        self._placed: list[Intent] = []

    def next(self, market: Market, time_ms: int) -> list[Record]:
        """One intent, now and then one of before again."""
        draw = self._random.random()
        if draw < 0.10 and self._placed:
            intent = self._random.choice(self._placed[-40:])
        elif draw < 0.22 and self._placed:
            intent = self._cancel(self._random.choice(self._placed[-30:]))
        elif draw < 0.235:
            intent = self._cancel_all(market.instrument)
        elif draw < 0.25 and self._placed:
            intent = self._contradiction()
        elif draw < 0.26:
            intent = self._nonsense(market)
        else:
            intent = self._place(market)
        return [encode(INTENTS, intent, Envelope(intent.intent_id, STRATEGY, time_ms, intent.intent_id))]

    def _place(self, market: Market) -> Intent:
        random = self._random
        self._count += 1
        side = random.choice((SIDE_BUY, SIDE_SELL))
        kind = random.random()
        mid = (market.bid_ticks + market.ask_ticks) // 2
        away = max(1, int(mid * random.choice((0.0, 0.0001, 0.0003, 0.0008, 0.002))))
        price = mid - away if side == SIDE_BUY else mid + away
        time_in_force = TIME_IN_FORCE_POST_ONLY
        if kind < 0.25:
            time_in_force = TIME_IN_FORCE_GTC
        elif kind < 0.35:
            time_in_force = random.choice((TIME_IN_FORCE_IOC, TIME_IN_FORCE_FOK))
            price = market.ask_ticks if side == SIDE_BUY else market.bid_ticks
        lots = self._lots(market.instrument, max(1, price))
        intent = self._intent(market.instrument)
        intent.place.CopyFrom(
            PlaceOrder(
                client_order_id=client_order_id(
                    strategy=STRATEGY,
                    venue=market.instrument.venue,
                    symbol=market.instrument.symbol,
                    slot=self._count,
                    side=str(side),
                    epoch=0,
                    attempt=0,
                ),
                side=side,
                type=ORDER_TYPE_LIMIT,
                time_in_force=time_in_force,
                price_ticks=max(1, price),
                quantity_lots=lots,
                reduce_only=random.random() < 0.04,
                slot=self._count,
            )
        )
        if 0.35 <= kind < 0.42:
            intent.place.type = ORDER_TYPE_MARKET
            intent.place.time_in_force = TIME_IN_FORCE_IOC
            intent.place.price_ticks = 0
        intent.intent_id = intent.place.client_order_id
        self._placed.append(intent)
        return intent

    def _lots(self, instrument: Instrument, price: int) -> int:
        """A notional of some tens to some hundreds of the quote currency."""
        tick, lot = float(instrument.grain.tick_size), float(instrument.grain.lot_size)
        return max(1, int(self._random.choice((20, 60, 150, 600)) / (price * tick * lot)))

    def _cancel(self, placed: Intent) -> Intent:
        self._cancels += 1
        intent = Intent()
        intent.CopyFrom(placed)
        intent.intent_id = event_id("cancel", placed.intent_id, self._cancels)
        intent.cancel.CopyFrom(CancelOrder(client_order_id=placed.place.client_order_id))
        return intent

    def _cancel_all(self, instrument: Instrument) -> Intent:
        self._cancels += 1
        intent = self._intent(instrument)
        intent.intent_id = event_id("cancel-all", instrument.symbol, self._cancels)
        intent.cancel_all.CopyFrom(CancelAllOrders())
        return intent

    def _contradiction(self) -> Intent:
        intent = Intent()
        intent.CopyFrom(self._random.choice(self._placed[-40:]))
        intent.place.quantity_lots += 1
        return intent

    def _nonsense(self, market: Market) -> Intent:
        """What must be refused, or denied, and stop nothing."""
        intent = Intent()
        intent.CopyFrom(self._place(market))
        self._placed.pop()
        match self._random.randrange(5):
            case 0:
                intent.place.quantity_lots = 0
            case 1:
                intent.place.price_ticks = -5
                intent.place.type = ORDER_TYPE_LIMIT
            case 2:
                intent.grain.tick_size = "0.7"
            case 3:
                intent.place.client_order_id = "x" * 40
                intent.intent_id = intent.place.client_order_id
            case _:
                intent.ClearField("place")
        return intent

    def _intent(self, instrument: Instrument) -> Intent:
        return Intent(
            strategy=STRATEGY,
            venue=instrument.venue,
            symbol=instrument.symbol,
            account=self._account,
            grain=instrument.grain,
            rule="storm",
        )
