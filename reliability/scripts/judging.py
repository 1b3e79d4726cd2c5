"""Judges a played script from two independent histories: the venue's own ledger file, and what the gateway published.

Neither is asked about the other. A violation is a sentence with the order and the numbers. Must not: repair anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from connector.errors import VenueError
from connector.gateway.lifecycle import TERMINAL
from reliability.scripts.script import End, VenueScript
from reliability.scripts.stage import Stage, order_id
from topics.scale import Scale
from topics.v1.orders_pb2 import Fill, OrderStatus, OrderUpdate
from venue.ledger_reader import LedgerOrder, LedgerReader, LedgerTrade


async def judge(script: VenueScript, stage: Stage) -> list[str]:
    """What was broken; nothing for a script that ended as it must. Waits for the ends, then reconciles twice."""
    violations: list[str] = []
    for number, end in script.ends.items():
        violations += await _ended(stage, number, end)
    violations += [f"a rule had nothing to touch: {rule}" for rule in await stage.untouched()]
    violations += await _second_look(stage)
    reader = LedgerReader(stage.folder)
    orders, trades = reader.orders(), reader.trades()
    positions = {it.symbol: it.quantity for it in reader.positions()}
    violations += one_order_each(orders, {order_id(number): end for number, end in script.ends.items()})
    for life in stage.log.of_each_life():
        violations += legal_histories(life)
    violations += fills_once(stage.log.updates, trades)
    violations += _positions(stage, script.symbols, positions)
    return violations


async def _ended(stage: Stage, number: int, end: End) -> list[str]:
    name = order_id(number)

    async def as_it_must() -> bool:
        order = await stage.gateway.order(name)
        said = stage.log.of(name)
        booked = sum(fill.quantity_lots for fill in _fills(stage.log.updates, name).values())
        known = order is not None and (order.status, order.filled_lots) == (end.status, end.filled_lots)
        told = not said or (said[-1].status, said[-1].filled_lots) == (end.status, end.filled_lots)
        return known and told and booked == end.filled_lots

    if not await stage.comes_true(as_it_must):
        said = [f"{OrderStatus.Name(it.status)} {it.filled_lots}" for it in stage.log.of(name)]
        must = f"{OrderStatus.Name(OrderStatus.ValueType(end.status))} with {end.filled_lots} lots"
        return [f"order {number} must end {must}; said was {said}"]
    last = await stage.gateway.order(name)
    if last is not None and end.reason_code and last.reason_code != end.reason_code:
        return [f"order {number} must end for {end.reason_code}, not for {last.reason_code}: {last.reason}"]
    return []


async def _second_look(stage: Stage) -> list[str]:
    corrections = 0

    async def looked_twice() -> bool:
        nonlocal corrections
        try:
            await stage.gateway.reconcile()
            corrections = await stage.gateway.reconcile()
        except VenueError:  # a busy machine answers later than the trial's short timeout: look again
            return False
        return True

    if not await stage.comes_true(looked_twice):
        return ["no reconciliation succeeded in the end"]
    unknown = stage.gateway.status()["unknown_orders"]
    found = [f"the second reconciliation made {corrections} corrections"] if corrections else []
    return found + ([f"{unknown} orders are still unknown"] if unknown else [])


def one_order_each(orders: Iterable[LedgerOrder], ends: Mapping[str, End]) -> list[str]:
    """Each client id as often at the venue as it must be, which is once at most, and none that nobody asked for."""
    held = Counter(it.client_order_id for it in orders)
    wrong = [
        f"{name}: {held[name]} orders at the venue, must be {end.orders_at_venue}"
        for name, end in ends.items()
        if held[name] != end.orders_at_venue
    ]
    return wrong + [f"{name}: at the venue, asked for by nobody" for name in held if name not in ends]


def legal_histories(updates: Iterable[OrderUpdate]) -> list[str]:
    """Of one gateway's life: what is filled never decreases, a terminal status never changes, an execution is said
    once, the remainder is never negative."""
    before: dict[tuple[str, int], OrderUpdate] = {}
    trades: set[tuple[str, str]] = set()
    violations = []
    for update in updates:
        name = update.client_order_id
        key = (name, update.ownership)
        last = before.get(key)
        if last is not None and update.filled_lots < last.filled_lots:
            violations.append(f"{name}: filled went from {last.filled_lots} to {update.filled_lots} lots")
        if last is not None and last.status in TERMINAL and update.status != last.status:
            violations.append(f"{name}: {OrderStatus.Name(last.status)} became {OrderStatus.Name(update.status)}")
        if update.filled_lots > update.quantity_lots:
            violations.append(f"{name}: {update.filled_lots} of {update.quantity_lots} lots filled")
        if update.HasField("fill"):
            trade = (update.symbol, update.fill.trade_id)
            violations += [f"{name}: execution {trade} was said twice"] if trade in trades else []
            trades.add(trade)
        before[key] = update
    return violations


def fills_once(updates: Iterable[OrderUpdate], trades: Iterable[LedgerTrade]) -> list[str]:
    """The executions said are the venue's, each once, with the same order, price, quantity and fee."""
    updates = list(updates)
    held: dict[str, list[tuple[Decimal, Decimal, Decimal]]] = defaultdict(list)
    for trade in trades:
        held[trade.client_order_id].append((trade.price, trade.quantity, trade.fee))
    violations = []
    for name in {it.client_order_id for it in updates} | held.keys():
        scale = Scale.of(next(it.grain for it in updates if it.client_order_id == name))
        said = [
            (scale.price(fill.price_ticks), scale.quantity(fill.quantity_lots), Decimal(fill.fee))
            for fill in _fills(updates, name).values()
        ]
        if sorted(said) != sorted(held[name]):
            violations.append(f"{name}: executions said {sorted(said)}, at the venue {sorted(held[name])}")
    return violations


def _fills(updates: Iterable[OrderUpdate], client_order_id: str) -> dict[str, Fill]:
    """By trade id: what is said again after a kill is the same execution."""
    return {
        it.fill.trade_id: it.fill for it in updates if it.client_order_id == client_order_id and it.HasField("fill")
    }


def _positions(stage: Stage, symbols: Iterable[str], at_venue: Mapping[str, Decimal]) -> list[str]:
    ours: Mapping[str, int] = stage.gateway.status()["positions"]
    violations = []
    for symbol in symbols:
        quantity = Scale.of(stage.grain(symbol)).quantity(ours[symbol])
        if quantity != at_venue.get(symbol, Decimal(0)):
            violations.append(f"{symbol}: position {quantity}, at the venue {at_venue.get(symbol, 0)}")
    return violations
