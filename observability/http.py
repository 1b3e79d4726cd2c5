"""The small HTTP server every process runs beside its work: `/health`, `/status`, `/metrics` (OBS-4, OBS-1).

`/health` says the process lives (always 200 while the event loop turns); `/status` says how each component
does (503 when one is not ok); `/metrics` is the Prometheus text format. It must not do work of the process
itself, change anything, or show a secret: what `/status` shows passes the same redaction as the logs.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from observability.logs import redact

Status = Mapping[str, Any]
_TASKS = Gauge("asyncio_tasks", "Tasks of the event loop that have not ended")


class PortTakenError(RuntimeError):
    """The port a process was told to listen on belongs to another one."""

    def __init__(self, host: str, port: int, purpose: str) -> None:
        super().__init__(
            f"port {port} on {host} ({purpose}) is taken by another program; "
            f"stop that program or choose another port in the configuration"
        )
        self.host = host
        self.port = port


class OperationsServer:
    """`async with OperationsServer(host, port, status=components):` serves until the block ends.

    `status` is called for each request to `/status` and returns JSON-able components by name; a component
    that is a mapping with `"ok": False` makes the answer 503. Port 0 takes a free one: read it from
    `.port`. Raises PortTakenError when the port is in use.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        status: Callable[[], Status],
        process_name: str = "",
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self.host = host
        self.port = port
        self._status = status
        self._process_name = process_name
        self._registry = registry
        self._started = time.monotonic()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/status", self._components),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, self.host, self.port, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise PortTakenError(
                    self.host, self.port, f"health and metrics of {self._process_name or 'this process'}"
                ) from error
            raise
        self.port = runner.addresses[0][1]
        self._runner = runner
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ok", **self._identity()})

    async def _components(self, _request: web.Request) -> web.Response:
        components = redact(None, "status", dict(self._status()))
        broken = [name for name, it in components.items() if isinstance(it, Mapping) and it.get("ok") is False]
        body = {"ok": not broken, "not_ok": broken, **self._identity(), "components": components}
        return _json(body, status=503 if broken else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        _TASKS.set(len(asyncio.all_tasks()))
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    def _identity(self) -> dict[str, Any]:
        return {
            "process": self._process_name,
            "pid": os.getpid(),
            "uptime_s": round(time.monotonic() - self._started, 3),
            "time_ms": time.time_ns() // 1_000_000,
        }


def _json(body: Status, status: int = 200) -> web.Response:
    return web.Response(
        body=orjson.dumps(body, default=str), status=status, headers={"Content-Type": "application/json"}
    )
