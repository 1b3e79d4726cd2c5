"""A stream that comes back by itself: after a restart of the connector it goes on after the last seq it had (GRPC-5).

Each message is given once, in its order. What the connector cannot give any more ends the stream with OUT_OF_RANGE.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc

from connector.connection import Connection
from observability.logs import get_logger
from topics.errors import TapelineError

_log = get_logger(__name__)
MessageT = TypeVar("MessageT")
RESUMED_AFTER = (
    grpc.StatusCode.UNAVAILABLE,  # gone or stopping
    grpc.StatusCode.CANCELLED,  # ended from its side
    grpc.StatusCode.RESOURCE_EXHAUSTED,  # we were too slow
    grpc.StatusCode.DATA_LOSS,  # it missed something itself
)


class StreamGapError(TapelineError):
    """The connector left something out: a fault of its. Subscribe anew and read the state as it is."""


@dataclass(frozen=True, slots=True)
class Numbered(Generic[MessageT]):
    """One message of a stream: numbers `first` to `last` of `name`, a symbol or account."""

    name: str
    first: int
    last: int
    message: MessageT


@dataclass(frozen=True, slots=True)
class StreamKind(Generic[MessageT]):
    """`method` of the stub, `request` for what comes after the given numbers, `read` what a response holds.

    `every`: the stream carries every number, so that a hole in them is a fault.
    """

    method: str
    request: Callable[[Mapping[str, int]], Any]
    read: Callable[[Any], Numbered[MessageT]]
    every: bool = True


async def resuming(
    connection: Connection, kind: StreamKind[MessageT], after_seq: Mapping[str, int]
) -> AsyncGenerator[MessageT, None]:
    """Until the caller ends it. Raises ConnectorUnreachableError, StreamGapError, and AioRpcError for every code that
    trying again does not mend."""
    loop, patience = asyncio.get_running_loop(), connection.patience
    reached = dict(after_seq)
    failures = 0
    while True:
        await connection.ready()
        begun_s = loop.time()
        call = getattr(connection.stub, kind.method)(kind.request(reached), metadata=connection.metadata)
        try:
            async for response in call:
                if response.HasField("begin"):
                    reached = {**response.begin.after_seq, **reached}
                    continue
                failures = 0
                for message in _news(reached, (kind.read(response),), every=kind.every):
                    yield message
        except grpc.aio.AioRpcError as error:
            if error.code() not in RESUMED_AFTER:
                raise
            _log.warning("connector_stream_lost", stream=kind.method, code=error.code().name, reason=error.details())
        finally:
            call.cancel()
        failures = 1 if loop.time() - begun_s > patience.connect_timeout_s else failures + 1
        if failures >= patience.attempts:
            raise connection.unreachable()
        if failures > 1:
            await asyncio.sleep(patience.wait_s(failures - 1))


def _news(reached: dict[str, int], found: Iterable[Numbered[MessageT]], *, every: bool) -> Iterable[MessageT]:
    """What is new; moves `reached` on. A name that is not in it (the symbol is not followed) passes untouched."""
    for one in found:
        if one.name in reached:
            if one.last <= reached[one.name]:
                continue
            if every and one.first > reached[one.name] + 1:
                raise StreamGapError(f"{one.name}: {one.first} came after {reached[one.name]}")
            reached[one.name] = one.last
        yield one.message
