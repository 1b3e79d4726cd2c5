"""One look at the venue that leaves nothing alive behind it: lists the open orders, cancels each that must go (RISK-8).

Needs the venue and nothing else: no log, no ledger, no order of ours in memory. Failures are counted, never raised, so
that one order or one symbol stops no other. It places nothing and never waits to try again: the next look does.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from connector.errors import OrderNotFoundError, RateLimitedError
from connector.port import VenueOrder, VenuePort
from observability.logs import get_logger
from topics.identifiers import is_ours

_log = get_logger(__name__)
_AT_ONCE = 16


@dataclass(slots=True)
class Look:
    """`found`: orders that had to go. `left`: those of them the venue did not cancel now. `problems`: what it said, or
    which symbol could not be asked. `retry_after_s`: the longest wait the venue asked for."""

    found: int = 0
    cancelled: int = 0
    left: int = 0
    problems: list[str] = field(default_factory=list)
    retry_after_s: float = 0.0

    @property
    def clean(self) -> bool:
        """The venue answered for every symbol, and nothing had to go."""
        return not self.found and not self.problems


class VenueSweep:
    """`wanted`: asked before each cancel, for the switch may be released meanwhile.

    `told` gets each order as the venue left it; `gone` symbol and venue order id of what it no longer has."""

    def __init__(
        self,
        port: VenuePort,
        *,
        wanted: Callable[[], bool],
        told: Callable[[VenueOrder], None],
        gone: Callable[[str, str], None],
    ) -> None:
        self._port = port
        self._wanted = wanted
        self._told = told
        self._gone = gone
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def look(
        self, symbols: Iterable[str], *, everything: bool, known: Mapping[str, Iterable[str]] | None = None
    ) -> Look:
        """`known`: venue order ids by symbol that must go though the venue may not list them yet. `everything`: orders
        of others too."""
        look = Look()
        known = known or {}
        await asyncio.gather(*(self._symbol(look, it, everything, known.get(it, ())) for it in symbols))
        return look

    async def _symbol(self, look: Look, symbol: str, everything: bool, known: Iterable[str]) -> None:
        try:
            async with self._room:
                listed = await self._port.open_orders(symbol)
        except Exception as error:  # noqa: BLE001  whatever it was, the other symbols and the known orders go on
            _note(look, f"{symbol}: {error}", error)
            listed = []
        ours = (it.venue_order_id for it in listed if everything or is_ours(it.client_order_id))
        wanted = dict.fromkeys(ours)  # in the venue's order: a simulated run repeats itself
        look.found += len(wanted)
        every = dict.fromkeys([*wanted, *known])
        await asyncio.gather(*(self._cancel(look, symbol, it, is_listed=it in wanted) for it in every))

    async def _cancel(self, look: Look, symbol: str, venue_order_id: str, *, is_listed: bool) -> None:
        try:
            async with self._room:
                if not self._wanted():
                    return
                answer = await self._port.cancel(symbol, venue_order_id=venue_order_id)
        except OrderNotFoundError:
            self._gone(symbol, venue_order_id)
        except Exception as error:  # noqa: BLE001  whatever it was, the other orders go on
            look.left += 1
            _note(look, f"{symbol} order {venue_order_id}: {error}", error)
        else:
            look.cancelled += 1
            look.found += not is_listed
            self._told(answer)


def _note(look: Look, text: str, error: Exception) -> None:
    _log.warning("the kill switch will look again", problem=text, kind=type(error).__name__)
    look.problems.append(text)
    if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
        look.retry_after_s = max(look.retry_after_s, error.retry_after_s)
