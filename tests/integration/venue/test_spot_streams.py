"""Spot and margin streams through real ccxt: market data, and what the owner is told (STREAM-1, ORD-4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest

from tests.integration.venue.paper_venue import settings_for
from tests.integration.venue.real_ccxt import ccxt_client
from venue.main import running

SYMBOL, PERPETUAL = "BTC/USDT", "BTC/USDT:USDT"
WALLETS = {
    "spot_balances": {"USDT": Decimal(100_000), "BTC": Decimal(1)},
    "margin_balances": {"USDT": Decimal(50_000)},
}


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """A synthetic venue that lists BTCUSDT twice and plays from the start."""
    settings = settings_for(tmp_path / "venue", wait_for_subscriber=False, spot_symbols=["BTCUSDT"], **WALLETS)
    async with running(settings) as port:
        yield port


@pytest.fixture
async def client(port: int) -> AsyncIterator[Any]:
    async with ccxt_client(port, kind="binance") as one:
        await one.load_markets()
        yield one


async def soon(waited: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(waited, 10)


async def test_quotes_trades_and_candles_of_both_products_reach_one_client(client: Any) -> None:
    """VEN-1: the same stream names, told apart by the address; one price."""
    spot = (await soon(client.watch_bids_asks([SYMBOL])))[SYMBOL]
    perpetual = (await soon(client.watch_bids_asks([PERPETUAL])))[PERPETUAL]
    assert abs(spot["bid"] - perpetual["bid"]) < 50
    assert set(spot["info"]) == {"u", "s", "b", "B", "a", "A"}, "a spot quote has neither event nor time"
    assert (await soon(client.watch_trades(SYMBOL)))[-1]["symbol"] == SYMBOL
    assert len((await soon(client.watch_ohlcv(SYMBOL, "1m")))[-1]) == 6


async def test_spot_and_perpetual_show_the_same_market_at_the_same_time(port: int) -> None:
    """ARB-2: from one tape and one clock, trade by trade."""

    async def trades(address: str) -> list[tuple[int, Decimal]]:
        url = f"ws://127.0.0.1:{port}{address}?streams=btcusdt@trade"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            told = [(await socket.receive_json())["data"] for _ in range(12)]
            return [(one["T"], Decimal(one["p"])) for one in told]

    spot, perpetual = await soon(asyncio.gather(trades("/stream"), trades("/public/stream")))
    both = dict(spot).keys() & dict(perpetual).keys()
    assert len(both) >= 10
    assert all(dict(spot)[at] == dict(perpetual)[at] for at in both)


@pytest.mark.parametrize(("kind", "extra"), [("spot", {}), ("margin", {"marginMode": "cross"})])
async def test_the_owner_is_told_of_orders_trades_and_balances(port: int, kind: str, extra: dict[str, str]) -> None:
    """ORD-4: the whole life of an order on each account's own stream."""
    async with ccxt_client(port, kind="binance", defaultType=kind) as client:
        await client.load_markets()
        watched = [asyncio.create_task(one) for one in (client.watch_orders(), client.watch_my_trades())]
        balances = asyncio.create_task(client.watch_balance())
        while not [one for one in client.clients.values() if one.subscriptions.get(kind)]:
            await asyncio.sleep(0)
        await soon(asyncio.sleep(0.2))
        placed = await client.create_order(SYMBOL, "market", "buy", 0.01, None, {"clientOrderId": "TLu", **extra})
        orders, trades = await soon(asyncio.gather(*watched))
        balance = await soon(balances)

    assert (orders[-1]["clientOrderId"], orders[-1]["status"], orders[-1]["filled"]) == ("TLu", "closed", 0.01)
    assert (trades[-1]["order"], trades[-1]["fee"]) == (placed["id"], {"cost": 0.00001, "currency": "BTC"})
    assert balance["BTC"]["free"] in (1.00999, 0.00999)


async def test_a_cancel_is_told_with_the_orders_own_id_as_the_original(port: int) -> None:
    """WF-1: `C` names the order, `c` the cancel; a transfer is a balanceUpdate."""
    async with (
        ccxt_client(port, kind="binance") as client,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{port}/ws-api/v3") as socket,
    ):
        await client.load_markets()
        request = {"id": "7", "method": "userDataStream.subscribe.signature", "params": client.sign_params({})}
        await socket.send_json(request)
        assert await socket.receive_json() == {"id": "7", "status": 200, "result": {"subscriptionId": 0}}
        await client.create_order(SYMBOL, "limit", "buy", 0.1, 30_000, {"clientOrderId": "TLc"})
        await client.cancel_order(None, SYMBOL, {"clientOrderId": "TLc"})
        await client.transfer("USDT", 100, "spot", "margin")
        told = [await soon(socket.receive_json()) for _ in range(6)]

    assert {one["subscriptionId"] for one in told} == {0}
    events = [one["event"] for one in told]
    assert [one["e"] for one in events] == [
        "executionReport", "outboundAccountPosition", "executionReport", "outboundAccountPosition", "balanceUpdate",
        "outboundAccountPosition",
    ]  # fmt: skip
    assert (events[2]["x"], events[2]["C"]) == ("CANCELED", "TLc")
    assert events[2]["c"] != "TLc"
    assert events[1]["B"] == [{"a": "USDT", "f": "97000.00000000", "l": "3000.00000000"}]
    assert (events[4]["a"], events[4]["d"]) == ("USDT", "-100.00000000")


async def test_a_wrong_signature_token_or_method_is_refused_in_its_words(port: int) -> None:
    """GRPC-4, ERR-1: nothing is subscribed to."""
    async with (
        ccxt_client(port, kind="binance", api_secret="wrong") as wrong,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{port}/ws-api/v3") as socket,
    ):
        for method, params, code in (
            ("userDataStream.subscribe.signature", wrong.sign_params({}), -1022),
            ("userDataStream.subscribe.signature", {}, -2014),
            ("userDataStream.subscribe.listenToken", {"listenToken": "none"}, -1125),
            ("order.place", {}, -1000),
        ):
            await socket.send_json({"id": 1, "method": method, "params": params})
            answer = await soon(socket.receive_json())
            assert answer["error"]["code"] == code
        await socket.send_str("not json")
        assert (await soon(socket.receive_json()))["error"]["code"] == -1135
        with pytest.raises(ccxt.AuthenticationError):
            await wrong.fetch_balance()
