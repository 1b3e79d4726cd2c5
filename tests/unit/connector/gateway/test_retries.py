"""When a call to the venue is made again, and after how long."""

import pytest

from connector.errors import InsufficientFundsError, NotSentError, OutcomeUnknownError, RateLimitedError, VenueError
from connector.gateway import metrics
from connector.gateway.retries import wait_s, with_retries
from connector.gateway.settings import RetrySettings
from tests.unit.connector.gateway.quick_clock import QuickClock

EXACT = RetrySettings(jitter=0)


def test_waits_double_from_a_tenth_of_a_second_up_to_the_cap() -> None:
    """WF-4: 100 ms first, factor 2, cap 60 s; the venue's own wish counts, within the cap."""
    assert [wait_s(EXACT, attempt=n, key="k") for n in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, 0.8]
    assert wait_s(EXACT, attempt=20, key="k") == 60
    assert wait_s(EXACT, attempt=1, key="k", asked_s=5) == 5
    assert wait_s(EXACT, attempt=1, key="k", asked_s=500) == 60


def test_jitter_spreads_orders_and_is_the_same_each_time() -> None:
    """WF-4: with jitter, without chance: a run can be repeated exactly."""
    waits = {wait_s(RetrySettings(), attempt=1, key=str(key)) for key in range(100)}
    assert len(waits) == 100
    assert all(0.1 <= wait <= 0.12 for wait in waits)
    assert wait_s(RetrySettings(), attempt=1, key="a") == wait_s(RetrySettings(), attempt=1, key="a")


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (NotSentError("x"), 4),
        (RateLimitedError("x"), 4),
        (OutcomeUnknownError("x"), 1),
        (InsufficientFundsError("x"), 1),
    ],
)
async def test_only_what_may_be_tried_again_is(error: VenueError, calls: int) -> None:
    """WF-4, WF-6: at most three retries, each counted; never for what is uncertain or refused."""
    made = 0

    async def call() -> None:
        nonlocal made
        made += 1
        raise error

    before = [metrics.RETRIES.labels("test", str(n))._value.get() for n in (1, 2, 3)]
    with pytest.raises(type(error)):
        await with_retries(
            call,
            endpoint="test",
            key="k",
            again_on=(NotSentError, RateLimitedError),
            settings=EXACT,
            clock=QuickClock(),
        )
    counted = [metrics.RETRIES.labels("test", str(n))._value.get() for n in (1, 2, 3)]
    assert made == calls
    assert [after - was for after, was in zip(counted, before, strict=True)] == [float(calls > n) for n in (1, 2, 3)]
