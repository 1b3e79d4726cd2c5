"""The one way a call to the venue is made again (WF-4, WF-6): counted, logged, slower each time.

Jitter comes from the order's id and the attempt, not from chance: a run can be repeated exactly. Which errors may be
tried again is the caller's word, because for a placement and a cancel it differs.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from zlib import crc32

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from connector.errors import RateLimitedError, VenueError
from connector.gateway import metrics
from connector.gateway.clock import Clock
from connector.gateway.settings import RetrySettings
from observability.logs import get_logger

_log = get_logger(__name__)
ResultT = TypeVar("ResultT")


def wait_s(settings: RetrySettings, *, attempt: int, key: str, asked_s: float | None = None) -> float:
    """Seconds before try `attempt` + 1; `asked_s` is what the venue asked for. Never above the cap."""
    backoff = settings.initial_s * settings.factor ** (attempt - 1)
    spread = 1 + settings.jitter * (crc32(f"{key}/{attempt}".encode()) / 2**32)
    return min(settings.cap_s, max(backoff * spread, asked_s or 0.0))


async def with_retries(
    call: Callable[[], Awaitable[ResultT]],
    *,
    endpoint: str,
    key: str,
    again_on: tuple[type[VenueError], ...],
    settings: RetrySettings,
    clock: Clock,
    heeds_retry_after: bool = True,
    pause: Callable[[float], Awaitable[None]] | None = None,
) -> ResultT:
    """Raises what the last try raised. Each try's time goes to the latency histogram.

    `heeds_retry_after`: waits as long as the venue asks for. `pause` sleeps in place of the clock.

    The first try, nearly always the only one, goes without the retry machinery, which then starts from its error.
    """

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if heeds_retry_after and isinstance(error, RateLimitedError) else None
        return wait_s(settings, attempt=state.attempt_number, key=key, asked_s=asked_s)

    def note(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        metrics.RETRIES.labels(endpoint, str(state.attempt_number)).inc()
        _log.warning("venue call will be made again", endpoint=endpoint, attempt=state.attempt_number, error=str(error))

    async def timed() -> ResultT:
        begin = clock.monotonic()
        try:
            return await call()
        finally:
            metrics.LATENCY_MS.labels(endpoint).observe((clock.monotonic() - begin) * 1000)

    try:
        return await timed()
    except again_on as error:
        failed: VenueError | None = error

    async def next_try() -> ResultT:
        nonlocal failed
        if failed is not None:
            first, failed = failed, None
            raise first
        return await timed()

    retrying = AsyncRetrying(
        sleep=pause or clock.sleep,
        stop=stop_after_attempt(1 + settings.max_retries),
        wait=wait,
        retry=retry_if_exception_type(again_on),
        before_sleep=note,
        reraise=True,
    )
    return await retrying(next_try)
