"""The gRPC server around the service: health, reflection, error codes, metrics, graceful end (GRPC-3)."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self, cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from connector import metrics
from connector.errors import ConnectorError
from connector.grpc_errors import code_of, metadata_of
from connector.service import ConnectorService
from connector.v1 import connector_pb2, connector_pb2_grpc
from observability.logs import get_logger, redact_text

SERVICE_NAME = connector_pb2.DESCRIPTOR.services_by_name["ConnectorService"].full_name
_log = get_logger(__name__)

# One port, one process: without this the kernel would share it between two.
_OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 4 << 20))


class GrpcServer:
    """`async with GrpcServer(...)` serves until the block ends. Port 0 takes a free one: read it from `.port`."""

    def __init__(self, service: ConnectorService, *, host: str, port: int, grace_s: float) -> None:
        self.port = port
        self._host = host
        self._grace_s = grace_s
        self._service = service
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(interceptors=(_Guard(),), options=_OPTIONS)

    async def __aenter__(self) -> Self:
        connector_pb2_grpc.add_ConnectorServiceServicer_to_server(self._service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        try:
            self.port = self._server.add_insecure_port(f"{self._host}:{self.port}")
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


class _Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Every error of the service leaves as a gRPC code with our words; every call is counted."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], details: Any) -> Any:
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


def _guarded_stream(
    method: str, stream: Callable[[Any, Any], AsyncIterator[Any]]
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for response in stream(request, context):
                yield response
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the caller is told
            await _abort(method, context, error)

    return guarded


async def _abort(method: str, context: Any, error: Exception) -> None:
    code = code_of(error)
    metrics.GRPC_CALLS.labels(method, code.name).inc()
    if code is grpc.StatusCode.INTERNAL:
        _log.error("grpc_call_failed", method=method, exc_info=error)
    words = redact_text(str(error)) or type(error).__name__
    await context.abort(code, words, trailing_metadata=cast("Any", metadata_of(error)))
