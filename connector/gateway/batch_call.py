"""The first try of several placements in one call of the venue. Each stays an order of its own in everything else.

It goes out when every order of the batch has come to its turn or has dropped out (denied, known before, cancelled), so
one of them never holds the others up. It never sends again: what failed for certain is tried again one by one.
"""

import asyncio
from collections.abc import Iterable

from connector.errors import OutcomeUnknownError
from connector.port import OrderRequest, VenueOrder, VenuePort


class BatchCall:
    """`client_order_ids`: of all orders that will `place` or `leave`."""

    def __init__(self, port: VenuePort, client_order_ids: Iterable[str]) -> None:
        self._port = port
        self._missing = set(client_order_ids)
        self._complete = asyncio.Event()
        self._joined: list[tuple[OrderRequest, asyncio.Future[VenueOrder]]] = []

    def speaks(self, client_order_id: str) -> bool:
        """One order of the call: what came of it counts as one call's outcome."""
        return bool(self._joined) and self._joined[0][0].client_order_id == client_order_id

    def leave(self, client_order_id: str) -> None:
        """This order is not to be waited for (any more)."""
        self._missing.discard(client_order_id)
        if not self._missing:
            self._complete.set()

    async def place(self, request: OrderRequest) -> VenueOrder:
        """The outcome of this order. Raises VenueError."""
        mine: asyncio.Future[VenueOrder] = asyncio.get_running_loop().create_future()
        first = not self._joined
        self._joined.append((request, mine))
        self.leave(request.client_order_id)
        if first:
            await self._complete.wait()
            await self._call()
        return await mine

    async def _call(self) -> None:
        try:
            outcomes = list(await self._port.place_batch([request for request, _ in self._joined]))
        except Exception as error:  # noqa: BLE001  whatever it was, each of the orders may have arrived
            outcomes = [OutcomeUnknownError(f"the batch ended in {type(error).__name__}: {error}")] * len(self._joined)
        if len(outcomes) != len(self._joined):
            told = f"the venue told of {len(outcomes)} orders of a batch of {len(self._joined)}"
            outcomes = [OutcomeUnknownError(told)] * len(self._joined)
        for (_, future), outcome in zip(self._joined, outcomes, strict=True):
            if isinstance(outcome, VenueOrder):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)
