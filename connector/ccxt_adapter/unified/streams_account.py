"""What changed in an account since it was last told, from ccxt's whole pictures of it. Pure.

Balances and positions are states: of several changes between two looks the newest is the truth, and nothing is lost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connector.ccxt_adapter.instruments import Listing
from connector.ccxt_adapter.unified import account_messages as messages
from topics.v1.account_pb2 import AccountPosition, Balance

ItemT = TypeVar("ItemT")


@dataclass(slots=True)
class AccountChanges:
    """`listings` by unified symbol."""

    listings: Mapping[str, Listing]
    _balances: dict[str, Balance] = field(default_factory=dict)
    _positions: dict[str, AccountPosition] = field(default_factory=dict)

    def balances(self, picture: Mapping[str, Any]) -> list[Balance]:
        """Those that differ from what was told."""
        return _news(self._balances, {balance.asset: balance for balance in messages.balances(picture)})

    def positions(self, cache: Any) -> list[AccountPosition]:
        """Those that differ from what was told, flat ones too; `cache` is ccxt's, by type of market or not."""
        by_symbol: dict[str, list[Mapping[str, Any]]] = {symbol: [] for symbol in self.listings}
        for raw in entries_of(cache):
            if raw["symbol"] in by_symbol:
                by_symbol[raw["symbol"]].append(raw)
        now = {
            symbol: messages.position(_in_force(sides), self.listings[symbol])
            for symbol, sides in by_symbol.items()
            if sides or symbol in self._positions
        }
        return _news(self._positions, now)


def entries_of(cache: Any) -> Iterable[Mapping[str, Any]]:
    """Of ccxt's cache of positions, which some venues keep by type of market."""
    if isinstance(cache, Mapping):
        return [raw for of_type in cache.values() for raw in of_type]
    return cache or ()


def _in_force(sides: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """ccxt keeps both sides of an instrument, the newest last; an account that holds one at a time holds the newest."""
    return sides if sides and sides[-1].get("hedged") else sides[-1:]


def _news(told: dict[str, ItemT], now: Mapping[str, ItemT]) -> list[ItemT]:
    changed = {name: item for name, item in now.items() if told.get(name) != item}
    told.update(changed)
    return list(changed.values())
