"""What the gateway wants a person to know: said once on the topic `alerts`, and in the structured log (OBS-2).

An alert's id names its occurrence, so the same occurrence said again (after a restart, too) is recognised downstream.
Nothing waits for an alert to be said; a log that does not take it ends the process, as for everything else.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from connector.gateway.background import Background
from connector.gateway.clock import Clock
from observability.logs import get_logger
from topics.identifiers import event_id
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL, SEVERITY_INFO, SEVERITY_WARNING, Alert, Severity

_log = get_logger(__name__)
SOURCE = "connector"
_REMEMBERED = 10_000

# Returns when the log has them.
PublishAlerts = Callable[[Sequence[Alert]], Awaitable[None]]


class Alerts:
    """`publish` None: alerts go to the structured log only. `run` says what `tell` gathered."""

    def __init__(
        self, publish: PublishAlerts | None, clock: Clock, background: Background, *, venue: str, account: str
    ) -> None:
        self._publish = publish
        self._clock = clock
        self._background = background
        self._venue = venue
        self._account = account
        self._told: OrderedDict[str, None] = OrderedDict()
        self._waiting: list[Alert] = []
        self._wake = asyncio.Event()

    def tell(
        self,
        code: str,
        subject: object,
        text: str,
        *,
        symbol: str = "",
        severity: Severity.ValueType = SEVERITY_WARNING,
    ) -> bool:
        """False when this occurrence was told before.

        `code` is stable, e.g. "ORDER_UNKNOWN"; `subject` names the one occurrence of it: an order's id, a trade id, an
        epoch and a number. Never free text, never a clock.
        """
        alert_id = event_id(SOURCE, self._venue, self._account, code, subject)
        if alert_id in self._told:
            return False
        self._told[alert_id] = None
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        say = {SEVERITY_CRITICAL: _log.error, SEVERITY_INFO: _log.info}.get(severity, _log.warning)
        say("alert", code=code, subject=str(subject), symbol=symbol, text=text)
        if self._publish is None:
            return True
        self._waiting.append(
            Alert(
                alert_id=alert_id,
                source=SOURCE,
                severity=severity,
                code=code,
                venue=self._venue,
                symbol=symbol,
                text=text,
                time_ms=self._clock.now_ns() // 1_000_000,
            )
        )
        self._wake.set()
        return True

    async def run(self) -> None:
        """Until cancelled; a failed log fails the gateway."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.said()

    async def said(self) -> None:
        """Returns when the log has every alert told so far."""
        waiting, self._waiting = self._waiting, []
        if not waiting or self._publish is None:
            return
        try:
            await self._publish(waiting)
        except BaseException as error:
            self._background.fail(error)
            raise
