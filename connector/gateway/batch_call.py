"""The first try of several placements in one call of the venue. Each stays an order of its own in everything else.

It goes out when every order of the batch has come to its turn or has dropped out (denied, known before, cancelled), so
one of them never holds the others up. What an order has to be asked before it is sent is asked then, of each and with
nothing in between: the first of them may have waited long. It never sends again: what failed for certain is tried again
one by one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from connector.errors import OutcomeUnknownError
from connector.port import OrderRequest, VenueOrder, VenuePort


@dataclass(frozen=True, slots=True)
class _Joined:
    request: OrderRequest
    leaves: Callable[[], object]
    outcome: "asyncio.Future[VenueOrder]"


class BatchCall:
    """`client_order_ids`: of all orders that will `place` or `leave`."""

    def __init__(self, port: VenuePort, client_order_ids: Iterable[str]) -> None:
        self._port = port
        self._missing = set(client_order_ids)
        self._complete = asyncio.Event()
        self._joined: list[_Joined] = []

    def speaks(self, client_order_id: str) -> bool:
        """One order of the call: what came of it counts as one call's outcome."""
        return bool(self._joined) and self._joined[0].request.client_order_id == client_order_id

    def leave(self, client_order_id: str) -> None:
        """This order is not to be waited for (any more)."""
        self._missing.discard(client_order_id)
        if not self._missing:
            self._complete.set()

    async def place(
        self, request: OrderRequest, *, still_ours: Callable[[], Awaitable[None]], leaves: Callable[[], object]
    ) -> VenueOrder:
        """The outcome of this order. Raises VenueError, and what `still_ours` and `leaves` raise.

        `still_ours` is waited for once the batch is complete, that of the first order for all. Then `leaves` of each is
        called; an order whose `leaves` raises does not go out with the others.
        """
        mine: asyncio.Future[VenueOrder] = asyncio.get_running_loop().create_future()
        first = not self._joined
        self._joined.append(_Joined(request, leaves, mine))
        self.leave(request.client_order_id)
        if first:
            await self._complete.wait()
            await self._call(still_ours)
        return await mine

    async def _call(self, still_ours: Callable[[], Awaitable[None]]) -> None:
        try:
            await still_ours()
        except Exception as error:  # noqa: BLE001  whatever it was, nothing was sent and each order's placement ends by it
            for it in self._joined:
                it.outcome.set_exception(error)
            return
        self._joined = [it for it in self._joined if _leaves(it)]
        if not self._joined:
            return
        try:
            outcomes = list(await self._port.place_batch([it.request for it in self._joined]))
        except Exception as error:  # noqa: BLE001  whatever it was, each of the orders may have arrived
            outcomes = [OutcomeUnknownError(f"the batch ended in {type(error).__name__}: {error}")] * len(self._joined)
        if len(outcomes) != len(self._joined):
            told = f"the venue told of {len(outcomes)} orders of a batch of {len(self._joined)}"
            outcomes = [OutcomeUnknownError(told)] * len(self._joined)
        for it, outcome in zip(self._joined, outcomes, strict=True):
            if isinstance(outcome, VenueOrder):
                it.outcome.set_result(outcome)
            else:
                it.outcome.set_exception(outcome)


def _leaves(joined: _Joined) -> bool:
    try:
        joined.leaves()
    except Exception as error:  # noqa: BLE001  it is this order's outcome; the others go out
        joined.outcome.set_exception(error)
        return False
    return True
