"""Short questions to our own processes on loopback: health, the venue's state, progress. It must not retry or queue."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import aiohttp


class HttpClient:
    """`async with HttpClient() as http:`; every call is over within two seconds."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def is_ok(self, url: str) -> bool:
        """Whether it answers 200."""
        try:
            async with self._session.get(url) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def get(self, url: str) -> dict[str, Any] | None:
        """The JSON object it answers, whatever the status; None when it does not answer one."""
        try:
            async with self._session.get(url) as answer:
                body = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
        return body if isinstance(body, dict) else None

    async def post(self, url: str, body: dict[str, Any]) -> bool:
        """Whether it was taken."""
        try:
            async with self._session.post(url, json=body) as answer:
                return answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
