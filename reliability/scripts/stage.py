"""One script's stage: a paper venue of its own, real ccxt, the real gateway with short waits, and a log to look at.

The trader's hands are here (place, cancel, restart) and the venue's strings (misbehave, happen). Must not: judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from connector.ccxt_adapter.opening import OpenedVenue, open_venue
from connector.errors import VenueError
from connector.gateway.gateway import Gateway
from connector.gateway.ledger import Ledger
from connector.gateway.placing import PlaceResult
from connector.gateway.settings import GatewaySettings, RetrySettings, RiskLimits
from connector.port import OrderRequest, StreamLost
from connector.settings import VenueConnection
from observability.logs import get_logger
from reliability.result import TrialError
from reliability.venue_strings import VenueStrings
from topics.identifiers import client_order_id
from topics.scale import Scale
from topics.v1.common_pb2 import ORDER_TYPE_LIMIT, SIDE_BUY, TIME_IN_FORCE_GTC, Grain
from topics.v1.orders_pb2 import OWNERSHIP_OURS, OrderUpdate
from venue.edge import StreamTrouble
from venue.main import running
from venue.misbehaviour import Effect, Script
from venue.settings import VenueSettings

SYMBOL = "BTCUSDT"
OTHER_SYMBOL = "ETHUSDT"
LOTS = 10
TIMEOUT_S = 0.4
"""How long the adapter waits for an answer; a venue that answers later has not answered."""
WAIT_S = 10.0
"""For what must come: far longer than it takes, so that only a missing one is late."""
SETTINGS = GatewaySettings(
    retry=RetrySettings(initial_s=0.02, cap_s=1.5),
    unknown_lookup_delay_s=0.05,
    lookup_retry_s=0.1,
    visibility_delay_s=0.5,
    reconcile_interval_s=0.4,
)
LIMITS = RiskLimits(max_exposure_quote=Decimal(1_000_000))
_KEY, _SECRET = SecretStr("key-of-a-trial"), SecretStr("secret-of-a-trial")
_BELOW_MARKET = Decimal("0.95")
_LOOK_EVERY_S = 0.02
NewLedger = Callable[[], Ledger]
NewPort = Callable[[VenueConnection], OpenedVenue]
_log = get_logger(__name__)


class Log:
    """What the gateways published, in order; waits for what is to come.

    `lives`: where in `updates` each gateway began. After a kill the next one may repeat what was said, never omit.
    """

    def __init__(self) -> None:
        self.updates: list[OrderUpdate] = []
        self.lives: list[int] = []
        self._changed = asyncio.Condition()

    async def publish(self, updates: list[OrderUpdate]) -> None:
        async with self._changed:
            self.updates.extend(updates)
            self._changed.notify_all()

    async def until(self, holds: Callable[[list[OrderUpdate]], bool]) -> bool:
        """Whether it held before `WAIT_S` were over."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: holds(self.updates)), WAIT_S)
            except TimeoutError:
                return False
        return True

    def of(self, client_order_id: str) -> list[OrderUpdate]:
        """Said by the gateway of today, of the order of ours that has this id."""
        mine = self.updates[self.lives[-1] :]
        return [it for it in mine if it.client_order_id == client_order_id and it.ownership == OWNERSHIP_OURS]

    def of_each_life(self) -> list[list[OrderUpdate]]:
        ends = [*self.lives[1:], len(self.updates)]
        return [self.updates[begin:end] for begin, end in zip(self.lives, ends, strict=True)]


