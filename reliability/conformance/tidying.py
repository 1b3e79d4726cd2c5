"""Leaves a venue as it was found: cancels what a case placed, closes what it opened. On Ctrl-C too."""

from __future__ import annotations

from connector.errors import OrderNotFoundError, VenueError
from reliability.conformance.case import CaseFailedError, NotTriedError
from reliability.conformance.stage import Stage
from topics.v1.common_pb2 import SIDE_BUY, SIDE_SELL

_OFTEN = 3


async def tidy(stage: Stage) -> str:
    """What could not be put right, for people; empty where all is as before. Raises nothing of the venue's."""
    left = ""
    for _ in range(_OFTEN):
        try:
            await _cancel_mine(stage)
            await _as_before(stage)
        except (VenueError, CaseFailedError, NotTriedError) as error:
            left = f"{type(error).__name__}: {error}"
        else:
            return ""
    return left


async def _cancel_mine(stage: Stage) -> None:
    """By the list of open orders, until it has none of ours."""

    async def none_is_open() -> bool:
        mine = [it for it in await stage.port.open_orders(stage.symbol) if it.client_order_id in stage.mine]
        for order in mine:
            try:
                await stage.port.cancel(stage.symbol, venue_order_id=order.venue_order_id)
            except OrderNotFoundError:
                continue  # it ended by itself; the list will say so
        return not mine

    if not await stage.becomes(none_is_open):
        raise CaseFailedError("orders of this run stay open although they were cancelled")


async def _as_before(stage: Stage) -> None:
    """On spot what is too little for an order stays."""
    if lots := await stage.opened_lots():
        side = SIDE_SELL if lots > 0 else SIDE_BUY
        await stage.port.place(stage.at_market(side, abs(lots), reduce_only=not stage.spot))

        async def flat() -> bool:
            return await stage.opened_lots() == 0

        if not await stage.becomes(flat):
            raise CaseFailedError(f"{stage.symbol} is not held as before this run")


async def require_untouched(stage: Stage) -> None:
    """A run with real keys begins on a symbol where nobody has anything. Raises NotTriedError."""
    found = await stage.port.open_orders(stage.symbol)
    if found:
        raise NotTriedError(f"{len(found)} orders are open on {stage.symbol}: cancel them, or choose --symbol")
    if not stage.spot and (lots := await stage.held_lots()):
        raise NotTriedError(f"there is a position of {lots} lots in {stage.symbol}: close it, or choose --symbol")
