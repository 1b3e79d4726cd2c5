"""Says each change on the log, then lets the ledger know that it was said: so a crash repeats, and never omits.

What the venue says can be asked for again. What only we say (a correction, an end we concluded) is durable before it
is said, or a crash in between would have its successor say something else.

One line for all orders: updates leave in the order they were decided; what gathers while a send is under way goes
with the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from connector.gateway.background import Background
from connector.gateway.crash_points import reach
from connector.gateway.group_commit import GroupCommit
from connector.gateway.lifecycle import Order
from connector.port import VenueFill
from topics.v1.orders_pb2 import OrderUpdate

Publish = Callable[[list[OrderUpdate]], Awaitable[None]]


@dataclass(slots=True)
class _Page:
    updates: list[OrderUpdate] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    fills: list[VenueFill] = field(default_factory=list)
    marks: dict[str, str] = field(default_factory=dict)
    corrections: list[OrderUpdate] = field(default_factory=list)
    concluded: list[Order] = field(default_factory=list)
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)


class Journal:
    def __init__(self, publish: Publish, group: GroupCommit, background: Background) -> None:
        self._publish = publish
        self._group = group
        self._background = background
        self._page = _Page()
        self._wake = asyncio.Event()

    @property
    def backlog(self) -> int:
        return len(self._page.updates)

    def write(
        self,
        updates: Sequence[OrderUpdate],
        *,
        orders: Sequence[Order] = (),
        fills: Sequence[VenueFill] = (),
        marks: dict[str, str] | None = None,
        corrections: Sequence[OrderUpdate] = (),
        concluded: Sequence[Order] = (),
    ) -> None:
        """`orders`: of ours, as the updates leave them. `marks`: true once everything written so far is said.

        Durable before they are said are `corrections`, those of the updates with a synthetic fill, and `concluded`,
        those of the orders whose end only we say.
        """
        self._page.concluded.extend(concluded)
        self._page.corrections.extend(corrections)
        self._page.updates.extend(updates)
        self._page.orders.extend(orders)
        self._page.fills.extend(fills)
        self._page.marks.update(marks or {})
        self._wake.set()

    async def said(self) -> None:
        """Returns when the log has everything written so far."""
        self._background.check()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._page.waiting.append(future)
        self._wake.set()
        await future

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._turn()

    async def _turn(self) -> None:
        page, self._page = self._page, _Page()
        try:
            if page.corrections or page.concluded:
                await self._group.before_said(page.corrections, page.concluded)
            if page.updates:
                reach("before_log")
                await self._publish(page.updates)
                reach("after_log_before_ledger")
        except BaseException as error:
            self._background.fail(error)
            for future in (*page.waiting, *self._page.waiting):  # of the next page too: there is none
                if not future.done():
                    future.cancel() if isinstance(error, asyncio.CancelledError) else future.set_exception(error)
            raise
        if page.orders or page.fills or page.marks or page.corrections:
            self._group.change(page.orders, page.fills, page.marks, said=page.corrections)
        for future in page.waiting:
            if not future.done():
                future.set_result(None)
