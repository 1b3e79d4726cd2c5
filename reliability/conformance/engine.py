"""The matching engine in this process as a subject: no network, so what is about the network does not apply."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from itertools import count
from typing import Final

from reliability.conformance.case import Need, NotTriedError, Product, Verdict
from reliability.conformance.subject import Call, Fault, Lack, Subject
from reliability.engine_port import EnginePort
from venue.orders import Side

SYMBOL: Final = "ETHUSDT"
PATIENCE_S: Final = 5.0
_MID_TICKS: Final = 230_000
_BALANCE: Final = Decimal(10_000)
_WALLET: Final = {"USDT": _BALANCE}
_TICK_S: Final = 0.01
_MARKET_STEP_MS: Final = 20_000
_RATE: Final = Decimal("0.0001")
_INTERVAL_MS: Final = 28_800_000
_NO_NETWORK: Final = Lack(Verdict.NOT_APPLICABLE, "calls are function calls: there is no network to fail")


class EngineDriver:
    """Pulls the strings of an `EnginePort`."""

    def __init__(self, port: EnginePort) -> None:
        self._port = port

    async def fill(self, symbol: str, client_order_id: str, lots: int) -> None:
        self._port.fill(symbol, client_order_id, lots)

    async def cut_user_stream(self) -> None:
        self._port.cut_user_stream()
        asyncio.get_running_loop().call_later(0.1, self._port.restore_user_stream)

    async def answer_next(self, call: Call, fault: Fault) -> None:
        raise NotTriedError(f"{_NO_NETWORK.words} ({call.value}, {fault.value})")

    async def settle_funding(self, symbol: str) -> None:
        self._port.settle_funding(symbol, _RATE, interval_ms=_INTERVAL_MS)


@asynccontextmanager
async def engine_subject(
    made: type[EnginePort] = EnginePort,
    *,
    product: Product = Product.PERPETUAL,
    patience_s: float = PATIENCE_S,
) -> AsyncIterator[Subject]:
    """A new engine, its market moving until the block ends."""
    port = made(SYMBOL, mid_ticks=_MID_TICKS, balance=_BALANCE, spot=_WALLET if product is Product.SPOT else None)
    market = asyncio.create_task(_play(port), name="market of the engine")
    try:
        yield Subject(
            venue="engine",
            product=product,
            through="in this process",
            where="the matching engine",
            symbol=SYMBOL,
            open=lambda: port,
            patience_s=patience_s,
            driver=EngineDriver(port),
            lacks={
                Need.ALONE: Lack(Verdict.NOT_APPLICABLE, "there is no connection that could be closed"),
                Need.FAULT: _NO_NETWORK,
                Need.WRONG_KEY: Lack(Verdict.NOT_APPLICABLE, "it has no keys"),
            },
        )
    finally:
        market.cancel()
        await asyncio.gather(market, return_exceptions=True)


async def _play(port: EnginePort) -> None:
    """A market that stands: quotes of changing sizes, and trades whose clock runs fast, for candles."""
    for step in count():
        port.quote(_MID_TICKS - 1, _MID_TICKS + 1, lots=1_000 + step % 7)
        side = Side.BUY if step % 2 else Side.SELL
        time_ms = time.time_ns() // 1_000_000 + step * _MARKET_STEP_MS
        port.trade(_MID_TICKS + (1 if step % 2 else -1), 5 + step % 3, side, time_ms=time_ms)
        await asyncio.sleep(_TICK_S)
