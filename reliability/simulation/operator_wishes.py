"""An operator with the kill switch (RISK-8): asks the gateway, else writes the row, as `tapeline kill` does.

Noted is when the wish was told and when it was known to hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from connector.errors import ConnectorError
from connector.gateway.clock import Clock
from reliability.simulation.history import KillSwitchUse
from reliability.simulation.loop import VirtualLoop
from reliability.simulation.machines import Machine
from reliability.simulation.sim_ledger import SimulatedLedger
from topics.v1.control_pb2 import KillTrading, ReleaseTrading

PATIENCE_S = 3.0
BETWEEN_S = 0.5
BY, REASON = "operator", "simulation"


@dataclass(slots=True)
class Operator:
    """`tell` puts a control event for every symbol on the log. `uses` gets one entry for each kill and release.
    `owner` is venue:account.
    """

    loop: VirtualLoop
    gateway: Machine
    ledger: SimulatedLedger
    clock: Clock
    tell: Callable[..., None]
    uses: list[KillSwitchUse]
    owner: str

    async def kill(self, *, through_gateway: bool = True) -> None:
        """Until the gateway said that it is durable; where only the row could be written, until it is verified."""
        asked_s = self.loop.time()
        place = len(self.uses)
        self.uses.append(KillSwitchUse(asked_s, None, "kill"))
        through = await self._turn(self._killed if through_gateway else None, killed=True)
        self.tell(kill=KillTrading(reason=REASON))
        if through == "ledger":
            await self._verified()
        self.uses[place] = KillSwitchUse(asked_s, self.loop.time(), "kill", through)

    async def release(self) -> None:
        asked_s = self.loop.time()
        place = len(self.uses)
        self.uses.append(KillSwitchUse(asked_s, None, "release"))
        through = await self._turn(self._released, killed=False)
        self.uses[place] = KillSwitchUse(asked_s, self.loop.time(), "release", through)
        self.tell(release=ReleaseTrading(reason=REASON))

    async def _turn(self, call: Callable[[Any], Any] | None, *, killed: bool) -> str:
        """By whichever way works first; says which. Without a call: by the row alone."""
        while True:
            through = await self._through_gateway(call) if call else ""
            if through := through or await self._through_ledger(killed=killed):
                return through
            await asyncio.sleep(BETWEEN_S)

    async def _through_gateway(self, call: Callable[[Any], Any]) -> str:
        """As a call over gRPC: it runs in the gateway's process, if there is one, and may never be answered."""
        life = self.gateway.life
        if life is None or life.body.gateway is None or life.told.ready_s is None:
            return ""
        answered: asyncio.Future[None] = self.loop.create_future()

        async def carry_out() -> None:
            await call(life.body.gateway)
            if not answered.done():
                answered.set_result(None)

        self.loop.start(life.process, carry_out())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await answered
        except TimeoutError:
            return ""
        return "gateway"

    async def _killed(self, gateway: Any) -> None:
        gateway.kill(by=BY, reason=REASON)
        async for report in gateway.kill_reports():
            if report.durable:
                return

    async def _released(self, gateway: Any) -> None:
        while True:
            try:
                await gateway.release(by=BY, reason=REASON)
            except ConnectorError:
                await asyncio.sleep(BETWEEN_S)
            else:
                return

    async def _through_ledger(self, *, killed: bool) -> str:
        """The row alone: the gateway finds it with its next commit or look."""
        try:
            await self.ledger.turn_kill(
                self.owner, killed=killed, by=BY, reason=REASON, time_ms=self.clock.now_ns() // 1_000_000
            )
        except psycopg.OperationalError:
            return ""
        return "ledger"

    async def _verified(self) -> None:
        while True:
            with suppress(psycopg.OperationalError):
                if (await self.ledger.kill_of(self.owner)).verified_ms:
                    return
            await asyncio.sleep(BETWEEN_S)
