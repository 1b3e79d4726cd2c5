"""RISK-2 at the venue itself: with each order it accepts, the worst case of all symbols stays within the limit.

The gateway judges at the mark price it knows, which moves. So the worst case is valued at the lowest price of the run:
what exceeds the limit even then was never within it. Nothing more is allowed for, because what the gateway hears of
late it counts at its worst until then. An order that only reduces is always let through and makes room for those
beside it: an order is not judged where one such executed between its claim, when it was let through, and its
acceptance. Accounts on which others trade are not judged: their executions move the position after that, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from connector.gateway.lifecycle import TERMINAL
from reliability.simulation.checkers.evidence import Evidence, Violation
from reliability.simulation.history import BookedFill, BookedOrder
from topics.catalogue import ACCOUNT, FUNDING, INSTRUMENTS
from topics.scale import Scale
from topics.v1.common_pb2 import SIDE_BUY

LIMIT = "max_exposure_quote"


def check(evidence: Evidence) -> Iterator[Violation]:
    limit = evidence.history.plan.get(LIMIT)
    if limit is None or any(not evidence.is_ours(fill.client_order_id) for fill in evidence.history.fills):
        return
    value_of_a_lot = _lowest_values(evidence)
    claimed_s = {it.client_order_id: it.at_s for it in evidence.history.ledger.changes if it.kind == "claim"}
    steps = sorted(_steps(evidence), key=lambda step: step[0])
    position: dict[str, int] = defaultdict(int)
    open_lots: dict[tuple[str, int], int] = defaultdict(int)
    worst = Decimal(0)
    reduced_s = -1.0
    for at_s, order, change, fill in steps:
        open_lots[order.symbol, order.side] += change
        if fill is not None:
            position[order.symbol] += fill.quantity_lots if fill.side == SIDE_BUY else -fill.quantity_lots
            reduced_s = at_s if order.reduce_only else reduced_s
        before, worst = worst, _worst(position, open_lots, value_of_a_lot)
        is_judged = claimed_s.get(order.client_order_id, at_s) > reduced_s
        if change > 0 and is_judged and before < worst and worst > Decimal(str(limit)):
            yield Violation(
                "exposure",
                f"with {order.client_order_id}, accepted at {at_s:.3f} s, the worst case is {worst:f} of {limit}",
            )


def _steps(evidence: Evidence) -> Iterator[tuple[float, BookedOrder, int, BookedFill | None]]:
    """What each event does to the open lots of its order's side, in time."""
    by_id = {order.venue_order_id: order for orders in evidence.booked.values() for order in orders}
    for order in by_id.values():
        if order.reduce_only:
            continue
        yield order.accepted_s, order, order.quantity_lots, None
        ended = next((state for state in order.states if state.status in TERMINAL), None)
        if ended is not None:
            yield ended.at_s, order, -(order.quantity_lots - ended.filled_lots), None
    for fill in evidence.history.fills:
        order = by_id[fill.venue_order_id]
        yield fill.at_s, order, 0 if order.reduce_only else -fill.quantity_lots, fill


def _worst(
    position: dict[str, int], open_lots: dict[tuple[str, int], int], value_of_a_lot: dict[str, Decimal]
) -> Decimal:
    total = Decimal(0)
    for symbol, value in value_of_a_lot.items():
        held = position[symbol]
        buys = sum(lots for (name, side), lots in open_lots.items() if name == symbol and side == SIDE_BUY)
        sells = sum(lots for (name, side), lots in open_lots.items() if name == symbol and side != SIDE_BUY)
        total += value * max(abs(held + buys), abs(held - sells))
    return total


def _lowest_values(evidence: Evidence) -> dict[str, Decimal]:
    lots = {said.message.symbol: Scale.of(said.message.grain).lot_size for said in evidence.read(INSTRUMENTS)}
    lowest: dict[str, Decimal] = {}
    marks = [(said.message.symbol, said.message.mark_price) for said in evidence.read(FUNDING)]
    # what the gateway read at its start is in the snapshots, not on the funding topic
    marks += [(it.symbol, it.mark_price) for said in evidence.read(ACCOUNT) for it in said.message.positions]
    for symbol, told in marks:
        price = Decimal(told or 0)
        if price > 0 and symbol in lots:
            lowest[symbol] = min(lowest.get(symbol, price), price)
    return {symbol: price * lots[symbol] for symbol, price in lowest.items()}
