"""A wallet of assets, as spot and cross margin have it: free, locked in orders, and on margin what is owed.

Amounts are Decimal with eight places. Must not: know orders, markets, loans' limits or the network.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from decimal import Decimal

from venue.account import ZERO


@dataclass(slots=True)
class AssetBalance:
    """One asset. `interest` is what is owed beside the borrowed principal."""

    asset: str
    free: Decimal = ZERO
    locked: Decimal = ZERO
    borrowed: Decimal = ZERO
    interest: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.free + self.locked

    @property
    def debt(self) -> Decimal:
        return self.borrowed + self.interest

    @property
    def net(self) -> Decimal:
        return self.total - self.debt


class Wallet:
    """Balances by asset; an asset never held is all zeros."""

    __slots__ = ("assets",)

    def __init__(self, free: Iterable[tuple[str, Decimal]] = ()) -> None:
        self.assets = {asset: AssetBalance(asset, amount) for asset, amount in free}

    def asset(self, name: str) -> AssetBalance:
        balance = self.assets.get(name)
        if balance is None:
            balance = self.assets[name] = AssetBalance(name)
        return balance

    def free(self, name: str) -> Decimal:
        balance = self.assets.get(name)
        return balance.free if balance else ZERO

    def add(self, name: str, amount: Decimal) -> None:
        """Change what is free (below zero takes away)."""
        self.asset(name).free += amount

    def lock(self, name: str, amount: Decimal) -> None:
        """Move from free to locked; below zero sets free again."""
        balance = self.asset(name)
        balance.free -= amount
        balance.locked += amount

    def snapshots(self, names: Iterable[str]) -> tuple[AssetBalance, ...]:
        """Copies that later changes do not touch."""
        return tuple(copy(self.asset(name)) for name in dict.fromkeys(names))
