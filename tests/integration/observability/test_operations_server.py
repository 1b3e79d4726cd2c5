"""`/health`, `/status` and `/metrics` over a real socket on loopback."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from observability.http import OperationsServer, PortTakenError


async def get(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_health_says_the_process_lives_even_when_a_component_does_not() -> None:
    """OBS-4: /health is liveness, /status is each component."""
    components: dict[str, Any] = {
        "kafka": {"ok": False, "error": "connection refused"},
        "venue": {"ok": True},
    }
    async with OperationsServer("127.0.0.1", 0, status=lambda: components, process_name="connector") as server:
        health, body = await get(server.port, "/health")
        status, components_body = await get(server.port, "/status")
    assert health == 200
    assert '"process":"connector"' in body
    assert status == 503
    assert '"not_ok":["kafka"]' in components_body
    assert "connection refused" in components_body


async def test_status_is_200_when_all_is_well_and_shows_no_secret() -> None:
    """OBS-4: no secrets on a page either."""
    async with OperationsServer("127.0.0.1", 0, status=lambda: {"venue": {"ok": True, "secret": "abcdef"}}) as server:
        status, body = await get(server.port, "/status")
    assert status == 200
    assert "abcdef" not in body


async def test_metrics_are_prometheus_text() -> None:
    """OBS-1: metrics are exported on every process."""
    registry = CollectorRegistry()
    Counter("retry_attempts", "Retries.", ["endpoint"], registry=registry).labels("order").inc(2)
    async with OperationsServer("127.0.0.1", 0, status=dict, registry=registry) as server:
        status, body = await get(server.port, "/metrics")
    assert status == 200
    assert 'retry_attempts_total{endpoint="order"} 2.0' in body


async def test_tasks_that_have_not_ended_are_counted() -> None:
    """OBS-1, GRPC-6: a leak of tasks is seen from outside."""

    async def tasks(port: int) -> float:
        _, body = await get(port, "/metrics")
        return next(float(line.split()[1]) for line in body.splitlines() if line.startswith("asyncio_tasks "))

    async with OperationsServer("127.0.0.1", 0, status=dict) as server:
        before = await tasks(server.port)
        waiting = [asyncio.create_task(asyncio.Event().wait()) for _ in range(3)]
        assert await tasks(server.port) == before + 3
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await tasks(server.port) == before


async def test_a_taken_port_is_a_clear_error() -> None:
    """OPS-1: a taken port is named, with what to do."""
    async with OperationsServer("127.0.0.1", 0, status=dict) as first:
        second = OperationsServer("127.0.0.1", first.port, status=dict, process_name="agents")
        with pytest.raises(
            PortTakenError, match=rf"port {first.port} on 127.0.0.1 \(health and metrics of agents\) is taken"
        ):
            async with second:
                pass
