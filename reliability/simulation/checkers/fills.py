"""Each execution exactly once in every book, and one position to the last lot (ORD-4, ORD-5)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from projections.positions import POSITIONS, PositionRow
from reliability.simulation.checkers.evidence import Evidence, FillKey, Violation
from reliability.simulation.history import BookedFill
from topics.v1.common_pb2 import SIDE_BUY


def check(evidence: Evidence) -> Iterator[Violation]:
    booked = {(fill.symbol, fill.trade_id): fill for fill in evidence.history.fills}
    yield from _said(evidence, booked)
    yield from _said_twice(evidence)
    yield from _in_the_ledger(evidence, booked)
    yield from _filled(evidence)
    yield from _positions(evidence, booked)


def _said(evidence: Evidence, booked: Mapping[FillKey, BookedFill]) -> Iterator[Violation]:
    for key, fill in booked.items():
        said = evidence.said_fills.get(key)
        if said is None:
            if evidence.is_ours(fill.client_order_id):
                yield Violation(
                    "fill-lost",
                    f"{key[0]} trade {key[1]} of {fill.client_order_id} at {fill.at_s:.3f} s is not on the log",
                )
            continue
        update = said[0].message
        theirs = (fill.side, fill.price_ticks, fill.quantity_lots)
        ours = (update.side, update.fill.price_ticks, update.fill.quantity_lots)
        if ours != theirs or (
            evidence.is_ours(fill.client_order_id) and update.client_order_id != fill.client_order_id
        ):
            yield Violation(
                "fill-wrong",
                f"{key[0]} trade {key[1]} is {theirs} of {fill.client_order_id} at the venue, {ours} of "
                f"{update.client_order_id} at {said[0].place}",
            )
    for key, said in evidence.said_fills.items():
        if key not in booked:
            yield Violation("fill-phantom", f"{said[0].place}: {key[0]} trade {key[1]} is not in the venue's books")


def _said_twice(evidence: Evidence) -> Iterator[Violation]:
    """One gateway says an execution once; the next one may say it again."""
    for (symbol, trade_id), said in evidence.said_fills.items():
        for before, again in pairwise(said):
            if not evidence.two_spoke(before.at_s, again.at_s):
                yield Violation(
                    "fill-twice", f"{again.place}: {symbol} trade {trade_id} was said already at {before.place}"
                )


def _in_the_ledger(evidence: Evidence, booked: Mapping[FillKey, BookedFill]) -> Iterator[Violation]:
    held = {(symbol, trade_id): fill for (_, symbol, trade_id), fill in evidence.history.ledger.fills.items()}
    for key, fill in booked.items():
        row = held.get(key)
        if row is None:
            if evidence.is_ours(fill.client_order_id):
                yield Violation("ledger-fill-lost", f"{key[0]} trade {key[1]} is not in the order ledger")
        elif row.fill.quantity_lots != fill.quantity_lots or row.fill.price_ticks != fill.price_ticks:
            yield Violation(
                "fill-wrong",
                f"{key[0]} trade {key[1]}: {fill.quantity_lots} lots at {fill.price_ticks} at the venue, "
                f"{row.fill.quantity_lots} at {row.fill.price_ticks} in the order ledger",
            )
    for key in held.keys() - booked.keys():
        yield Violation("fill-phantom", f"{key[0]} trade {key[1]} is in the order ledger, not in the venue's books")


def _filled(evidence: Evidence) -> Iterator[Violation]:
    """What each witness thinks an order has filled."""
    sums: Counter[str] = Counter()
    for fill in evidence.history.fills:
        sums[fill.venue_order_id] += fill.quantity_lots
    for name, orders in evidence.booked.items():
        truth = sum(sums[order.venue_order_id] for order in orders)
        told = evidence.told.get(name)
        row = evidence.history.ledger.orders.get(name)
        for witness, lots in (
            ("the venue's own order", sum(order.filled_lots for order in orders)),
            ("the log", told.filled_lots if told else None),
            ("the order ledger", row.filled_lots if row else None),
        ):
            if lots is not None and lots != truth:
                yield Violation("filled-differs", f"{name} has executions of {truth} lots; {witness} says {lots}")


def _positions(evidence: Evidence, booked: Mapping[FillKey, BookedFill]) -> Iterator[Violation]:
    history = evidence.history
    before_us = _before_us(evidence, booked)
    truth = _sum((fill.symbol, fill.side, fill.quantity_lots) for fill in booked.values())
    said = [fills[0].message for fills in evidence.said_fills.values()]
    on_log = _sum((it.symbol, it.side, it.fill.quantity_lots - it.fill.covered_lots) for it in said)
    rows = (PositionRow(*row) for row in history.projected.rows.get(POSITIONS.name, []))
    projected = {row.symbol: row.quantity_lots for row in rows}
    for symbol in sorted({*truth, *history.positions, *on_log, *projected}):
        held = history.positions.get(symbol, 0)
        witnesses = {"the venue's executions": truth[symbol], "the log": on_log[symbol] + before_us[symbol]}
        if history.projected.offsets:
            witnesses["the projections"] = projected.get(symbol, 0) + before_us[symbol]
        if (ours := _gateway_position(evidence, symbol)) is not None:
            witnesses["the gateway"] = ours
        for witness, lots in witnesses.items():
            if lots != held:
                yield Violation("position", f"the venue holds {held} lots of {symbol}, {witness} says {lots}")


def _before_us(evidence: Evidence, booked: Mapping[FillKey, BookedFill]) -> defaultdict[str, int]:
    """Executions of others before the first gateway was ready belong to nobody here."""
    first = min((life.ready_s for life in evidence.gateways if life.ready_s is not None), default=0.0)
    return _sum(
        (fill.symbol, fill.side, fill.quantity_lots)
        for key, fill in booked.items()
        if fill.at_s < first and key not in evidence.said_fills and not evidence.is_ours(fill.client_order_id)
    )


def _gateway_position(evidence: Evidence, symbol: str) -> int | None:
    """Of the gateway that lives at the end."""
    if not evidence.gateways or evidence.gateways[-1].end != "running":
        return None
    positions = evidence.gateways[-1].status.get("positions")
    return None if positions is None else positions.get(symbol, 0)


def _sum(fills: Iterator[tuple[str, int, int]]) -> defaultdict[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for symbol, side, lots in fills:
        sums[symbol] += lots if side == SIDE_BUY else -lots
    return sums
