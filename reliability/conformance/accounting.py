"""Money: balances and positions after trading are exactly what the executions say, funding too (FUND-1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from connector.port import VenueFill
from reliability.conformance.case import Case, Need, NotTriedError, Product, must
from reliability.conformance.stage import Stage
from topics.v1.common_pb2 import SIDE_BUY, SIDE_SELL
from topics.v1.funding_pb2 import FundingUpdate

_NEAR: Final = Decimal("0.02")
"""How far the mark price may be from the quotes, as a fraction."""
UNNAMED: Final = "the account stream does not name it: it is found by asking"
_NAMED_S: Final = 2.0
_ENTRY_DIGITS: Final = Decimal("0.00000001")


async def _snapshot(stage: Stage) -> None:
    snapshot = await stage.port.snapshot()
    must(snapshot.snapshot, "a snapshot must say that it is one")
    must((snapshot.venue, snapshot.account) == (stage.port.name, stage.port.account), "of another venue or account")
    must(snapshot.balances, "the account has no balance at all; it cannot trade")
    for it in snapshot.balances:
        wallet, available = Decimal(it.wallet_balance), Decimal(it.available_balance or 0)
        must(wallet.is_finite() and available.is_finite(), f"the balance of {it.asset} is no number")
        must(not stage.spot or 0 <= available <= wallet, f"{it.asset}: available {available} of {wallet}")


@dataclass(frozen=True, slots=True)
class _Wallet:
    base: Decimal
    quote: Decimal
    trades: tuple[str, ...]
    funding: Decimal


async def _round_trip(stage: Stage) -> str:
    """Bought and sold: every asset differs by what was traded, less the fees, to the last digit."""
    before = await _wallet(stage)
    lots = stage.lots(stage.mid, 2)
    fills = await stage.fills_of(await stage.buy(lots))
    fee_in_base = sum((_fee(it) for it in fills if it.fill.fee_asset == stage.instrument.base_asset), Decimal(0))
    sold = lots if not fee_in_base else stage.scale.lots_down(stage.scale.quantity(lots) - fee_in_base)
    sale = stage.at_market(SIDE_SELL, sold, reduce_only=not stage.spot)
    fills += await stage.fills_of(await stage.bought_or_sold(sale))
    wanted = _expected(stage, before, fills)
    if wanted is None:
        raise NotTriedError("fees are taken in a third asset: its balance moves for other reasons too")
    after = await _wallet(stage)

    async def so() -> bool:
        nonlocal after
        after = await _wallet(stage)
        return (after.base, after.quote - (after.funding - before.funding)) == wanted

    base, quote = stage.instrument.base_asset, stage.instrument.quote_asset
    must(
        await stage.becomes(so),
        f"after the round trip there must be {wanted[0]:f} {base} and {wanted[1]:f} {quote}; "
        f"there are {after.base:f} and {after.quote:f}",
    )
    must(stage.spot or await stage.held_lots() == 0, "after the round trip the position must be flat")
    return f"{len(fills)} executions"


def _expected(stage: Stage, before: _Wallet, fills: list[VenueFill]) -> tuple[Decimal, Decimal] | None:
    """Base and quote; None where a fee was taken in neither."""
    base, quote = before.base, before.quote
    for it in fills:
        worth = stage.scale.notional(it.fill.price_ticks, it.fill.quantity_lots)
        if stage.spot:
            sign = 1 if it.side == SIDE_BUY else -1
            base += sign * stage.scale.quantity(it.fill.quantity_lots)
            quote -= sign * worth
        else:
            quote += Decimal(it.fill.realized_pnl or 0)
        if it.fill.fee_asset == stage.instrument.quote_asset:
            quote -= _fee(it)
        elif it.fill.fee_asset == stage.instrument.base_asset:
            base -= _fee(it)
        elif _fee(it):
            return None
    return base, quote


async def _realized_pnl(stage: Stage) -> None:
    """What a venue says was realised is what its prices say (before fees)."""
    lots = stage.lots(stage.mid)
    bought = await stage.fills_of(await stage.buy(lots))
    sold = await stage.fills_of(await stage.bought_or_sold(stage.at_market(SIDE_SELL, lots, reduce_only=True)))
    worth = _worth(stage, sold) - _worth(stage, bought)
    said = sum((Decimal(it.fill.realized_pnl or 0) for it in sold), Decimal(0))
    must(
        abs(said - worth) <= _ENTRY_DIGITS * len(sold),
        f"bought and sold for a difference of {worth:f}; the executions say {said:f} was realised",
    )


async def _position(stage: Stage) -> None:
    lots = stage.lots(stage.mid, 2)
    fills = await stage.fills_of(await stage.buy(lots))
    (position,) = await stage.port.positions(stage.symbol)
    must(position.quantity_lots == lots, f"bought {lots} lots, the position is {position.quantity_lots}")
    must(position.grain == stage.instrument.grain, "the position is in another grain than its instrument")
    average = _worth(stage, fills) / stage.scale.quantity(lots)
    must(
        abs(Decimal(position.entry_price) - average) <= stage.scale.tick_size / 100,
        f"entered at {average:f} on average; the position says {position.entry_price}",
    )
    await stage.bought_or_sold(stage.at_market(SIDE_SELL, 2 * lots))
    (position,) = await stage.port.positions(stage.symbol)
    must(position.quantity_lots == -lots, f"sold twice as much: short {lots} lots, not {position.quantity_lots}")


async def _flat_is_told(stage: Stage) -> None:
    for where, positions in (
        ("positions", await stage.port.positions(stage.symbol)),
        ("the snapshot", (await stage.port.snapshot()).positions),
    ):
        mine = [it for it in positions if it.symbol == stage.symbol]
        must(
            len(mine) == 1 and mine[0].quantity_lots == 0,
            f"that nothing is held must be told, in {where}: one flat position of {stage.symbol}",
        )


async def _mark_price(stage: Stage) -> None:
    mark = await stage.port.mark_price(stage.symbol)
    must(abs(mark - stage.mid) <= stage.mid * _NEAR, f"the mark price {mark:f} is far from the market's {stage.mid:f}")


async def _funding_rate(stage: Stage) -> str:
    if stage.subject.driver is not None and not stage.ears.funding.since():
        await stage.driver.settle_funding(stage.symbol)
    await stage.comes(lambda: bool(stage.ears.funding.since()), "a funding rate")
    update = stage.ears.funding.since()[-1]
    rate = Decimal(update.rate)
    must(rate.is_finite() and abs(rate) < 1, f"the rate {update.rate!r} is no fraction")
    must(update.time_ms > 0 and update.symbol == stage.symbol, "the update has no time or is of another symbol")
    if stage.spot:
        _not_applicable(update)
        return "rate 0, no next settlement"
    must(
        update.next_funding_time_ms == 0 or update.next_funding_time_ms >= update.time_ms,
        f"the next settlement {update.next_funding_time_ms} lies before the update {update.time_ms}",
    )
    must(Decimal(update.mark_price) > 0, f"the mark price is {update.mark_price!r}")
    asked = await stage.port.funding_rate(stage.symbol)
    must(
        asked.symbol == stage.symbol and abs(Decimal(asked.rate)) < 1 and asked.time_ms > 0,
        f"asked for, the rate is {asked.rate!r} of {asked.symbol} at {asked.time_ms}",
    )
    return f"rate {rate.normalize():f}"


def _not_applicable(update: FundingUpdate) -> None:
    must(
        (Decimal(update.rate), update.next_funding_time_ms) == (Decimal(0), 0),
        f"spot has no funding: rate 0 and next time 0, not {update.rate} and {update.next_funding_time_ms}",
    )


async def _funding_payment(stage: Stage) -> str:
    """Long over a settlement. A stream that names the payment too is more than the port promises."""
    known = {it.payment_id for it in await stage.port.funding_payments(since_ms=0)}
    mark = stage.ears.account.mark()
    await stage.buy(stage.lots(stage.mid, 2))
    await stage.driver.settle_funding(stage.symbol)
    fresh: list[tuple[str, str]] = []

    async def paid() -> bool:
        listed = await stage.port.funding_payments(since_ms=0)
        fresh[:] = [(it.payment_id, it.amount) for it in listed if it.payment_id not in known]
        must(len({it.payment_id for it in listed}) == len(listed), "a funding payment is listed twice")
        return bool(fresh)

    within_s = stage.subject.settles_within_s or stage.subject.patience_s
    must(await stage.becomes(paid, within_s), f"a funding payment must be listed; none came within {within_s:g} s")
    must(Decimal(fresh[0][1]) != 0, "a payment of nothing")

    def told() -> bool:
        updates = [it for it in stage.ears.account.since(mark) if hasattr(it, "funding_payments")]
        return any(it.payment_id == fresh[0][0] for update in updates for it in update.funding_payments)

    amount = f"{fresh[0][1]} {stage.instrument.margin_asset}"
    named = await stage.becomes(_always(told), _NAMED_S)
    return amount if named else f"{amount}; {UNNAMED}"


def _always(holds: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def so() -> bool:
        return holds()

    return so


async def _wallet(stage: Stage) -> _Wallet:
    """All of one moment: read again where something happened between the reads."""
    seen: list[_Wallet] = []

    async def steady() -> bool:
        funding = [] if stage.spot else await stage.port.funding_payments(since_ms=0)
        seen.append(
            _Wallet(
                base=await stage.balance(stage.instrument.base_asset),
                quote=await stage.balance(stage.instrument.quote_asset),
                trades=tuple(it.fill.trade_id for it in await stage.port.fills(stage.symbol)),
                funding=sum((Decimal(it.amount) for it in funding), Decimal(0)),
            )
        )
        return len(seen) > 1 and seen[-1] == seen[-2]

    must(await stage.becomes(steady), "the wallet does not come to rest")
    return seen[-1]


def _worth(stage: Stage, fills: list[VenueFill]) -> Decimal:
    return sum((stage.scale.notional(it.fill.price_ticks, it.fill.quantity_lots) for it in fills), Decimal(0))


def _fee(fill: VenueFill) -> Decimal:
    return Decimal(fill.fill.fee)


_PERPETUAL: Final = Product.PERPETUAL
CASES: Final = (
    Case("account-snapshot", "Balances are complete and numbers.", _snapshot),
    Case("flat-is-told", "That nothing is held is told, not left out.", _flat_is_told, only=_PERPETUAL),
    Case("round-trip", "Bought and sold: balances differ by prices and fees, to the last digit.", _round_trip),
    Case("realized-pnl", "The profit told is that of the prices.", _realized_pnl, only=_PERPETUAL),
    Case(
        "position", "The position's size, sign and entry price are those of the executions.", _position, only=_PERPETUAL
    ),
    Case("mark-price", "There is a mark price, near the market.", _mark_price),
    Case("funding-rate", "Rate and next settlement; on spot rate 0 and no next one.", _funding_rate),
    Case(
        "funding-payment",
        "Held over a settlement: paid, and listed once.",
        _funding_payment,
        needs=(Need.FUNDING,),
        only=_PERPETUAL,
    ),
)
