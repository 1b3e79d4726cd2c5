"""The cross margin dialect through real ccxt: short a coin, pay for it, buy it back (ARB-2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.integration.venue.paper_venue import settings_for
from tests.integration.venue.real_ccxt import ccxt_client
from venue.main import running

SYMBOL = "BTC/USDT"
CROSS = {"marginMode": "cross"}
HOUR_MS = 3_600_000


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Any]:
    """ccxt of kind margin; 40000.00 / 40000.01 stands, for nobody subscribes."""
    tape = tmp_path / "btc-usdt-quotes.csv"
    tape.write_text(f"time_ms,bid,bid_size,ask,ask_size\n1000,40000,5,40000.01,5\n{3 * HOUR_MS},40000,5,40000.01,5\n")
    settings = settings_for(
        tmp_path / "venue",
        spot_symbols=["BTCUSDT"],
        spot_tapes=[tape],
        margin_balances={"USDT": Decimal(50_000)},
        speed="max",
        paced=False,
    )
    async with (
        running(settings) as port,
        ccxt_client(port, kind="binance", defaultType="margin") as one,
    ):
        await one.load_markets()
        yield one


async def held(client: Any, asset: str) -> dict[str, str]:
    account = await client.sapiGetMarginAccount()
    return next((one for one in account["userAssets"] if one["asset"] == asset), {})


async def test_a_short_by_margin_borrows_owes_interest_and_is_bought_back(client: Any) -> None:
    """ARB-2: MARGIN_BUY on the sale, AUTO_REPAY on the way back, exact to the last digit."""
    sold = await client.create_order(SYMBOL, "market", "sell", 0.5, None, {**CROSS, "sideEffectType": "MARGIN_BUY"})
    assert (sold["status"], sold["filled"]) == ("closed", 0.5)
    short = await held(client, "BTC")
    assert (short["borrowed"], short["interest"], short["netAsset"]) == ("0.50000000", "0.00000500", "-0.50000500")
    assert (await client.fetch_balance())["BTC"]["debt"] == 0.500005
    assert (await client.sapiGetMarginAccount())["marginLevel"] == "3.49896457"
    (charged,) = await client.fetch_borrow_interest("BTC")
    assert (charged["interest"], charged["amountBorrowed"], charged["marginMode"]) == (0.000005, 0.5, "cross")

    back = await client.create_order(SYMBOL, "market", "buy", 0.5006, None, {**CROSS, "sideEffectType": "AUTO_REPAY"})
    assert back["status"] == "closed"
    after = await held(client, "BTC")
    assert (after["borrowed"], after["interest"], after["free"]) == ("0.00000000", "0.00000000", "0.00009440")
    assert (await client.sapiGetMarginAccount())["marginLevel"] == "999"
    repaid = await client.sapiGetMarginBorrowRepay({"asset": "BTC", "type": "REPAY"})
    assert sorted(one["amount"] for one in repaid["rows"]) == ["0.00000500", "0.50000000"]


async def test_interest_is_charged_at_each_full_hour_of_the_tape(client: Any) -> None:
    """ARB-2: somebody listens, the tape goes on three hours."""
    await client.borrow_cross_margin("BTC", 1)
    assert (await held(client, "BTC"))["interest"] == "0.00001000"
    assert list(client.markets) == [SYMBOL], "a tape of the pair's own: no perpetual without one"
    await asyncio.wait_for(client.watch_bids_asks([SYMBOL]), 10)
    async with asyncio.timeout(10):
        while (await held(client, "BTC"))["interest"] == "0.00001000":
            await asyncio.sleep(0.01)
    assert (await held(client, "BTC"))["interest"] == "0.00004000"
    assert len(await client.fetch_borrow_interest("BTC")) == 4
    with pytest.raises(ccxt.ExchangeError, match="-3015"):
        await client.repay_cross_margin("BTC", 1.1)
    await client.repay_cross_margin("BTC", 0.50004)
    assert (await held(client, "BTC"))["borrowed"] == "0.50000000"


async def test_limits_and_orders_of_the_margin_account_are_its_own(client: Any) -> None:
    """ERR-1: above the limit -3006; spot sees no order of margin; look-up, cancel and cancel all."""
    limit = Decimal((await client.sapiGetMarginMaxBorrowable({"asset": "BTC"}))["amount"])
    assert limit == Decimal("2.49999968")
    with pytest.raises(ccxt.ExchangeError, match="-3006"):
        await client.create_order(SYMBOL, "market", "sell", 2.6, None, {**CROSS, "sideEffectType": "MARGIN_BUY"})
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order(SYMBOL, "limit", "sell", 1, 41_000, CROSS)
    with pytest.raises(ccxt.ExchangeError, match="-3006"):
        await client.borrow_cross_margin("BTC", 2.6)
    effect = {**CROSS, "sideEffectType": "AUTO_BORROW_REPAY", "postOnly": True}
    placed = await client.create_order(SYMBOL, "limit", "sell", 1, 41_000, {**effect, "clientOrderId": "TLm"})
    assert (await held(client, "BTC"))["locked"] == "1.00000000"
    assert await client.privateGetOpenOrders() == []
    found = await client.fetch_order(None, SYMBOL, {**CROSS, "clientOrderId": "TLm"})
    assert (found["id"], found["postOnly"]) == (placed["id"], True)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await client.privateGetOrder({"symbol": "BTCUSDT", "origClientOrderId": "TLm"})
    assert len(await client.cancel_all_orders(SYMBOL, CROSS)) == 1
    assert (await held(client, "BTC"))["borrowed"] == "0.00000000", "what was borrowed went back with the cancel"
    with pytest.raises(ccxt.ExchangeError, match="-3027"):
        await client.sapiGetMarginMaxBorrowable({"asset": "DOGE"})
