"""A client's way to the connector: connects with patience, comes back with the same, fails with the address (GRPC-5).

One channel for good, so that a stream that has to come back ends no call of another.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import grpc
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, stop_after_attempt, wait_exponential

from connector.transport_security import TlsFiles, bearer, channel_credentials
from connector.v1.connector_pb2_grpc import ConnectorServiceStub
from observability.logs import get_logger, hide
from topics.errors import TapelineError

if TYPE_CHECKING:
    from connector.v1.connector_pb2_grpc import ConnectorServiceAsyncStub

_log = get_logger(__name__)


class ConnectorUnreachableError(TapelineError):
    """No connector answered at this address within the attempts."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`connect_timeout_s` an attempt, waits of 1, 2, 4 … `longest_wait_s` in between, `attempts` in all."""

    attempts: int = 10
    connect_timeout_s: float = 10.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0

    def wait_s(self, failures: int) -> float:
        """Before the next try after so many failed ones."""
        return min(self.first_wait_s * float(2 ** (failures - 1)), self.longest_wait_s)


class Connection:
    """`tls` None: without TLS. A `token` goes with every call."""

    def __init__(self, address: str, patience: Patience, *, tls: TlsFiles | None, token: str) -> None:
        hide(token)
        self.address = address
        self.patience = patience
        self.metadata = bearer(token)
        self.stub: ConnectorServiceAsyncStub
        self._credentials = None if tls is None else channel_credentials(tls)
        self._channel: grpc.aio.Channel | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Returns at once while connected. All that wait share the attempts, and their failure.

        Raises ConnectorUnreachableError with the address and the number of attempts.
        """
        if self._channel is not None and self._channel.get_state() is grpc.ChannelConnectivity.READY:
            return
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._ended)
        connecting = self._connecting
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            if connecting.cancelled():
                raise ConnectorUnreachableError(f"the client of {self.address} was closed") from None
            raise

    async def close(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def _connect(self) -> None:
        if self._channel is None:
            self._channel = self._open()
            self.stub = cast("ConnectorServiceAsyncStub", ConnectorServiceStub(self._channel))
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self.patience.attempts),
            wait=wait_exponential(multiplier=self.patience.first_wait_s, max=self.patience.longest_wait_s),
            retry=retry_if_exception_type(TimeoutError),
            before_sleep=lambda state: _log.warning(
                "connector_unreachable", address=self.address, attempt=state.attempt_number
            ),
        )
        try:
            async for attempt in attempts:
                with attempt:
                    async with asyncio.timeout(self.patience.connect_timeout_s):
                        await self._channel.channel_ready()
        except RetryError as error:
            raise self.unreachable() from error

    def unreachable(self) -> ConnectorUnreachableError:
        secured = "with TLS" if self._credentials else "without TLS"
        return ConnectorUnreachableError(
            f"no connector at {self.address} after {self.patience.attempts} attempts of "
            f"{self.patience.connect_timeout_s:g} s {secured}; is it running, and is the address right?"
        )

    def _open(self) -> grpc.aio.Channel:
        """Within an attempt the channel itself tries again at once, at the latest every second."""
        options: tuple[tuple[str, Any], ...] = (
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1_000),
            ("grpc.min_reconnect_backoff_ms", int(self.patience.connect_timeout_s * 1000)),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
        )
        if self._credentials is None:
            return grpc.aio.insecure_channel(self.address, options=options)
        return grpc.aio.secure_channel(self.address, self._credentials, options=options)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # seen: whoever waited may be gone
