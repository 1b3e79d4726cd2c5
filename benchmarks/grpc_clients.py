"""Clients of the connector, each in a process with an event loop and a connection of its own, doing jobs when told.

They are forked from a server that has the imports at hand: fifty of them start in a second.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, Generic, Protocol, TypeVar

import uvloop

from benchmarks.result import BenchmarkError
from connector.client import ConnectorClient

_START_S: Final = 60.0
_STOP_S: Final = 5.0
AnswerT = TypeVar("AnswerT", covariant=True)


class Job(Protocol[AnswerT]):
    """What a client does; it and its answer are pickled."""

    async def run(self, client: ConnectorClient) -> AnswerT: ...


@dataclass(frozen=True)
class _Failed:
    words: str


class Client(Generic[AnswerT]):
    """One of them, seen from here."""

    def __init__(self, process: BaseProcess, pipe: Connection) -> None:
        self._process = process
        self._pipe = pipe

    def tell(self, job: Job[AnswerT] | None) -> None:
        self._pipe.send(job)

    def answer(self, limit_s: float) -> AnswerT:
        """Raises BenchmarkError where it failed or says nothing."""
        if not self._pipe.poll(limit_s):
            raise BenchmarkError(f"a client process did not answer within {limit_s:.0f} s")
        try:
            answer = self._pipe.recv()
        except EOFError as error:
            raise BenchmarkError(f"a client process ended (exit code {self._process.exitcode})") from error
        if isinstance(answer, _Failed):
            raise BenchmarkError(f"a client failed: {answer.words}")
        return answer  # type: ignore[no-any-return]

    def end(self) -> None:
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()


class Clients:
    def __init__(self, clients: Sequence[Client[object]]) -> None:
        self._clients = clients

    async def each(self, jobs: Sequence[Job[AnswerT]], *, limit_s: float = 60.0) -> list[AnswerT]:
        """One job a client, all at the same time; their answers in the same order. Raises BenchmarkError."""
        begun = self.begin(jobs)
        return await asyncio.to_thread(lambda: [client.answer(limit_s) for client in begun])

    def begin(self, jobs: Sequence[Job[AnswerT]]) -> list[Client[AnswerT]]:
        chosen: list[Client[AnswerT]] = list(self._clients[: len(jobs)])  # type: ignore[arg-type]
        for client, job in zip(chosen, jobs, strict=True):
            client.tell(job)
        return chosen


@asynccontextmanager
async def clients(address: str, count: int) -> AsyncIterator[Clients]:
    """Connected; ended with the block."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "benchmarks.grpc_jobs"])
    started: list[Client[object]] = []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_run, args=(theirs, address), daemon=True)
            await asyncio.to_thread(process.start)
            theirs.close()
            started.append(Client(process, ours))
        await asyncio.to_thread(lambda: [client.answer(_START_S) for client in started])
        yield Clients(started)
    finally:
        await asyncio.to_thread(_end_all, started)


def _end_all(started: Sequence[Client[object]]) -> None:
    for client in started:
        client.end()


def _run(pipe: Connection, address: str) -> None:
    uvloop.run(_serve(pipe, address))


async def _serve(pipe: Connection, address: str) -> None:
    """Until it is ended, or this side of the pipe is the last."""
    async with ConnectorClient(address) as client:
        pipe.send("connected")
        while (job := await asyncio.to_thread(pipe.recv)) is not None:
            try:
                pipe.send(await job.run(client))
            except Exception as error:  # noqa: BLE001 - the other side says it
                pipe.send(_Failed(f"{type(error).__name__}: {error}"))
