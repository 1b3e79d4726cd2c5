"""Reading the venue's ledger from outside, while the venue runs or is stopped: the witness `tapeline check` asks.

Read-only. Every method reads one consistent snapshot. Must not: write, or depend on the running engine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from venue.errors import LedgerError
from venue.instruments import Product
from venue.ledger_schema import FILE_NAME

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LedgerOrder:
    """One order the venue accepted, ever. Prices and values in quote, quantities in base currency."""

    order_id: int
    client_order_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    reduce_only: bool
    price: Decimal
    quantity: Decimal
    executed_quantity: Decimal
    executed_value: Decimal
    status: str
    time_ms: int
    update_time_ms: int

    @property
    def is_open(self) -> bool:
        return self.status in ("NEW", "PARTIALLY_FILLED")


@dataclass(frozen=True, slots=True)
class LedgerTrade:
    """One fill. `fee` > 0 is paid; `realized_pnl` is before the fee."""

    trade_id: int
    order_id: int
    client_order_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    value: Decimal
    fee: Decimal
    fee_asset: str
    realized_pnl: Decimal
    maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class LedgerPosition:
    """Signed quantity in base currency (short < 0) and its average entry price."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    realized_pnl: Decimal
    update_time_ms: int


@dataclass(frozen=True, slots=True)
class LedgerIncome:
    """One change of the wallet: `COMMISSION`, `REALIZED_PNL`, `FUNDING_FEE` or `TRANSFER`; received > 0."""

    income_id: int
    symbol: str
    income_type: str
    asset: str
    amount: Decimal
    time_ms: int
    trade_id: int | None
    funding_id: int | None
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class LedgerBalance:
    asset: str
    wallet_balance: Decimal


@dataclass(frozen=True, slots=True)
class LedgerAsset:
    """One asset of the spot or margin wallet."""

    asset: str
    free: Decimal
    locked: Decimal
    borrowed: Decimal
    interest: Decimal


@dataclass(frozen=True, slots=True)
class LedgerFlow:
    """One change of an asset: `amount` of what is held, `owed` of what is owed; `kind` as in `venue.events`."""

    transaction_id: int
    symbol: str
    asset: str
    kind: str
    amount: Decimal
    owed: Decimal
    trade_id: int | None
    time_ms: int


class LedgerReader:
    """Opens the ledger of a data folder (or the file itself) for each question. Raises `LedgerError`."""

    def __init__(self, path: Path) -> None:
        self.path = path / FILE_NAME if path.is_dir() else path
        if not self.path.is_file():
            raise LedgerError(f"there is no venue ledger at {self.path}: has the paper venue run with this folder?")

    def orders(self, product: Product = Product.PERPETUAL) -> list[LedgerOrder]:
        """Every order of a product ever accepted, by order id."""
        rows = self._read("SELECT * FROM orders ORDER BY order_id", _order)
        return [one for one in rows if Product.of(one.symbol) is product]

    def trades(self, product: Product = Product.PERPETUAL) -> list[LedgerTrade]:
        """Every fill of a product, by trade id."""
        rows = self._read("SELECT * FROM trades ORDER BY trade_id", _trade)
        return [one for one in rows if Product.of(one.symbol) is product]

    def positions(self) -> list[LedgerPosition]:
        """Positions of all symbols ever traded, flat ones included."""
        return self._read("SELECT * FROM positions ORDER BY symbol", _position)

    def income(self) -> list[LedgerIncome]:
        """Every change of the wallet, oldest first."""
        return self._read("SELECT * FROM income ORDER BY income_id", _income)

    def wallet(self, product: Product) -> list[LedgerAsset]:
        """Assets of the spot or the margin wallet."""
        rows = self._read(
            "SELECT wallet, asset, free, locked, borrowed, interest FROM wallets ORDER BY asset",
            lambda row: (row[0], LedgerAsset(row[1], *(Decimal(one) for one in row[2:]))),
        )
        return [one for wallet, one in rows if wallet == product]

    def flows(self, product: Product) -> list[LedgerFlow]:
        """Every reason why the spot or the margin wallet changed, oldest first."""
        rows = self._read(
            "SELECT wallet, transaction_id, symbol, asset, kind, amount, owed, trade_id, time_ms FROM wallet_flows "
            "ORDER BY flow_id",
            lambda row: (row[0], _flow(row[1:])),
        )
        return [one for wallet, one in rows if wallet == product]

    def balances(self) -> list[LedgerBalance]:
        """USDⓈ-M wallet balances by asset."""
        return self._read(
            "SELECT asset, wallet_balance FROM balances ORDER BY asset",
            lambda row: LedgerBalance(row[0], Decimal(row[1])),
        )

    def initial_balance(self) -> Decimal:
        """What the wallet began with."""
        rows = self._read("SELECT value FROM meta WHERE key = 'initial_balance'", lambda row: Decimal(row[0]))
        if not rows:
            raise LedgerError(
                f"the ledger {self.path} has no initial balance: the venue never finished its first start"
            )
        return rows[0]

    def _read(self, query: str, row_to: Callable[[tuple[Any, ...]], T]) -> list[T]:
        try:
            with closing(
                sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
            ) as connection:
                return [row_to(row) for row in connection.execute(query)]
        except sqlite3.Error as error:
            raise LedgerError(f"cannot read the venue's ledger {self.path}: {error}") from error


def _order(row: tuple[Any, ...]) -> LedgerOrder:
    return LedgerOrder(
        order_id=row[0],
        client_order_id=row[1],
        symbol=row[2],
        side=row[3],
        type=row[4],
        time_in_force=row[5],
        reduce_only=bool(row[6]),
        price=Decimal(row[7]),
        quantity=Decimal(row[8]),
        executed_quantity=Decimal(row[9]),
        executed_value=Decimal(row[10]),
        status=row[11],
        time_ms=row[12],
        update_time_ms=row[13],
    )


def _trade(row: tuple[Any, ...]) -> LedgerTrade:
    return LedgerTrade(
        trade_id=row[0],
        order_id=row[1],
        client_order_id=row[2],
        symbol=row[3],
        side=row[4],
        price=Decimal(row[5]),
        quantity=Decimal(row[6]),
        value=Decimal(row[7]),
        fee=Decimal(row[8]),
        fee_asset=row[9],
        realized_pnl=Decimal(row[10]),
        maker=bool(row[11]),
        time_ms=row[12],
    )


def _position(row: tuple[Any, ...]) -> LedgerPosition:
    return LedgerPosition(row[0], Decimal(row[1]), Decimal(row[2]), Decimal(row[3]), row[4])


def _flow(row: tuple[Any, ...]) -> LedgerFlow:
    return LedgerFlow(row[0], row[1], row[2], row[3], Decimal(row[4]), Decimal(row[5]), row[6], row[7])


def _income(row: tuple[Any, ...]) -> LedgerIncome:
    return LedgerIncome(
        income_id=row[0],
        symbol=row[1],
        income_type=row[2],
        asset=row[3],
        amount=Decimal(row[4]),
        time_ms=row[5],
        trade_id=row[6],
        funding_id=row[7],
        rate=None if row[8] is None else Decimal(row[8]),
    )
