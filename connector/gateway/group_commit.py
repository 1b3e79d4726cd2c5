"""Many claims, few transactions: what gathers while one is in flight goes into the next one.

Claims and cancel requests are waited for and start a transaction at once; changes already said on the log, fills and
finished intents may wait a moment for a transaction to ride along with. A failed commit is final: whether it happened
is not known, so every waiter gets the error and the process ends.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from connector.gateway import metrics
from connector.gateway.background import Background
from connector.gateway.clock import Clock
from connector.gateway.crash_points import reach
from connector.gateway.intent_progress import IntentProgress
from connector.gateway.ledger import Batch, IntentPosition, Ledger
from connector.gateway.lifecycle import Order
from connector.port import VenueFill
from topics.v1.orders_pb2 import OrderUpdate


class GroupCommit:
    def __init__(self, ledger: Ledger, clock: Clock, background: Background, *, flush_delay_s: float) -> None:
        self.progress = IntentProgress()
        self._ledger = ledger
        self._clock = clock
        self._background = background
        self._flush_delay_s = flush_delay_s
        self._batch = Batch()
        self._claims: dict[str, asyncio.Future[Order | None]] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._timer_runs = False

    def claim(self, order: Order, position: IntentPosition | None = None) -> "asyncio.Future[Order | None]":
        """In line at once. Durable when it gives None; otherwise the order that has this id already.

        One claim an id at a time. A cancel requested after this call can never be committed before it.
        """
        future = self._future()
        self._batch.claims.append(order)
        self._claims[order.id] = future
        self._finish(position)
        self._wake.set()
        return future

    async def request_cancels(self, client_order_ids: Sequence[str], position: IntentPosition | None = None) -> None:
        """Durable when it returns."""
        self._batch.cancels.extend(client_order_ids)
        self._finish(position)
        await self.flush()

    async def flush(self) -> None:
        """Returns when all handed over so far is durable; also proves that this gateway is not fenced."""
        future = self._future()
        self._waiting.append(future)
        self._wake.set()
        await future

    def change(
        self,
        orders: Sequence[Order],
        fills: Sequence[VenueFill],
        marks: dict[str, str],
        *,
        said: Sequence[OrderUpdate] = (),
    ) -> None:
        """Soon durable. For what was said on the log already; `said`: corrections."""
        self._batch.said_corrections.extend((update.symbol, update.fill.trade_id) for update in said)
        self._batch.changes.update({order.id: order for order in orders})
        self._batch.fills.extend(fills)
        self._batch.marks.update(marks)
        self._soon()

    async def before_said(self, corrections: Sequence[OrderUpdate], concluded: Sequence[Order]) -> None:
        """Durable when it returns; to be said then. See Batch."""
        self._batch.corrections.extend(corrections)
        self._batch.concluded.extend(concluded)
        await self.flush()

    def begin_positions(self, lots: dict[str, int]) -> "asyncio.Future[None]":
        """In line at once, before any execution booked after this call. `lots` by symbol."""
        self._batch.begun_positions.update(lots)
        future = self._future()
        self._waiting.append(future)
        self._wake.set()
        return future

    def skip(self, position: IntentPosition | None) -> None:
        """An intent that needs nothing durable but its own offset."""
        self._finish(position)
        self._soon()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._commit()

    async def _commit(self) -> None:
        batch, self._batch = self._batch, Batch()
        claims, self._claims = self._claims, {}
        waiting, self._waiting = self._waiting, []
        batch.positions = self.progress.take_moved()
        begin = self._clock.monotonic()
        _at(batch, "before")
        try:
            existing = await self._ledger.commit(batch)
        except BaseException as error:
            self._background.fail(error)
            # those in line for the next one too: there is none
            everyone: list[asyncio.Future[Any]] = [
                *claims.values(),
                *waiting,
                *self._claims.values(),
                *self._waiting,
            ]
            for waiter in everyone:
                _fail(waiter, error)
            raise
        _at(batch, "after")
        metrics.COMMITS.observe((self._clock.monotonic() - begin) * 1000)
        for client_order_id, claim in claims.items():
            if not claim.done():
                claim.set_result(existing.get(client_order_id))
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _future(self) -> "asyncio.Future[Any]":
        self._background.check()
        return asyncio.get_running_loop().create_future()

    def _finish(self, position: IntentPosition | None) -> None:
        if position is not None:
            self.progress.finish(position)

    def _soon(self) -> None:
        if not self._timer_runs:
            self._timer_runs = True
            self._background.spawn(self._wake_later(), name="ledger flush")

    async def _wake_later(self) -> None:
        try:
            await self._clock.sleep(self._flush_delay_s)
        finally:
            self._timer_runs = False
        self._wake.set()


def _at(batch: Batch, when: str) -> None:
    if batch.claims:
        reach(f"{when}_claim_commit")
    if batch.positions:
        reach(f"{when}_offset_commit")
    if batch.cancels and when == "before":
        reach("before_cancel_commit")


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if future.done():
        return
    if isinstance(error, asyncio.CancelledError):
        future.cancel()
    else:
        future.set_exception(error)
