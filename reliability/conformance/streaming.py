"""The user stream: every change once and in order, and what to do about what it missed."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Final

from connector.port import OrderReport, StreamLost, VenueFill, VenueOrder
from reliability.conformance.case import Case, Need, must
from reliability.conformance.stage import Stage
from topics.v1.account_pb2 import AccountUpdate
from topics.v1.orders_pb2 import (
    ORDER_STATUS_ACCEPTED,
    ORDER_STATUS_CANCELED,
    ORDER_STATUS_FILLED,
    ORDER_STATUS_PARTIALLY_FILLED,
    OrderStatus,
)


async def _says_it_is_up(stage: Stage) -> None:
    for ear in (stage.ears.reports, stage.ears.account):
        await stage.comes(lambda ear=ear: bool(ear.since()), f"a first word of the stream of {ear.name}")  # type: ignore[misc]
        must(isinstance(ear.since()[0], StreamLost), f"the stream of {ear.name} must begin by saying that it is up")


async def _life_of_a_cancelled_order(stage: Stage) -> None:
    order = await stage.rest()
    await stage.port.cancel(stage.symbol, venue_order_id=order.venue_order_id)
    await _told_exactly(stage, order, [(ORDER_STATUS_ACCEPTED, 0), (ORDER_STATUS_CANCELED, 0)])


async def _life_of_a_filled_order(stage: Stage) -> None:
    lots = stage.lots(stage.mid, 2)
    order = await stage.rest(stage.limit(lots=lots))
    for part in (lots // 2, lots - lots // 2):
        await stage.driver.fill(stage.symbol, order.client_order_id, part)
    await _told_exactly(
        stage,
        order,
        [(ORDER_STATUS_ACCEPTED, 0), (ORDER_STATUS_PARTIALLY_FILLED, lots // 2), (ORDER_STATUS_FILLED, lots)],
    )
    await _executions_are_those_listed(stage, order)


async def _life_of_a_taker(stage: Stage) -> None:
    order = await stage.buy()
    await stage.comes(
        lambda: any(it.status == ORDER_STATUS_FILLED for it in stage.heard(order)), "FILLED on the stream"
    )
    states = [(it.status, it.filled_lots) for it in stage.heard(order)]
    must(len(set(states)) == len(states), f"a change was told twice: {_named(states)}")
    filled = [it.filled_lots for it in stage.heard(order)]
    must(all(before <= after for before, after in pairwise(filled)), f"what is filled went down: {filled}")
    must(states[-1][0] == ORDER_STATUS_FILLED, f"nothing may follow FILLED: {_named(states)}")
    await _executions_are_those_listed(stage, order)


async def _names_its_orders(stage: Stage) -> None:
    order = await stage.buy()
    reports: list[OrderReport] = [*stage.heard(order), *stage.heard_fills(order)]
    unnamed = {"" for it in reports if isinstance(it, VenueFill)}  # executions may lack it, changes may not
    wrong = [it.client_order_id for it in reports if it.client_order_id not in (order.client_order_id, *unnamed)]
    must(all(it.client_order_id for it in stage.heard(order)), "a change of the order does not name it")
    must(not wrong, f"the stream must name the order {order.client_order_id}; it says {wrong}")
    must(all(it.symbol == stage.symbol and it.side == order.side for it in reports), "symbol or side is another one")


async def _after_a_cut(stage: Stage) -> None:
    seen = await stage.rest()
    await stage.comes(lambda: bool(stage.heard(seen)), "the first order on the stream")
    mark = stage.ears.reports.mark()
    account_mark = stage.ears.account.mark()
    await stage.driver.cut_user_stream()
    missed = await stage.rest()
    await stage.port.cancel(stage.symbol, venue_order_id=seen.venue_order_id)
    for ear, since in ((stage.ears.reports, mark), (stage.ears.account, account_mark)):
        await stage.comes(
            lambda ear=ear, since=since: any(isinstance(it, StreamLost) for it in ear.since(since)),  # type: ignore[misc]
            f"StreamLost in the stream of {ear.name} after it was cut",
        )
    still = {it.venue_order_id for it in await stage.port.open_orders(stage.symbol)}
    must(still == {missed.venue_order_id}, "what was missed must be there to be fetched")
    await stage.found(seen, lambda it: it.status == ORDER_STATUS_CANCELED, "be found cancelled, fetched after the cut")
    later = await stage.rest()
    await stage.comes(lambda: bool(stage.heard(later, mark)), "the next order on the stream that is back")


async def _account(stage: Stage) -> None:
    mark = stage.ears.account.mark()
    await stage.buy()
    held = await stage.held_lots()
    wallet = await stage.balance(stage.instrument.quote_asset)

    def told() -> bool:
        updates = [it for it in stage.ears.account.since(mark) if isinstance(it, AccountUpdate)]
        positions = [it.quantity_lots for update in updates for it in update.positions if it.symbol == stage.symbol]
        balances = [it for update in updates for it in update.balances if it.asset == stage.instrument.quote_asset]
        paid = bool(balances) and Decimal(balances[-1].wallet_balance) == wallet
        return paid and (stage.spot or (bool(positions) and positions[-1] == held))

    what = f"an account update with {wallet} {stage.instrument.quote_asset}"
    await stage.comes(told, what if stage.spot else f"{what} and a position of {held} lots")


async def _told_exactly(stage: Stage, order: VenueOrder, wanted: list[tuple[int, int]]) -> None:
    """Once what must come last is there: these, each once, in this order."""
    last = wanted[-1]
    await stage.comes(
        lambda: any((it.status, it.filled_lots) == last for it in stage.heard(order)), f"{_named([last])} on the stream"
    )
    states = [(it.status, it.filled_lots) for it in stage.heard(order)]
    must(states == wanted, f"the stream must tell {_named(wanted)}; it told {_named(states)}")


async def _executions_are_those_listed(stage: Stage, order: VenueOrder) -> None:
    now = await stage.found(order, lambda it: it.filled_lots > 0, "be filled")
    listed = await stage.fills_of(now)
    wanted = sorted(_facts(it) for it in listed)
    await stage.comes(lambda: len(stage.heard_fills(order)) >= len(wanted), f"{len(wanted)} executions on the stream")
    told = sorted(_facts(it) for it in stage.heard_fills(order))
    must(told == wanted, f"the stream's executions {told} must be those of the list {wanted}")


def _facts(fill: VenueFill) -> tuple[str, int, int, str, bool]:
    it = fill.fill
    return it.trade_id, it.price_ticks, it.quantity_lots, f"{Decimal(it.fee).normalize():f} {it.fee_asset}", it.maker


def _named(states: list[tuple[int, int]]) -> str:
    names = [OrderStatus.Name(OrderStatus.ValueType(status)).removeprefix("ORDER_STATUS_") for status, _ in states]
    return ", ".join(f"{name} {lots}" for name, (_, lots) in zip(names, states, strict=True)) or "nothing"


CASES: Final = (
    Case("stream-says-it-is-up", "Streams begin with StreamLost: what was before must be fetched.", _says_it_is_up),
    Case("stream-of-a-cancelled-order", "Accepted, cancelled: each change once, in order.", _life_of_a_cancelled_order),
    Case(
        "stream-of-a-taker",
        "Changes of an order that took: each once, its executions those of the list.",
        _life_of_a_taker,
    ),
    Case(
        "stream-of-partial-fills",
        "Accepted, partly filled, filled: each once, executions those of the list.",
        _life_of_a_filled_order,
        needs=(Need.FILL,),
    ),
    Case("stream-names-its-orders", "Reports and executions carry the client id, symbol and side.", _names_its_orders),
    Case(
        "stream-after-a-cut",
        "Cut: StreamLost comes, what was missed can be fetched, the stream goes on.",
        _after_a_cut,
        needs=(Need.CUT,),
    ),
    Case("account-updates", "A fill changes balance and position, and the account stream tells both.", _account),
)
