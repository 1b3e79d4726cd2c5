"""Alerts are told once an occurrence, and say themselves without anybody waiting."""

import asyncio
from collections.abc import Sequence

import pytest

from connector.gateway.alerts import Alerts, PublishAlerts
from connector.gateway.background import Background
from tests.unit.connector.gateway.given import ACCOUNT, VENUE
from tests.unit.connector.gateway.quick_clock import QuickClock
from topics.v1.alerts_pb2 import Alert


def alerts_to(publish: PublishAlerts | None, background: Background | None = None) -> Alerts:
    return Alerts(publish, QuickClock(), background or Background(), venue=VENUE, account=ACCOUNT)


async def test_an_occurrence_is_told_once_under_an_id_any_restart_makes_again() -> None:
    """OBS-2: deterministic ids; a repeat is not said, another subject is."""
    said: list[Alert] = []

    async def publish(alerts: Sequence[Alert]) -> None:
        said.extend(alerts)

    for _ in range(2):
        alerts = alerts_to(publish)
        assert alerts.tell("ORDER_UNKNOWN", "tl1", "nobody knows")
        assert not alerts.tell("ORDER_UNKNOWN", "tl1", "still not")
        assert alerts.tell("ORDER_UNKNOWN", "tl2", "another")
        await alerts.said()
    ids = [alert.alert_id for alert in said]
    assert ids[:2] == ids[2:] == [f"connector/{VENUE}/{ACCOUNT}/ORDER_UNKNOWN/{it}" for it in ("tl1", "tl2")]


async def test_without_a_log_alerts_are_told_all_the_same() -> None:
    """OBS-2: the structured log has them."""
    assert alerts_to(None).tell("ORDER_UNKNOWN", "tl1", "nobody knows")


async def test_a_log_that_takes_no_alert_fails_the_gateway() -> None:
    """OBS-2: an alert is never dropped in silence."""

    async def publish(_: Sequence[Alert]) -> None:
        raise ConnectionError("the log is gone")

    background = Background()
    alerts = alerts_to(publish, background)
    running = asyncio.ensure_future(alerts.run())
    alerts.tell("ORDER_UNKNOWN", "tl1", "nobody knows")
    with pytest.raises(ConnectionError):
        await background.wait_failed()
    await asyncio.gather(running, return_exceptions=True)
