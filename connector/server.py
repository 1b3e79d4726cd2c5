"""The gRPC server around the service: health, reflection, error codes, metrics, graceful end (GRPC-3)."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Any, Self, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from connector import metrics
from connector.broadcast import SlowSubscriberError
from connector.errors import ConnectorError
from connector.grpc_errors import code_of, metadata_of
from connector.service import ConnectorService
from connector.transport_security import TokenCheck, UnauthenticatedError
from connector.v1 import connector_pb2, connector_pb2_grpc
from observability.logs import get_logger, redact_text

SERVICE_NAME = connector_pb2.DESCRIPTOR.services_by_name["ConnectorService"].full_name
_log = get_logger(__name__)

# One port, one process: without this the kernel would share it between two.
# A caller whose machine is gone says nothing: pings find that out, and its streams end.
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)
PATIENCE_S = 5.0
"""How long a subscriber whose buffer is full may leave what was written to it unread."""


class GrpcServer:
    """`async with GrpcServer(...)` serves until the block ends. Port 0 takes a free one: read it from `.port`."""

    def __init__(
        self,
        service: ConnectorService,
        *,
        host: str,
        port: int,
        grace_s: float,
        credentials: grpc.ServerCredentials | None = None,
        token: str = "",
    ) -> None:
        self.port = port
        self._credentials = credentials
        self._host = host
        self._grace_s = grace_s
        self._service = service
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(interceptors=(_Guard(TokenCheck(token)),), options=_OPTIONS)

    async def __aenter__(self) -> Self:
        connector_pb2_grpc.add_ConnectorServiceServicer_to_server(self._service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        try:
            self.port = self._listen(f"{self._host}:{self.port}")
        except RuntimeError as error:
            raise ConnectorError(
                f"port {self.port} on {self._host} (gRPC) cannot be listened on: {error}; stop the program that has it "
                "or set another grpc_port"
            ) from error
        await self._server.start()
        for name in ("", SERVICE_NAME):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._health.enter_graceful_shutdown()
        self._service.end_streams()
        await self._server.stop(self._grace_s)
        await self._service.finish()

    def _listen(self, address: str) -> int:
        if self._credentials is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, self._credentials))


class _Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Nobody gets in without the token; every error leaves as a gRPC code with our words; every call is counted."""

    def __init__(self, token: TokenCheck) -> None:
        self._token = token

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
        if not self._token.allows(details.method, details.invocation_metadata):
            return _REFUSING
        handler = await continuation(details)
        if handler is None or not details.method.startswith(f"/{SERVICE_NAME}/"):
            return handler
        method = details.method.rsplit("/", 1)[1]
        coders = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(_guarded_unary(method, handler.unary_unary), **coders)
        return grpc.unary_stream_rpc_method_handler(_guarded_stream(method, handler.unary_stream), **coders)


def _guarded_unary(method: str, answer: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    latency = metrics.GRPC_LATENCY.labels(method)

    async def guarded(request: Any, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            response = await answer(request, context)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the caller is told
            await _abort(method, context, error)
        else:
            metrics.GRPC_CALLS.labels(method, "OK").inc()
            return response
        finally:
            latency.observe(time.perf_counter() - begun)

    return guarded


async def _refuse(_request: Any, context: Any) -> None:
    error = UnauthenticatedError("this connector asks for a token: send metadata authorization: Bearer TOKEN")
    await _abort("refused", context, error)


_REFUSING = grpc.unary_unary_rpc_method_handler(_refuse)


class _StreamCall:
    """A stream's call. `hurry`: what was written must be taken within the patience for slow readers."""

    def __init__(self, context: Any, patience: asyncio.Timeout) -> None:
        self._context = context
        self._patience = patience

    def time_remaining(self) -> float | None:
        remaining_s: float | None = self._context.time_remaining()
        return remaining_s

    def hurry(self) -> None:
        self._patience.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)


def _guarded_stream(
    method: str, stream: Callable[[Any, Any], AsyncGenerator[Any, None]]
) -> Callable[[Any, Any], Awaitable[None]]:
    """Ends the stream's own parts before the call: whoever goes or is cut off leaves nothing behind (GRPC-6)."""

    async def guarded(request: Any, context: Any) -> None:
        try:
            async with (
                asyncio.timeout(None) as patience,
                aclosing(stream(request, _StreamCall(context, patience))) as responses,
            ):
                async for response in responses:
                    await context.write(response)
        except TimeoutError:
            slow = SlowSubscriberError(
                f"nothing of {method} was read for {PATIENCE_S:g} s; subscribe again and read on"
            )
            await _abort(method, context, slow)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the caller is told
            await _abort(method, context, error)
        else:
            metrics.GRPC_CALLS.labels(method, "OK").inc()

    return guarded


async def _abort(method: str, context: Any, error: Exception) -> None:
    code = code_of(error)
    metrics.GRPC_CALLS.labels(method, code.name).inc()
    if code is grpc.StatusCode.INTERNAL:
        _log.error("grpc_call_failed", method=method, exc_info=error)
    words = redact_text(str(error)) or type(error).__name__
    with suppress(TimeoutError):  # the status waits behind what the caller has not read: it may take it or leave it
        async with asyncio.timeout(PATIENCE_S):
            await context.abort(code, words, trailing_metadata=cast("Any", metadata_of(error)))
