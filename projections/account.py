"""The account as the venue tells it: balances, positions, funding payments. What fills add up to is `positions`.

A snapshot holds everything: what it does not name is zero.
"""

from decimal import Decimal
from typing import NamedTuple

from projections.reading import decimal, decimal_or_none, is_known, scale_of
from projections.rows import Key, Place, Rows, Table
from topics.v1.account_pb2 import AccountPosition, AccountUpdate


class BalanceRow(NamedTuple):
    venue: str
    account: str
    asset: str
    wallet_balance: Decimal
    available_balance: Decimal
    seq: int
    time_ms: int
    topic: str
    partition: int
    offset: int


class VenuePositionRow(NamedTuple):
    venue: str
    account: str
    symbol: str
    tick_size: Decimal
    lot_size: Decimal
    quantity_lots: int
    entry_price: Decimal
    mark_price: Decimal
    unrealized_pnl: Decimal
    liquidation_price: Decimal | None
    leverage: Decimal | None
    seq: int
    time_ms: int
    topic: str
    partition: int
    offset: int


class FundingPaymentRow(NamedTuple):
    venue: str
    account: str
    payment_id: str
    symbol: str
    asset: str
    amount: Decimal
    time_ms: int
    topic: str
    partition: int
    offset: int


BALANCES = Table("balances", BalanceRow, key_size=3, resident=True)
VENUE_POSITIONS = Table("venue_positions", VenuePositionRow, key_size=3, resident=True)
FUNDING_PAYMENTS = Table("funding_payments", FundingPaymentRow, key_size=3)
_NOTHING = Decimal(0)


def payment_keys(update: AccountUpdate) -> list[Key]:
    return [(update.venue, update.account, payment.payment_id) for payment in update.funding_payments]


def fold_balances(rows: Rows[BalanceRow], update: AccountUpdate, place: Place) -> None:
    tail = (update.seq, update.time_ms, *place)
    told = {
        balance.asset: BalanceRow(
            update.venue,
            update.account,
            balance.asset,
            decimal(balance.wallet_balance, "wallet balance"),
            decimal(balance.available_balance, "available balance"),
            *tail,
        )
        for balance in update.balances
    }
    for row in rows.values() if update.snapshot else ():
        if (row.venue, row.account) == (update.venue, update.account) and row.asset not in told:
            told[row.asset] = BalanceRow._make((*row[:3], _NOTHING, _NOTHING, *tail))
    for row in told.values():
        before = rows.get(*row[:3])
        if before is None or not is_known(before.seq, before.offset, row.seq, row.offset):
            rows.put(row)


def fold_positions(rows: Rows[VenuePositionRow], update: AccountUpdate, place: Place) -> None:
    tail = (update.seq, update.time_ms, *place)
    told = {position.symbol: _position(update, position, tail) for position in update.positions}
    for row in rows.values() if update.snapshot else ():
        if (row.venue, row.account) == (update.venue, update.account) and row.symbol not in told:
            told[row.symbol] = VenuePositionRow(
                *row[:5], 0, _NOTHING, row.mark_price, _NOTHING, None, row.leverage, *tail
            )
    for row in told.values():
        before = rows.get(*row[:3])
        if before is None or not is_known(before.seq, before.offset, row.seq, row.offset):
            rows.put(row)


def fold_funding_payments(rows: Rows[FundingPaymentRow], update: AccountUpdate, place: Place) -> None:
    for key, payment in zip(payment_keys(update), update.funding_payments, strict=True):
        if rows.get(*key) is None:
            amount = decimal(payment.amount, "funding payment")
            rows.put(FundingPaymentRow._make((*key, payment.symbol, payment.asset, amount, payment.time_ms, *place)))


def _position(
    update: AccountUpdate, position: AccountPosition, tail: tuple[int, int, str, int, int]
) -> VenuePositionRow:
    scale = scale_of(position.grain)
    return VenuePositionRow(
        update.venue,
        update.account,
        position.symbol,
        scale.tick_size,
        scale.lot_size,
        position.quantity_lots,
        decimal(position.entry_price, "entry price"),
        decimal(position.mark_price, "mark price"),
        decimal(position.unrealized_pnl, "unrealised pnl"),
        decimal_or_none(position.liquidation_price, "liquidation price"),
        decimal_or_none(position.leverage, "leverage"),
        *tail,
    )
