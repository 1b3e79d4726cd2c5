"""The floor under every figure of the gRPC benchmarks: grpc.aio itself, bytes in and bytes out, nothing of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import grpc

_SERVICE: Final = "bare.Bare"
ECHO: Final = f"/{_SERVICE}/Echo"
STREAM: Final = f"/{_SERVICE}/Stream"


@asynccontextmanager
async def bare_server() -> AsyncIterator[str]:
    """Its address on loopback. `ECHO` answers with what it was given; `STREAM` sends the request back as often as its
    first eight bytes say."""
    server = grpc.aio.server()
    methods = {
        "Echo": grpc.unary_unary_rpc_method_handler(_echo),
        "Stream": grpc.unary_stream_rpc_method_handler(_stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def repeated(body: bytes, times: int) -> bytes:
    """The request of `STREAM`."""
    return times.to_bytes(8, "big") + body


async def _echo(request: bytes, _context: Any) -> bytes:
    return request


async def _stream(request: bytes, _context: Any) -> AsyncIterator[bytes]:
    body = request[8:]
    for _ in range(int.from_bytes(request[:8], "big")):
        yield body