class Stage:
    """`gateway` is the one that runs now; `restart` kills it and starts another on the same ledger."""

    def __init__(
        self, folder: Path, port: int, symbols: tuple[str, ...], new_ledger: NewLedger, new_port: NewPort
    ) -> None:
        self.folder = folder
        self.log = Log()
        self._address = f"http://127.0.0.1:{port}"
        self._strings = VenueStrings(self._address)
        self._symbols = symbols
        self._new_ledger = new_ledger
        self._new_port = new_port
        self._ledger: Ledger
        self._tasks: list[asyncio.Task[None]] = []
        self._happened = 0
        self._listening = asyncio.Event()
        self.port: OpenedVenue
        self.gateway: Gateway

    # --- the trader -----------------------------------------------------------------------------------

    def request(self, number: int, *, symbol: str = SYMBOL, **changes: Any) -> OrderRequest:
        """A buy that rests below the market; the higher its number, the lower its price."""
        made = OrderRequest(
            symbol=symbol,
            client_order_id=order_id(number),
            side=SIDE_BUY,
            type=ORDER_TYPE_LIMIT,
            time_in_force=TIME_IN_FORCE_GTC,
            price_ticks=self._prices[symbol] - 10 * number,
            quantity_lots=LOTS,
        )
        return replace(made, **changes)

    async def place(self, number: int, **changes: Any) -> PlaceResult:
        return await self.gateway.place(self.request(number, **changes))

    async def cancel(self, number: int, symbol: str = SYMBOL) -> OrderUpdate:
        return await self.gateway.cancel(symbol, order_id(number))

    async def told(self, number: int, status: int, filled_lots: int = 0) -> None:
        """Returns once the gateway has said this of the order. Raises TimeoutError where it never does."""
        name = order_id(number)

        def said(updates: list[OrderUpdate]) -> bool:
            return any(
                it.client_order_id == name and it.status == status and it.filled_lots >= filled_lots for it in updates
            )

        if not await self.log.until(said):
            raise TimeoutError(f"order {number} was never said to have status {status} and {filled_lots} lots filled")

    async def comes_true(self, holds: Callable[[], Awaitable[bool]]) -> bool:
        """Whether it held before `WAIT_S` were over."""
        limit = asyncio.get_running_loop().time() + WAIT_S
        while not await holds():
            if asyncio.get_running_loop().time() > limit:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)
        return True

    async def restart(self) -> None:
        """Ends the gateway as kill -9 does: nothing is finished. Then another one starts on the same ledger."""
        await self._end_gateway()
        await self.start()

    # --- the venue ------------------------------------------------------------------------------------

    async def misbehave(self, script: Script) -> None:
        """From now on, in place of what was asked before."""
        await self._strings.misbehave(script)

    async def happen(self, *effects: Effect) -> None:
        await self._strings.happen(*effects)
        self._happened += len(effects)

    async def trouble(self, kind: StreamTrouble) -> None:
        """Of the user stream that is open now."""
        self._listening.clear()
        await self._strings.trouble(kind)
        self._happened += 1

    def grain(self, symbol: str) -> Grain:
        return self._instruments[symbol].grain

    async def untouched(self) -> list[str]:
        """The script's rules that had nothing to touch."""
        return await self._strings.untouched()

    async def faults(self) -> int:
        """What the venue did that a good one does not: requests and messages touched, and what it was made to do."""
        return await self._strings.touched() + self._happened

    async def listening(self) -> None:
        """Returns once the user stream is up again after the last trouble, and what was missed is fetched."""
        await asyncio.wait_for(self._listening.wait(), WAIT_S)

    # --- its life -------------------------------------------------------------------------------------

    async def start(self) -> None:
        address = self._address
        self.port = self._new_port(
            VenueConnection(
                rest_url=address,
                ws_url=address.replace("http", "ws"),
                api_key=_KEY,
                api_secret=_SECRET,
                symbols=self._symbols,
                timeout_s=TIMEOUT_S,
                reconnect_delays_s=(0.05, 0.1, 0.2),
            )
        )
        await self._connect()
        self._ledger = self._new_ledger()
        self.log.lives.append(len(self.log.updates))
        self.gateway = Gateway(self.port, self._ledger, self.log.publish, self._instruments, LIMITS, settings=SETTINGS)
        await self.gateway.start()
        self._listening.clear()
        self._tasks = [asyncio.create_task(self._orders()), asyncio.create_task(self._account())]
        await asyncio.wait_for(self._listening.wait(), WAIT_S)
        if not await self.comes_true(self._trades):
            raise TrialError(f"the gateway did not start to trade: {self.gateway.status()['halted']}")

    async def close(self) -> None:
        await self.gateway.stop()
        await self._end_gateway()

    async def _connect(self) -> None:
        """Tries on: on a busy machine even a good venue answers later than the short timeout of a trial."""
        retrying = AsyncRetrying(
            stop=stop_after_delay(WAIT_S),
            wait=wait_fixed(_LOOK_EVERY_S),
            retry=retry_if_exception_type(VenueError),
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    self._instruments = {it.symbol: it for it in await self.port.start()}
                    self._prices = {it: await self._resting_ticks(it) for it in self._symbols}
        except VenueError as error:
            await self.port.close()
            raise TrialError(f"the venue of the trial did not answer within {WAIT_S:g} s: {error}") from error

    async def _trades(self) -> bool:
        return not self.gateway.status()["halted"]

    async def _end_gateway(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.gateway._desk.background.stop()  # noqa: SLF001 - a kill asks nobody
        await self._ledger.close()
        await self.port.close()

    async def _orders(self) -> None:
        async for report in self.port.order_reports():
            if isinstance(report, StreamLost):
                await self.gateway.on_stream_lost()
                self._listening.set()
            else:
                await self.gateway.on_report(report)

    async def _account(self) -> None:
        async for update in self.port.account_updates():
            if not isinstance(update, StreamLost):
                await self.gateway.on_account(update)
                continue
            try:
                await self.gateway.on_account(await self.port.snapshot())
            except VenueError as error:
                _log.info("snapshot_missed", reason=str(error))

    async def _resting_ticks(self, symbol: str) -> int:
        return Scale.of(self.grain(symbol)).ticks_down(await self.port.mark_price(symbol) * _BELOW_MARKET)


def order_id(number: int) -> str:
    return client_order_id(strategy="script", venue="paper", symbol=SYMBOL, slot=number, side="BUY", epoch=0, attempt=0)


def _still_market(folder: Path, symbols: Sequence[str]) -> list[Path]:
    """A tape of one quote each: nothing fills but what is made to."""
    folder.mkdir(parents=True)
    tapes = []
    for symbol in symbols:
        tape = folder / f"{symbol.removesuffix('USDT').lower()}-usdt.csv"
        tape.write_text("time_ms,bid,bid_size,ask,ask_size\n1700000000000,4300.00,100,4300.10,100\n")
        tapes.append(tape)
    return tapes


@asynccontextmanager
async def staged(
    folder: Path, symbols: Sequence[str], new_ledger: NewLedger, new_port: NewPort = open_venue
) -> AsyncIterator[Stage]:
    """A venue whose market stands still, and a gateway that trades on it; both ended afterwards."""
    settings = VenueSettings(
        port=0, data_dir=folder, api_key=_KEY, api_secret=_SECRET, tapes=_still_market(folder, symbols), misbehaves=True
    )
    async with running(settings) as port:
        stage = Stage(folder, port, tuple(symbols), new_ledger, new_port)
        await stage.start()
        try:
            yield stage
        finally:
            await stage.close()
