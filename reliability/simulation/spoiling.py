"""How each safeguard is taken out: from the real function or method to one that does without it.

Which safeguard a spoilt function stands for is told in `defects`. Must not: judge, or leave anything behind a run.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from agents.folding import fold
from connector.errors import OutcomeUnknownError, VenueError
from connector.gateway.ledger import Batch
from connector.gateway.lifecycle import TERMINAL
from projections.tables import Tables
from topics.v1.orders_pb2 import ORDER_STATUS_ACCEPTED, ORDER_STATUS_REJECTED


def forgets_ids(real: Any) -> Any:
    def taken(self: Any, batch: Batch) -> Any:
        for order in batch.claims:
            self._database.orders.pop(order.id, None)
        return real(self, batch)

    return taken


def claim_not_awaited(real: Any) -> Any:
    def claim(self: Any, order: Any, position: Any = None) -> Any:
        real(self, order, position)
        return _done()

    return claim


def claim_after_send(real: Any) -> Any:
    def claim(self: Any, order: Any, position: Any = None) -> Any:
        def late() -> None:
            with suppress(Exception):  # the gateway may have ended by then
                real(self, order, position)

        asyncio.get_running_loop().call_later(0.5, late)
        return _done()

    return claim


def _done() -> asyncio.Future[None]:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def unfenced(real: Any) -> Any:
    async def commit(self: Any, batch: Batch) -> Any:
        self._epoch = self._database.epochs.get(self._owner, self._epoch)
        return await real(self, batch)

    return commit


def not_asked_again(_real: Any) -> Any:
    async def still_ours(_self: Any, owned_s: float) -> float:
        return owned_s

    return still_ours


def blind_retry(real: Any) -> Any:
    async def with_retries(call: Any, *, again_on: Any, **rest: Any) -> Any:
        return await real(call, again_on=(*again_on, OutcomeUnknownError), **rest)

    return with_retries


def timeout_is_refusal(_real: Any) -> Any:
    def uncertain(self: Any, client_order_id: str, error: Exception, **_: Any) -> None:
        self._end(client_order_id, ORDER_STATUS_REJECTED, "TIMEOUT", str(error))

    return uncertain


def first_look_decides(real: Any) -> Any:
    async def look(self: Any, order: Any, _missed: int) -> Any:
        return await real(self, order, 1)

    return look


def fills_repeat(real: Any) -> Any:
    def on_fill(order: Any, *rest: Any) -> Any:
        return real(replace(order, trade_ids=frozenset()), *rest)

    return on_fill


def end_is_not_final(real: Any) -> Any:
    def status(order: Any, *rest: Any) -> Any:
        return real(replace(order, status=ORDER_STATUS_ACCEPTED) if order.status in TERMINAL else order, *rest)

    return status


def late_fill_ignored(real: Any) -> Any:
    def on_fill(order: Any, *rest: Any) -> Any:
        return [] if order.status in TERMINAL else real(order, *rest)

    return on_fill


def newest_report_wins(real: Any) -> Any:
    def on_report(order: Any, report: Any, *rest: Any) -> Any:
        # -1: nothing was filled yet and this is news, whatever the order knows
        older = report.filled_lots < order.filled_lots
        return real(replace(order, filled_lots=-1) if older else order, report, *rest)

    return on_report


def wish_forgotten(real: Any) -> Any:
    async def commit(self: Any, batch: Batch) -> Any:
        changes = {name: replace(order, cancel_requested=False) for name, order in batch.changes.items()}
        return await real(self, replace(batch, cancels=[], changes=changes))

    return commit


def done_when_read(real: Any) -> Any:
    def begin(self: Any, position: Any) -> None:
        real(self, position)
        self.finish(position)

    return begin


def mark_ahead(real: Any) -> Any:
    async def fetch(self: Any, symbol: str, since_ms: int) -> Any:
        executions = await self._desk.port.fills(symbol, since_trade_id=self._marks.get(symbol, ""))
        if executions:
            self._marks[symbol] = executions[-1].fill.trade_id
            self._desk.journal.write([], marks={symbol: self._marks[symbol]})
        return await real(self, symbol, since_ms)

    return fetch


def starts_blind(_real: Any) -> Any:
    async def start_up(self: Any) -> Any:
        for symbol in self._desk.instruments:
            await self._set_first_mark(symbol)
        return await self._finish(0)

    return start_up


def ledger_first(real: Any) -> Any:
    async def turn(self: Any) -> None:
        page = self._page
        if page.orders or page.fills:
            self._group.change(page.orders, page.fills, {})
        await real(self)

    return turn


def no_limit(_real: Any) -> Any:
    return lambda *_, **__: None


def outbox_forgotten(_real: Any) -> Any:
    return lambda _record: []


def always_true(_real: Any) -> Any:
    return lambda *_: True


def outputs_first(_real: Any) -> Any:
    async def take_in(self: Any, _granted: Any, facts: Any) -> bool:
        folded = fold(self.agent, self.keys, facts, self._terms)
        await self._producer.send_all(folded.outputs)
        await self._producer.send_all(folded.states)
        return True

    return take_in


def rows_after_offsets(real: Any) -> Any:
    async def write(self: Any, tables: Any, offsets: Any, ends: Any) -> None:
        await real(self, Tables(), offsets, ends)
        await asyncio.sleep(0.1)
        await real(self, tables, offsets, ends)

    return write


def kill_unseen(real: Any) -> Any:
    async def commit(self: Any, batch: Batch) -> Any:
        known, kills, self._database.kills = self._kill, self._database.kills, {}
        try:
            return await real(self, batch)
        finally:
            self._kill, self._database.kills = known, kills

    return commit


def kill_forgotten(real: Any) -> Any:
    async def start(self: Any, venue: str, account: str, holder: str) -> Any:
        self._database.kills.pop(f"{venue}:{account}", None)
        return await real(self, venue, account, holder)

    return start


def cancels_wait(real: Any) -> Any:
    async def send(self: Any, client_order_id: str, first: Any) -> None:
        desk = self._desk
        while True:
            try:
                desk.gate.enter()
                break
            except VenueError:
                await desk.clock.sleep(0.5)
        await real(self, client_order_id, first)

    return send


def one_not_counted(real: Any) -> Any:
    def compare(self: Any, request: Any, known: Any) -> Any:
        self.duplicates_suppressed -= 1
        return real(self, request, known)

    return compare


def details_not_compared(real: Any) -> Any:
    def compare(self: Any, _request: Any, known: Any) -> Any:
        return real(self, known.request, known)

    return compare
