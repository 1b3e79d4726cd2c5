"""Clients in processes of their own: they do what they are told and say what went wrong."""

from __future__ import annotations

import pytest

from benchmarks.bare_server import bare_server
from benchmarks.grpc_clients import clients
from benchmarks.grpc_jobs import Accounts, Bytes, Echoes, Pace
from benchmarks.result import BenchmarkError


async def test_each_client_answers_for_itself() -> None:
    """NFR: as many times as calls were asked for, from every client, in the order of the jobs."""
    async with bare_server() as address, clients(address, 2) as connected:
        calls = [Echoes(Pace(count), address=address, body=b"order") for count in (2, 3)]
        assert [len(times) for times in await connected.each(calls)] == [2, 3]
        [arrivals] = await connected.each([Bytes(100, address=address, body=b"quote")])
        assert 0 < arrivals.first <= arrivals.last
        assert arrivals.messages == arrivals.grpc_messages == 100


async def test_a_call_that_fails_fails_the_measurement_and_not_the_client() -> None:
    """NFR: a time of a refused call is no figure."""
    async with bare_server() as address, clients(address, 1) as connected:
        with pytest.raises(BenchmarkError, match="a client failed: AioRpcError"):
            await connected.each([Accounts(Pace(1))])
        [times] = await connected.each([Echoes(Pace(1), address=address, body=b"")])
        assert len(times) == 1
