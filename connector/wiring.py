"""What a running connector consists of, for its own process and for the simulated one: its streams' keys and its work.

Must not: open, start or stop anything.
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

from connector.gateway.gateway import Gateway
from connector.publisher import Publisher
from connector.pumps import Pumps
from topics.catalogue import ACCOUNT, FUNDING, INSTRUMENTS, MARKET, ORDERS, Topic
from topics.log import Log

Work = Callable[[], Coroutine[Any, Any, None]]


def keys_of(venue: str, account: str, symbols: Iterable[str]) -> Mapping[Topic[Any], list[str]]:
    """Under which keys the connector writes, by topic."""
    by_instrument = [f"{venue}:{symbol}" for symbol in symbols]
    topics: tuple[Topic[Any], ...] = (INSTRUMENTS, MARKET, FUNDING, ORDERS)
    return {**dict.fromkeys(topics, by_instrument), ACCOUNT: [f"{venue}:{account}"]}


def works(publisher: Publisher, pumps: Pumps, gateway: Gateway, symbols: Iterable[str], intents: Log) -> list[Work]:
    """All that goes on until the connector stops; it stops where one of them ends. `intents`: the log they are on."""
    symbols = tuple(symbols)
    return [
        publisher.run,
        pumps.orders,
        pumps.account_changes,
        pumps.snapshots,
        *(partial(pumps.market, symbol) for symbol in symbols),
        *(partial(pumps.funding, symbol) for symbol in symbols),
        partial(gateway.run_intents, intents),
    ]
