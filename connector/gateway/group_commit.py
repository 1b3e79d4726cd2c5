"""Many claims, few transactions: what gathers while one is in flight goes into the next one.

Claims and cancel requests are waited for and start a transaction at once; changes already said on the log, fills and
finished intents may wait a moment for a transaction to ride along with. A failed commit is final: whether it happened
is not known, so every waiter gets the error and the process ends.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.gateway import metrics
from connector.gateway.background import Background
from connector.gateway.clock import Clock
from connector.gateway.crash_points import reach
from connector.gateway.errors import ClaimsTakenError
from connector.gateway.intent_progress import IntentProgress
from connector.gateway.ledger import Batch, IntentPosition, Ledger
from connector.gateway.lifecycle import Order
from connector.port import VenueFill
from topics.v1.orders_pb2 import OrderUpdate


@dataclass(frozen=True, slots=True)
class _Claim:
    """`done`: the order that has the id already, None where it is new. `position`: of the intent it is for."""

    done: "asyncio.Future[Order | None]"
    position: IntentPosition | None


class GroupCommit:
    def __init__(self, ledger: Ledger, clock: Clock, background: Background, *, flush_delay_s: float) -> None:
        self.progress = IntentProgress()
        self._ledger = ledger
        self._clock = clock
        self._background = background
        self._flush_delay_s = flush_delay_s
        self._batch = Batch()
        self._claims: dict[str, _Claim] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._timed = False

    def claim(self, order: Order, position: IntentPosition | None = None) -> "asyncio.Future[Order | None]":
        """In line at once. Durable, with the intent's offset, when it gives None; otherwise the order that has this id
        already: then whoever says so of the intent finishes it. A killed account's claim is given back as denied.

        One claim an id at a time. A cancel requested after this call can never be committed before it.
        """
        future = self._future()
        self._batch.claims.append(order)
        self._claims[order.id] = _Claim(future, position)
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
        batch, self._batch, self._timed = self._batch, Batch(), False
        claims, self._claims = self._claims, {}
        waiting, self._waiting = self._waiting, []
        batch.positions = self.progress.moved()
        begin = self._clock.monotonic()
        _at(batch, "before")
        try:
            given_back = await self._write(batch, claims)
        except BaseException as error:
            self._background.fail(error)
            # those in line for the next one too: there is none
            everyone: list[asyncio.Future[Any]] = [
                *(claim.done for claim in (*claims.values(), *self._claims.values())),
                *waiting,
                *self._waiting,
            ]
            for waiter in everyone:
                _fail(waiter, error)
            raise
        _at(batch, "after")
        metrics.COMMITS.observe((self._clock.monotonic() - begin) * 1000)
        self.progress.take(batch.positions)
        for client_order_id, claim in claims.items():
            if not claim.done.done():
                claim.done.set_result(given_back.get(client_order_id))
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def _write(self, batch: Batch, claims: Mapping[str, _Claim]) -> Mapping[str, Order]:
        """Leaves out what is claimed already, with the offset of its intent: whether the two contradict each other is
        not known here, and an intent that does is not done before somebody was told."""
        taken: dict[str, Order] = {}
        while True:
            try:
                return {**taken, **await self._ledger.commit(batch)}
            except ClaimsTakenError as error:
                taken.update(error.orders)
                batch.claims = [order for order in batch.claims if order.id not in error.orders]
                for position in (claims[client_order_id].position for client_order_id in error.orders):
                    if position is not None:
                        self.progress.reopen(position)
                left = self.progress.moved()  # with what is in line for the next one by now: not this one's to store
                batch.positions = {it: min(left[it], then) for it, then in batch.positions.items() if it in left}

    def _future(self) -> "asyncio.Future[Any]":
        self._background.check()
        return asyncio.get_running_loop().create_future()

    def _finish(self, position: IntentPosition | None) -> None:
        if position is not None:
            self.progress.finish(position)

    def _soon(self) -> None:
        """Once a batch: what goes with a claim meanwhile needs no transaction of its own."""
        if not self._timed:
            self._timed = True
            self._background.spawn(self._wake_later(self._batch), name="ledger flush")

    async def _wake_later(self, batch: Batch) -> None:
        await self._clock.sleep(self._flush_delay_s)
        if batch is self._batch:
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
