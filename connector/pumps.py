"""What flows from the venue's streams: to the log, to the gateway, to the account view. Each pump is one coroutine.

No pump decides anything; one that fails ends the process (crash-only).
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from connector.account import AccountView
from connector.errors import VenueError
from connector.latest_prices import LatestPrices
from connector.port import OrderReport, StreamLost, VenuePort
from connector.publisher import Publisher
from observability.logs import get_logger
from topics.v1.account_pb2 import AccountUpdate, FundingPayment

_log = get_logger(__name__)
_REMEMBERED_MS = 7 * 24 * 3600 * 1000


class Listener(Protocol):
    """What the gateway wants to hear."""

    async def on_report(self, report: OrderReport) -> None: ...

    async def on_stream_lost(self) -> None: ...

    async def on_account(self, update: AccountUpdate) -> None: ...

    def on_mark_price(self, symbol: str, price: Decimal) -> None: ...


@dataclass(slots=True)
class Pumps:
    port: VenuePort
    publisher: Publisher
    gateway: Listener
    account: AccountView
    prices: LatestPrices
    snapshot_interval_s: float
    now_ns: Callable[[], int] = time.time_ns
    _paid: dict[str, int] = field(default_factory=dict)
    _snapshot_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def market(self, symbol: str) -> None:
        async for item in self.port.market(symbol):
            if not isinstance(item, StreamLost):
                self.prices.heard(symbol, item)
                self.publisher.offer_market(symbol, item, self.now_ns())

    async def funding(self, symbol: str) -> None:
        async for update in self.port.funding(symbol):
            price = Decimal(update.mark_price)
            self.gateway.on_mark_price(symbol, price)
            if price > 0:  # a market that has not begun has nothing to tell
                self.publisher.offer_funding(update)

    async def orders(self) -> None:
        async for report in self.port.order_reports():
            if isinstance(report, StreamLost):
                await self.gateway.on_stream_lost()
            else:
                await self.gateway.on_report(report)
            self.account.changed()

    async def account_changes(self) -> None:
        async for update in self.port.account_updates():
            self.account.changed()
            if isinstance(update, StreamLost):
                self._snapshot_wanted.set()
                continue
            fresh = self._not_told(update.funding_payments)
            del update.funding_payments[:]
            update.funding_payments.extend(fresh)
            await self._tell(update)

    async def snapshots(self) -> None:
        """All of the account at the start, when its stream is up again, and at the interval."""
        while True:
            self._snapshot_wanted.clear()
            try:
                snapshot = await self.port.snapshot()
                paid = await self.port.funding_payments(since_ms=max(self._paid.values(), default=0))
            except VenueError as error:
                _log.warning("account_snapshot_missed", reason=str(error))
            else:
                snapshot.funding_payments.extend(self._not_told(paid))
                await self._tell(snapshot)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.snapshot_interval_s):
                    await self._snapshot_wanted.wait()

    async def _tell(self, update: AccountUpdate) -> None:
        await self.gateway.on_account(update)
        await self.publisher.publish_account(update)

    def _not_told(self, payments: Iterable[FundingPayment]) -> list[FundingPayment]:
        fresh = [payment for payment in payments if payment.payment_id not in self._paid]
        self._paid |= {payment.payment_id: payment.time_ms for payment in fresh}
        newest = max(self._paid.values(), default=0)
        self._paid = {name: time_ms for name, time_ms in self._paid.items() if time_ms >= newest - _REMEMBERED_MS}
        return fresh
