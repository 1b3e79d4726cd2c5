"""When we and the venue are compared, and what follows when that cannot be done: nothing is placed (ORD-6).

At start placing is halted from the first moment; later it is once no comparison has succeeded for the time a person
set. Reads and cancels go on, a person is told, and the next success ends the halt.
"""

import asyncio
from typing import Any

from connector.errors import VenueError
from connector.gateway import metrics
from connector.gateway.desk import Desk
from connector.gateway.reconciliation import Reconciliation
from observability.logs import get_logger
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL, SEVERITY_INFO

_log = get_logger(__name__)
RECONCILIATION_FAILED = "RECONCILIATION_FAILED"
RECONCILED = "RECONCILED"


class Reconciling:
    """`decided` is set once intents can be answered: the account is reconciled, or placing is halted for longer."""

    def __init__(self, desk: Desk, reconciliation: Reconciliation) -> None:
        self.ready = asyncio.Event()
        self.decided = asyncio.Event()
        self._desk = desk
        self._reconciliation = reconciliation
        self._epoch = 0
        self._failures = 0
        self._halts = 0
        self._told = ""
        self._good_at = 0.0

    async def begin(self, epoch: int) -> None:
        self._epoch = epoch
        self._good_at = self._desk.clock.monotonic()
        await self.now()

    async def run(self) -> None:
        """Until cancelled; sooner again after a failure."""
        settings = self._desk.settings
        while True:
            pause_s = settings.reconcile_interval_s
            if self._failures:
                pause_s = min(pause_s, settings.lookup_retry_s * 2 ** min(self._failures - 1, 16))
            await self._desk.clock.sleep(pause_s)
            await self.now()

    async def now(self) -> bool:
        """Whether we and the venue agree now. Raises nothing a venue can answer."""
        begun = self._desk.clock.monotonic()
        try:
            work = self._reconciliation.run if self.ready.is_set() else self._reconciliation.start_up
            corrections = await work()
        except VenueError as error:
            self._failed(error)
            return False
        self._good_at = begun
        self._succeeded(corrections)
        return True

    def status(self) -> dict[str, Any]:
        return {
            "reconciliations": self._reconciliation.runs,
            "last_corrections": self._reconciliation.last_corrections,
            "reconciled_s_ago": round(self._desk.clock.monotonic() - self._good_at, 1) if self.ready.is_set() else None,
            "reconciliation_failures": self._failures,
        }

    def _succeeded(self, corrections: int) -> None:
        if not self.ready.is_set() or self._desk.halted:
            _log.info("reconciled with the venue", corrections=corrections, epoch=self._epoch)
        if self._told:
            text = f"reconciled with the venue again after {self._failures} failures; orders are placed again"
            self._desk.alerts.tell(RECONCILED, self._told, text, severity=SEVERITY_INFO)
        self._failures, self._told = 0, ""
        self._desk.halted = ""
        metrics.HALTED.set(0)
        self.ready.set()
        self.decided.set()

    def _failed(self, error: VenueError) -> None:
        self._failures += 1
        _log.warning("reconciliation failed, will be repeated", error=str(error), failures=self._failures)
        patience_s = self._desk.settings.reconcile_patience_s
        late = self._desk.clock.monotonic() - self._good_at >= patience_s
        if late or not self.ready.is_set():
            self._desk.halted = f"not reconciled with the venue: {error}"
            metrics.HALTED.set(1)
        if late and not self._told:
            self._halts += 1
            self._told = f"{self._epoch}/{self._halts}"
            self._desk.alerts.tell(
                RECONCILIATION_FAILED,
                self._told,
                f"we and the venue could not be compared for {patience_s:g} s, last: {error}. Nothing is placed until "
                "that succeeds; it is tried again and again, cancels and reads go on",
                severity=SEVERITY_CRITICAL,
            )
            self.decided.set()
