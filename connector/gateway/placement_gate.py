"""What holds placements back, and placements only: the circuit breaker and the venue's Retry-After (WF-6, ORD-3).

Nothing waits here: a call that may not go out is refused at once, before anything was sent. Cancels, look-ups and reads
never come by. A person is told when the breaker opens and when it closes.
"""

from connector.errors import NotSentError, OutcomeUnknownError, RateLimitedError, VenueUnavailableError
from connector.gateway import metrics
from connector.gateway.alerts import Alerts
from connector.gateway.breaker import Asked, Breaker, Heard, State, decide, evolve
from connector.gateway.clock import Clock
from connector.gateway.errors import BreakerOpenError
from connector.gateway.settings import BreakerSettings
from topics.v1.alerts_pb2 import SEVERITY_CRITICAL, SEVERITY_INFO, Severity

_NOT_SERVED = (OutcomeUnknownError, NotSentError, RateLimitedError, VenueUnavailableError)
_ALMOST_S = 0.001
"""A sleep may end this much early by rounding."""


class PlacementGate:
    def __init__(self, settings: BreakerSettings, clock: Clock, alerts: Alerts) -> None:
        self._settings = settings
        self._clock = clock
        self._alerts = alerts
        self._breaker = Breaker()
        self._held_until_s = 0.0
        self._run = 0
        self._times_opened = 0

    @property
    def state(self) -> State:
        return self._breaker.state

    def begin(self, run: int) -> None:
        """`run` tells this process from those before it in the ids of alerts."""
        self._run = run
        metrics.BREAKER_STATE.set(self.state)

    def enter(self) -> None:
        """A placement is about to go out. Raises RateLimitedError, to be tried again, or BreakerOpenError."""
        if not self._held_until_s and self._breaker.state is State.CLOSED:
            return
        now_s = self._clock.monotonic()
        held_s = self._held_until_s - now_s
        if held_s > _ALMOST_S:
            metrics.FAST_REJECTIONS.labels("rate_limited").inc()
            raise RateLimitedError(
                f"the venue asked for a pause of placements, {held_s:.1f} s of it are left; nothing was sent", held_s
            )
        self._held_until_s = 0.0
        if not decide(self._breaker, now_s, self._settings):
            metrics.FAST_REJECTIONS.labels("breaker_open").inc()
            raise BreakerOpenError(
                f"the circuit breaker of placements is {self.state.name.lower()} because the venue failed too often; "
                "nothing was sent. A later placement is let through to see whether the venue serves again"
            )
        self._take(evolve(self._breaker, Asked(now_s), self._settings), "")

    def heard(self, error: BaseException | None) -> None:
        """What came of a placement that went out; None: the venue took it."""
        failed = isinstance(error, _NOT_SERVED)
        if not failed and self._breaker.state is State.CLOSED and not self._breaker.failed:
            return
        now_s = self._clock.monotonic()
        if isinstance(error, RateLimitedError) and error.retry_after_s:
            self._held_until_s = max(self._held_until_s, now_s + error.retry_after_s)
        self._take(evolve(self._breaker, Heard(now_s, failed), self._settings), str(error or ""))

    def _take(self, after: Breaker, reason: str) -> None:
        before, self._breaker = self._breaker.state, after
        if after.state is before:
            return
        metrics.BREAKER_STATE.set(after.state)
        metrics.BREAKER_TRANSITIONS.labels(after.state.name.lower()).inc()
        if before is State.CLOSED:
            self._times_opened += 1
            text = (
                f"the circuit breaker of placements is open: at least {self._settings.failures} calls failed within "
                f"{self._settings.window_s:g} s, the last with: {reason}. Placements are rejected; cancels go on"
            )
            self._tell("BREAKER_OPEN", text, SEVERITY_CRITICAL)
        elif after.state is State.CLOSED:
            text = "the venue serves again: the circuit breaker of placements is closed"
            self._tell("BREAKER_CLOSED", text, SEVERITY_INFO)

    def _tell(self, code: str, text: str, severity: Severity.ValueType) -> None:
        self._alerts.tell(code, f"{self._run}/{self._times_opened}", text, severity=severity)
