"""Ticks and lots arrive as they were sent: no rounding on the way out, none on the way back (ORD-7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from connector.port import OrderRequest
from reliability.conformance.case import Case, CaseFailedError, must
from reliability.conformance.placing import same_as_asked
from reliability.conformance.stage import Stage
from topics.errors import OffGridError
from topics.v1.instruments_pb2 import INSTRUMENT_KIND_LINEAR_PERPETUAL, INSTRUMENT_KIND_SPOT


async def _every_tick(stage: Stage) -> None:
    """Ten neighbouring ticks, so that each last digit is among them."""
    lowest = stage.resting_buy_price() - 10
    await _as_sent(stage, [stage.limit(lowest + step) for step in range(10)])


async def _every_lot(stage: Stage) -> None:
    least = stage.lots(stage.scale.price(stage.resting_buy_price()))
    await _as_sent(stage, [stage.limit(lots=least + step) for step in (0, 1, 2, 3, 7)])


async def _off_grid(stage: Stage) -> None:
    half_tick, half_lot = stage.scale.tick_size / 2, stage.scale.lot_size / 2
    for what, count, value in (
        ("price", stage.scale.ticks, stage.mid + half_tick - stage.mid % stage.scale.tick_size),
        ("quantity", stage.scale.lots, half_lot),
    ):
        try:
            count(value)
        except OffGridError:
            continue
        raise CaseFailedError(f"a {what} of {value} lies between two steps and was taken")


async def _smallest(stage: Stage) -> None:
    request = stage.limit()
    lots = stage.least_lots(stage.scale.price(request.price_ticks))
    await _as_sent(stage, [stage.limit(request.price_ticks, lots)])


async def _instrument(stage: Stage) -> None:
    it = stage.instrument
    for name in ("venue", "symbol", "base_asset", "quote_asset", "margin_asset", "contract_size"):
        must(getattr(it, name), f"the instrument lacks {name}")
    must(it.base_asset != it.quote_asset, "base and quote must differ")
    must(Decimal(it.grain.tick_size) > 0 and Decimal(it.grain.lot_size) > 0, "tick and lot must be positive")
    must(Decimal(it.contract_size) > 0, f"the contract size is {it.contract_size!r}")
    must(it.min_notional and Decimal(it.min_notional) >= 0, f"the smallest notional is {it.min_notional!r}")
    must(it.min_quantity_lots >= 1, f"the smallest quantity is {it.min_quantity_lots} lots")
    must(
        it.max_quantity_lots == 0 or it.max_quantity_lots > it.min_quantity_lots,
        "largest and smallest quantity are mixed up",
    )
    must(it.trading, "the instrument is told as not trading")
    kind = INSTRUMENT_KIND_SPOT if stage.spot else INSTRUMENT_KIND_LINEAR_PERPETUAL
    must(it.kind == kind, "it is of another kind than the product")


async def _as_sent(stage: Stage, requests: list[OrderRequest]) -> None:
    for request in requests:
        same_as_asked(await stage.rest(request), request)
    listed = {it.client_order_id: it for it in await stage.port.open_orders(stage.symbol)}
    for request in requests:
        must(request.client_order_id in listed, f"{request.client_order_id} is not in the list of open orders")
        same_as_asked(listed[request.client_order_id], request)


CASES: Final = (
    Case("instrument-complete", "Tick, lot, limits, contract size, assets and kind are all there.", _instrument),
    Case("every-tick", "Prices one tick apart come back as the ticks they were sent as.", _every_tick),
    Case("every-lot", "Quantities one lot apart come back as the lots they were sent as.", _every_lot),
    Case("smallest-order", "The smallest order by notional and quantity is taken, as it was sent.", _smallest),
    Case("beyond-precision", "What lies between two ticks or lots is refused before it is an order.", _off_grid),
)
